"""SynFlow: conserved flow, no data, no layer emptied where other scores empty some."""

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn

from edgejoule import plugins
from edgejoule.prune import schedules
from edgejoule.prune.cost import count
from edgejoule.prune.recipes import at_init, lottery
from edgejoule.prune.saliency import synflow
from edgejoule.prune.weightmasks import weight_mask


def chain(*widths):
    """Linear layers with ReLUs between them, without biases."""
    torch.manual_seed(0)
    layers = []
    for before, after in zip(widths, widths[1:]):
        layers += [nn.Linear(before, after, bias=False), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def flows(model, shape, **options):
    mask = weight_mask.full(model, weight_mask.names(model))
    return synflow.scores(model, mask, [(torch.ones(1, *shape), torch.zeros(1))], **options)


def test_by_hand():
    """W1 = [[1, -2], [3, .5]], W2 = [[-1, 2]]: R = 10, S1 = [[1, 2], [6, 1]], S2 = [[3, 7]]."""
    model = chain(2, 2, 1)
    model[0].weight.data = torch.tensor([[1.0, -2.0], [3.0, 0.5]])
    model[2].weight.data = torch.tensor([[-1.0, 2.0]])
    found = flows(model, (2,))
    assert (10 * found["0.weight"]).tolist() == [[1, 2], [6, 1]]
    assert (10 * found["2.weight"]).tolist() == [[3, 7]]


def test_what_flows_into_a_unit_flows_out_and_every_layer_holds_all_of_it():
    """Against products of absolute matrices in numpy, the layers before and after each."""
    model = chain(7, 6, 5, 4, 3)
    found = flows(model, (7,))
    matrices = [abs(model[i].weight.detach().double().numpy()) for i in (0, 2, 4, 6)]
    total = np.ones(3) @ matrices[3] @ matrices[2] @ matrices[1] @ matrices[0] @ np.ones(7)
    for place, matrix in enumerate(matrices):
        below, above = np.ones(7), np.ones(3)
        for each in matrices[:place]:
            below = each @ below
        for each in matrices[:place:-1]:
            above = above @ each
        naive = above[:, None] * matrix * below[None, :] / total
        assert np.allclose(found["{}.weight".format(2 * place)].numpy(), naive, rtol=1e-12)
    scores = [each.numpy() for each in found.values()]
    assert [each.sum() for each in scores] == pytest.approx([1] * 4, rel=1e-12)
    for before, after in zip(scores, scores[1:]):
        assert before.sum(1) == pytest.approx(after.sum(0), rel=1e-12)


def test_convolutions_and_norms_conserve_it_too():
    model = small_net()
    for norm in (model[1], model[4]):
        norm.weight.data.uniform_(-2, 2)
        norm.bias.data.normal_()
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    found = flows(model, (3, 8, 8))
    assert [float(each.sum()) for each in found.values()] == pytest.approx([1] * 3, rel=1e-12)
    into = found["3.weight"].sum((1, 2, 3))
    assert into.tolist() == pytest.approx(found["8.weight"].sum(0).tolist(), rel=1e-12)
    into = found["0.weight"].sum((1, 2, 3))
    assert into.tolist() == pytest.approx(found["3.weight"].sum((0, 2, 3)).tolist(), rel=1e-12)
    with_shifts = flows(model, (3, 8, 8), biases=True)
    assert float(with_shifts["0.weight"].sum()) < 1, "biases carry some of the flow"


def test_signs_do_not_matter_and_the_model_stays_as_it_was():
    model = small_net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    plain = flows(model, (3, 8, 8))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model[0].weight.dtype == torch.float32 and model.training
    for name in plain:
        flips = torch.randint(2, before[name].shape) * 2 - 1
        model.get_parameter(name).data.mul_(flips)
    flipped = flows(model, (3, 8, 8))
    assert all(torch.equal(plain[name], flipped[name]) for name in plain)


def test_deep_networks_neither_overflow_nor_vanish():
    """100 layers of weights of 10 and of 0.001: float32 holds neither product."""
    for size in (10.0, 1e-3):
        model = chain(*[4] * 101)
        for layer in model:
            if isinstance(layer, nn.Linear):
                layer.weight.data.fill_(size)
        found = flows(model, (4,))
        assert len(found) == 100
        assert all(torch.allclose(each, torch.full_like(each, 1 / 16)) for each in found.values())
    model = chain(*[4] * 401)
    for layer in model:
        if isinstance(layer, nn.Linear):
            layer.weight.data.fill_(10.0)
    with pytest.raises(ValueError, match="too deep"):
        flows(model, (4,))


def test_the_schedule_falls_by_the_same_factor():
    """A compression of 100 in four steps, and of 1000 in a hundred: 1 - rho^(-k/n)."""
    assert schedules.geometric(0.99, 4) == pytest.approx([0.68377, 0.9, 0.96838, 0.99], abs=5e-6)
    found = schedules.geometric(0.999, 100)
    assert found == pytest.approx([1 - 1000 ** (-k / 100) for k in range(1, 101)])


def vgg_like():
    """Convolutions in pairs with poolings between, ever wider, as in VGG: 115 000 weights."""
    torch.manual_seed(0)
    layers, before = [], 3
    for width in (4, 4, "M", 8, 8, 8, "M", 32, 32, 32, "M", 64, 64, 64):
        if width == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        layers.append(nn.ReLU())
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 4))


def emptied(saliency, ratio):
    trainer = FakeTrainer(vgg_like(), epochs=0)
    outcome = at_init.run(trainer, ratio=ratio, saliency=saliency)
    assert outcome.weight_mask.kept == outcome.weight_mask.weights - int(
        ratio * outcome.weight_mask.weights + 1e-9
    )
    told = [sentence for sentence in trainer.warnings if "layer collapse" in sentence]
    assert bool(told) == bool(outcome.weight_mask.empty)
    return outcome, trainer


@pytest.mark.parametrize("saliency, ratio", [("magnitude", 0.99), ("snip", 0.999)])
def test_no_layer_is_emptied_where_others_empty_some(saliency, ratio):
    """At compressions of 100 and 1000; and the flow through what is left is not cut off."""
    assert len(emptied(saliency, ratio)[0].weight_mask.empty) >= 4
    outcome, trainer = emptied("synflow", ratio)
    assert outcome.weight_mask.empty == []
    ones = [(torch.ones_like(trainer.example), torch.zeros(1))]
    found = synflow.scores(trainer.model, outcome.weight_mask, ones)
    assert all(float(each.sum()) == pytest.approx(1) for each in found.values())


@pytest.mark.parametrize("left", [1, 2, 5])
def test_critical_compression_is_the_greatest_that_there_is(left):
    """On a chain no layer empties before all are down to one weight: rho = N / L."""
    model = chain(12, 10, 8, 6)
    total = 12 * 10 + 10 * 8 + 8 * 6
    trainer = FakeTrainer(model, epochs=0)
    trainer.example = torch.ones(1, 12)
    ratio = 1 - (3 * left) / total
    outcome = at_init.run(trainer, ratio=ratio, saliency="synflow")
    assert outcome.weight_mask.empty == [] and outcome.weight_mask.kept == 3 * left


def test_it_takes_no_data_and_is_charged_for_a_hundred_inputs():
    trainer = FakeTrainer(epochs=1)
    trainer.batches = None
    macs = count(trainer.model, trainer.example).train_macs
    at_init.run(trainer, ratio=0.5, saliency="synflow")
    assert trainer.charged == [("score", 2 * macs, "synflow scores")] * 100
    trainer.charged.clear()
    lottery.run(trainer, ratio=0.5, saliency="synflow", weights="keep")
    assert trainer.charged == [("score", 2 * macs, "synflow scores")]
    with pytest.raises(ValueError, match="no data"):
        at_init.run(FakeTrainer(), ratio=0.5, saliency="synflow", score_batches=1)


def test_resnet_20_stays_connected_at_a_compression_of_100():
    """Beside a shortcut's convolution runs the block itself, so only shortcuts may be emptied."""
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build(10)
    mask = weight_mask.full(model, weight_mask.names(model))
    ones = [(torch.ones(1, 3, 32, 32), torch.zeros(1))]
    for share in schedules.geometric(0.99, 10):
        gone = weight_mask.removal(share, mask.weights) - (mask.weights - mask.kept)
        mask = weight_mask.lowest(synflow.scores(model, mask, ones), mask, gone)
    assert all("shortcut" in name for name in mask.empty)
    assert mask.kept == mask.weights - int(0.99 * mask.weights)
    found = synflow.scores(model, mask, ones)
    assert float(found["conv1.weight"].sum()) == pytest.approx(1)
    assert float(found["fc.weight"].sum()) == pytest.approx(1)
