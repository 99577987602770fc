"""Discrimination-aware pruning: which channels are chosen, how weights are fitted, the cut."""

import copy

import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn
from torch.nn import functional

from edgejoule.bench.architectures.cifar_resnets import CifarResNet
from edgejoule.prune import grouping
from edgejoule.prune.mask import masked
from edgejoule.prune.parity import parity
from edgejoule.prune.recipes import dcp
from edgejoule.prune.scoring import discriminative, reconstruction
from edgejoule.prune.scoring.discriminative import Choice, Head

X = [[1.0, 0, 1], [0, 1, 1], [1, 1, 0], [2, 0, 1]]


def reader(slices):
    """A linear layer's reader and the gradient [out, in] with these slices by input."""
    gradient = torch.tensor(slices, dtype=torch.float64).t()
    layer = nn.Linear(gradient.shape[1], gradient.shape[0], bias=False)
    positions = torch.arange(gradient.shape[1])[:, None]
    return gradient, reconstruction.Reader("weight", layer, positions)


def test_sizes_of_gradients_as_in_the_paper_and_in_the_code():
    gradient, one = reader([(3, 4), (0, 2), (1, 1)])
    assert discriminative.sizes([gradient], [one], "frobenius").tolist() == pytest.approx(
        [5, 2, 1.4142136]
    )
    assert discriminative.sizes([gradient], [one], "kernels").tolist() == pytest.approx([7, 2, 2])
    gradient, one = reader([(3, 3), (5.5, 0)])
    frobenius = discriminative.sizes([gradient], [one], "frobenius")
    assert frobenius.tolist() == pytest.approx([4.2426407, 5.5])
    assert discriminative.sizes([gradient], [one], "kernels").tolist() == pytest.approx([6, 5.5])


def test_sizes_over_kernels_flattened_channels_and_several_readers():
    torch.manual_seed(0)
    conv, line = torch.randn(5, 3, 2, 2), torch.randn(4, 6)
    both = [
        reconstruction.Reader("a.weight", nn.Conv2d(3, 5, 2), torch.arange(3)[:, None]),
        reconstruction.Reader("b.weight", nn.Linear(6, 4), torch.arange(6).view(3, 2)),
    ]
    for norm in discriminative.NORMS:
        found = discriminative.sizes([conv, line], both, norm)
        for c in range(3):
            kernels = [conv[o, c] for o in range(5)]
            kernels += [line[o, 2 * c : 2 * c + 2] for o in range(4)]
            norms = [float(each.pow(2).sum()) ** 0.5 for each in kernels]
            aim = sum(norms) if norm == "kernels" else sum(n * n for n in norms) ** 0.5
            assert float(found[c]) == pytest.approx(aim, rel=1e-5)


def regression():
    """(network, its copy, readers, data): y = X (1, .2, -.5), as a second linear layer."""
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 1, bias=False)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(3))
        model[1].weight.copy_(torch.tensor([[1.0, 0.2, -0.5]]))
    x = torch.tensor(X, dtype=torch.float64)
    (group,) = grouping.find(model, x[:1])
    data = [(x, torch.zeros(4, dtype=torch.long))]
    return model, copy.deepcopy(model), reconstruction.readers(model, group), data


@pytest.mark.parametrize(
    "count, kept, weights, error",
    [
        (1, [1, 0, 0], None, 0.0870833),
        (2, [1, 0, 1], [1, 0, -0.4333333], 0.0166667),
        (3, [1, 1, 1], [1, 0.2, -0.5], 0.0),
    ],
)
def test_greedy_choice_on_a_regression(count, kept, weights, error):
    model, original, readers, data = regression()
    how = Choice(count, share=0.0, decay=0.0, rate=0.05, passes=400)
    chosen = discriminative.choose(model, readers, original, Head(), data, how)
    assert chosen.tolist() == [bool(each) for each in kept]
    found = model[1].weight.detach()
    change = (model(data[0][0]) - original(data[0][0])).detach()
    assert float(change.pow(2).mean()) == pytest.approx(error, abs=1e-6)
    if weights is not None:
        assert found[0].tolist() == pytest.approx(weights, abs=1e-5)


def test_a_tolerance_ends_the_choice_early():
    model, original, readers, data = regression()
    how = Choice(3, share=0.0, decay=0.0, rate=0.05, passes=400, tolerance=0.1)
    chosen = discriminative.choose(model, readers, original, Head(), data, how)
    assert chosen.tolist() == [True, False, True], "from .0871 to .0167 is under a tenth of 1.01"


def test_all_channels_are_the_layer_itself():
    model, original, readers, data = regression()
    how = Choice(3, chunk=3, share=0.0, passes=0)
    assert discriminative.choose(model, readers, original, Head(), data, how).all()
    assert torch.equal(model[1].weight, original[1].weight)


def test_the_first_choice_is_the_naive_gradient_s_with_a_head():
    torch.manual_seed(0)
    model = small_net().double().eval()
    x, y = torch.randn(6, 3, 8, 8, dtype=torch.float64), torch.arange(6) % 4
    group = grouping.find(model, x[:1])[0]
    with torch.no_grad():
        aid = discriminative.head(model[3], model[:4](x), 4)
    aid.layers.eval()
    original, readers = copy.deepcopy(model), reconstruction.readers(model, group)
    weight = torch.zeros_like(model[3].weight).requires_grad_()
    hidden = functional.conv2d(model[:3](x), weight, padding=1)
    aim = original[:4](x).detach()
    loss = (hidden - aim).pow(2).mean() + 0.7 * functional.cross_entropy(aid.layers(hidden), y)
    (gradient,) = torch.autograd.grad(loss, [weight])
    best = max(range(8), key=lambda c: float(gradient[:, c].pow(2).sum()))
    how = Choice(1, share=0.7, passes=0)
    batches = [(x[:4], y[:4]), (x[4:], y[4:])]  # unequal batches weigh by their images
    chosen = discriminative.choose(model, readers, original, aid, batches, how)
    assert chosen.nonzero().flatten().tolist() == [best]
    kept = model[3].weight.detach()
    assert torch.equal(kept[:, best], original[3].weight[:, best])
    assert float(kept.abs().sum()) == pytest.approx(float(kept[:, best].abs().sum()))


def test_fitting_moves_the_chosen_alone():
    trainer = FakeTrainer()
    model, data = trainer.model, trainer.batches(2)
    group = grouping.find(model, trainer.example)[0]
    original = copy.deepcopy(model)
    before = copy.deepcopy(model.state_dict())
    chosen = discriminative.choose(
        model, reconstruction.readers(model, group), original, Head(), data, Choice(3)
    )
    after = model.state_dict()
    assert int(chosen.sum()) == 3 and bool((after["3.weight"][:, ~chosen] == 0).all())
    assert not torch.equal(after["3.weight"][:, chosen], before["3.weight"][:, chosen])
    assert all(torch.equal(after[k], before[k]) for k in before if k != "3.weight")


@pytest.mark.parametrize("losses", [0, 1, 2])
def test_the_network_is_cut_and_no_head_is_left(losses):
    trainer = FakeTrainer(epochs=1)
    kept, replace = [], trainer.replace
    trainer.replace = lambda model: (kept.append(copy.deepcopy(trainer.model)), replace(model))
    names = list(trainer.model.state_dict())
    outcome = dcp.run(trainer, ratio=0.5, losses=losses, score_batches=2, retrain_epochs=0)
    assert trainer.channels() == 10 and list(outcome.model.state_dict()) == names
    assert [int(flags.sum()) for flags in outcome.mask.values()] == [4, 6]
    assert parity(kept[-1], outcome.model, trainer.x, modes=(False,)) < 1e-5
    small = masked(kept[-1], outcome.groups, outcome.mask)
    assert parity(small, outcome.model, trainer.x, modes=(False,)) < 1e-5
    assert {phase for phase, *_ in trainer.charged} == {"search"}
    tuned = [what for _, _, what in trainer.charged if what == "tuning with a head"]
    assert len(tuned) == min(losses, 1), "two layers make two stages, and the last needs no head"


def test_it_retrains():
    trainer = FakeTrainer(epochs=2)
    dcp.run(trainer, ratio=0.3, score_batches=1, chunk=4, norm="kernels")
    assert trainer.phases() == [("dense", 2), ("retrain", 2)]


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"norm": "l1"}, "no norm called 'l1'; there are: frobenius, kernels"),
        ({"losses": -1}, "losses=-1; it starts at 0"),
        ({"chunk": 0}, "chunk=0; it starts at 1"),
        ({"score_batches": 0}, "score_batches=0; it starts at 1"),
    ],
)
def test_what_it_cannot_mean_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        dcp.run(FakeTrainer(), ratio=0.5, **wrong)


def test_it_chooses_inner_channels_of_resnet20():
    torch.manual_seed(0)
    model, x = CifarResNet(3, 10, 3, shortcut="B", widths=(16, 32, 64)), torch.randn(4, 3, 32, 32)
    group = grouping.find(model, x[:1], mode="inner")[4]
    readers = reconstruction.readers(model, group)
    data, how = [(x, torch.arange(4))], Choice(16, chunk=8)
    chosen = discriminative.choose(model, readers, copy.deepcopy(model), Head(), data, how)
    assert int(chosen.sum()) == 16 and group.channels == 32
