"""GraSP against an explicit Hessian in float64, its two failures, and its structured form."""

import copy

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.cost import count
from edgejoule.prune.mask import masked
from edgejoule.prune.recipes import at_init, cut_at_init, grasp_it, snip_it
from edgejoule.prune.saliency import grasp
from edgejoule.prune.scoring import gradient_flow
from edgejoule.prune.settings import Criterion, Saliency
from edgejoule.prune.weightmasks import weight_mask


def tiny(dtype=torch.float64):
    """A smooth network of 3 x 4 + 4 x 3 weights, and a mask of all of them."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).to(dtype)
    return model, weight_mask.full(model, weight_mask.names(model))


def labelled(images=12, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(images, 3, generator=generator).to(dtype), torch.arange(images) % 3


def loss_of(model, x, y, temperature):
    """The mean loss as a function of one vector of all weights."""
    weights = [model[0].weight, model[2].weight]
    shapes = [w.shape for w in weights]

    def loss(vector):
        first, second = (
            part.view(shape)
            for part, shape in zip(vector.split([shape.numel() for shape in shapes]), shapes)
        )
        hidden = torch.tanh(functional.linear(x, first, model[0].bias))
        logits = functional.linear(hidden, second, model[2].bias)
        return functional.cross_entropy(logits / temperature, y)

    return loss, torch.cat([w.detach().flatten() for w in weights])


@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_scores_are_those_of_an_explicit_hessian(temperature):
    """Each row of H by itself, from central differences of gradients for the second opinion."""
    model, mask = tiny()
    x, y = labelled()
    loss, w = loss_of(model, x, y, temperature)
    hessian = torch.autograd.functional.hessian(loss, w)
    gradient = torch.autograd.functional.jacobian(loss, w)
    raw = w * hessian.mv(gradient)
    step, rows = 1e-5, []
    for place in range(len(w)):
        moved = torch.zeros_like(w)
        moved[place] = step
        up, down = (torch.autograd.functional.jacobian(loss, w + s * moved) for s in (1, -1))
        rows.append((up - down) / (2 * step))
    assert torch.allclose(torch.stack(rows), hessian, atol=1e-9)
    found = grasp.scores(model, mask, [(x, y)], per_class=4, temperature=temperature)
    flat = torch.cat([each.flatten() for each in found.values()])
    assert torch.allclose(flat, raw / (raw.sum().abs() + 1e-10), rtol=1e-8)


def quadratic(hessian, start, parts=2):
    """(w, Hg) of w' H w / 2, given in parts whose mean it is."""
    hessian = torch.tensor(hessian, dtype=torch.float64)
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    shares = [hessian * 2 * (part + 1) / (parts + 1) for part in range(parts)]

    def loss_of(share):
        return lambda: w @ share @ w / 2

    (found,) = gradient_flow.products([loss_of(share) for share in shares], [w])
    return w.detach(), found


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_quadratic_by_hand(parts):
    """H = [[2, 1], [1, 3]], w = (1, -1): g = (1, -2), Hg = (0, -5), so -w * Hg = (0, -5)."""
    w, hg = quadratic([[2.0, 1.0], [1.0, 3.0]], [1.0, -1.0], parts)
    assert hg.tolist() == pytest.approx([0.0, -5.0])
    assert int((w * hg).argmin()) == 0, "the first weight leaves first"
    hessian = np.array([[2.0, 1.0], [1.0, 3.0]])
    flow = [np.sum((hessian @ v) ** 2) for v in np.array([[1.0, -1.0], [0.0, -1.0], [1.0, 0.0]])]
    assert (flow[1] - flow[0], flow[2] - flow[0]) == (5.0, 0.0), "and raises ||g||^2 most"


def test_with_h_the_identity_it_is_snip_up_to_sign():
    w, hg = quadratic([[1.0, 0.0], [0.0, 1.0]], [1.0, -2.0])
    assert (w * hg).tolist() == pytest.approx([1.0, 4.0]), "w * g, of which SNIP takes the size"


def test_a_loss_that_is_linear_in_a_weight_has_no_product():
    w = torch.ones(2, requires_grad=True)
    assert gradient_flow.products([lambda: w.sum()], [w])[0].tolist() == [0, 0]


def test_scores_tell_the_change_of_the_gradient_flow_to_first_order():
    """d ||g||^2 along -w is -2 w Hg: weights shrunk by a thousandth, one at a time."""
    model, mask = tiny()
    x, y = labelled()
    loss, w = loss_of(model, x, y, 1.0)

    def flow(vector):
        return float(torch.autograd.functional.jacobian(loss, vector).pow(2).sum())

    products = gradient_flow.hessian_gradient(
        model, [(x, y)], [model.get_parameter(name) for name in mask], 1.0, True
    )
    hg = torch.cat([each.flatten() for each in products])
    for place in range(len(w)):
        up, down = w.clone(), w.clone()
        up[place] *= 1.001
        down[place] *= 0.999
        slope = (flow(up) - flow(down)) / 0.002
        assert slope == pytest.approx(2 * float(w[place] * hg[place]), rel=1e-4, abs=1e-12)


def test_halves_have_every_class_as_often():
    x, y = torch.arange(40.0).view(40, 1), torch.arange(40) % 4
    parts = gradient_flow.halves([(x[:25], y[:25]), (x[25:], y[25:])], 6)
    for part, labels in parts:
        assert [int((labels == each).sum()) for each in range(4)] == [3, 3, 3, 3]
        assert torch.equal(part.flatten().long() % 4, labels)
    used = torch.cat([part.flatten() for part, _ in parts]).long().tolist()
    assert sorted(used) == list(range(24)), "the first six of each class"
    assert gradient_flow.shortage([(x, y)], 10) == ""
    assert "8 of the 48 images of 4 classes" in gradient_flow.shortage([(x, y)], 12)
    with pytest.raises(ValueError, match="1 images for the two halves"):
        gradient_flow.halves([(x[:1], y[:1])], 5)


def test_too_few_images_of_a_class_are_told():
    trainer = FakeTrainer(epochs=1)
    at_init.run(trainer, ratio=0.5, saliency="grasp", per_class=20, score_batches=3)
    assert trainer.warnings and "32 of the 80 images" in trainer.warnings[0]
    trainer = FakeTrainer(epochs=1)
    at_init.run(trainer, ratio=0.5, saliency="grasp", per_class=10, score_batches=3)
    assert trainer.warnings == []


def test_the_model_stays_as_it_was_and_xavier_scores_another():
    model = small_net()
    mask = weight_mask.full(model, weight_mask.names(model))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    data, state = FakeTrainer().batches(3), torch.get_rng_state()
    kept, drawn = (grasp.scores(model, mask, data, classifier=each) for each in ("kept", "xavier"))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.allclose(kept["8.weight"], drawn["8.weight"])
    again = grasp.scores(model, mask, data, classifier="xavier")
    assert all(torch.equal(drawn[name], again[name]) for name in mask)
    assert all(each.grad is None for each in model.parameters())


@pytest.mark.parametrize(
    "options, word",
    [
        ({"per_class": 0}, "images start at 1"),
        ({"temperature": 0.0}, "above 0"),
        ({"classifier": "he"}, "kept, xavier"),
    ],
)
def test_refused(options, word):
    with pytest.raises(ValueError, match=word):
        Saliency("grasp", **options)
    if "classifier" not in options:
        with pytest.raises(ValueError, match=word):
            Criterion("grasp", **options)


def test_cost_is_that_of_two_sweeps_over_the_images_used():
    """A forward and backward pass of each image, then the same again with its derivative."""
    trainer = FakeTrainer(epochs=1)
    macs = count(trainer.model, trainer.example).train_macs
    at_init.run(trainer, ratio=0.5, saliency="grasp", per_class=10, score_batches=3)
    assert trainer.charged == [("score", 2 * 40 * (1 + 3) * macs, "grasp scores")]


def events(gone):
    trainer = FakeTrainer(epochs=1)
    outcome = grasp_it.run(trainer, ratio=0.98, gone=gone, score_batches=3)
    return trainer, outcome, outcome.facts["events"]


def test_in_steps_it_brings_weights_back():
    """Appendix E: weights that are gone score 0, more than half of those that are left do."""
    trainer, outcome, told = events("return")
    assert trainer.phases() == [("retrain", 1)] and len(told) == 7
    total = outcome.weight_mask.weights
    kept = [total - weight_mask.removal(s, total) for s in (0.5, 0.74, 0.86, 0.92, 0.95, 0.965)]
    assert [each["kept"] for each in told[:6]] == kept
    assert told[0]["returned"] == 0 and any(each["returned"] for each in told[1:])
    said = [sentence for sentence in trainer.warnings if "layer collapse" in sentence]
    assert len(said) == bool(told[-1]["empty"]), "once, and not after every event"
    assert sorted(outcome.weight_mask.empty) == told[-1]["empty"]
    model = trainer.model
    assert all(
        not model.get_parameter(name).detach()[~flags].any()
        for name, flags in outcome.weight_mask.items()
    )


def test_in_steps_without_what_is_gone_it_disconnects():
    trainer, outcome, told = events("stay")
    assert [each["returned"] for each in told] == [0] * 7
    assert told[-1]["units_without_input"] > told[0]["units_without_input"]
    twin = snip_it.run(FakeTrainer(epochs=1), ratio=0.98, saliency="grasp", score_batches=3)
    assert twin.weight_mask.kept == outcome.weight_mask.kept


def test_grasp_it_refuses():
    with pytest.raises(ValueError, match="return, stay"):
        grasp_it.run(FakeTrainer(), ratio=0.9, gone="lost")
    assert "one event" in events_of_a_third().warnings[0]


def events_of_a_third():
    trainer = FakeTrainer(epochs=1)
    outcome = grasp_it.run(trainer, ratio=0.3, score_batches=3)
    assert len(outcome.facts["events"]) == 1
    return trainer


def test_a_channel_s_score_is_the_sum_over_its_filter():
    trainer = FakeTrainer()
    data, model = trainer.batches(3), trainer.model
    found = grouping.find(model, trainer.example)
    single = grasp.scores(
        model, weight_mask.full(model, weight_mask.names(model)), data, per_class=6
    )
    scores = Criterion("grasp", per_class=6).scores(model, found, data)
    assert set(scores) == {"0", "3"}
    for name in scores:
        naive = [float(each.sum()) for each in single[name + ".weight"]]
        assert scores[name].tolist() == pytest.approx(naive)


def test_a_cut_by_it_is_the_masked_network():
    trainer = FakeTrainer(epochs=0)
    dense = copy.deepcopy(trainer.model)
    outcome = cut_at_init.run(trainer, ratio=0.5, criterion="grasp", per_class=6)
    assert outcome.mask.kept == 10 and trainer.channels() == 10
    expected = masked(dense, outcome.groups, outcome.mask).eval()(trainer.x)
    assert torch.allclose(outcome.model.eval()(trainer.x), expected, atol=1e-5)


def test_a_dead_channel_scores_nothing_and_may_outlive_others():
    """Unlike SNIP's: its loss changes no gradient flow, that of others raises it."""
    trainer = FakeTrainer(epochs=0)
    trainer.model[0].weight.data[3] = 0
    found = grouping.find(trainer.model, trainer.example)
    scores = Criterion("grasp", per_class=6).scores(trainer.model, found, trainer.batches(3))
    assert float(scores["0"][3]) == 0 and float(scores["0"].min()) < 0


def test_resnet_20_is_scored_and_masked():
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build(10)
    mask = weight_mask.full(model, weight_mask.names(model))
    data = [(torch.randn(4, 3, 32, 32), torch.arange(4))]
    scores = grasp.scores(model, mask, data)
    assert all(torch.isfinite(each).all() for each in scores.values())
    assert (
        weight_mask.lowest(scores, mask, mask.weights // 2).kept == mask.weights - mask.weights // 2
    )
