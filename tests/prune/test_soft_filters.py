"""Soft filter pruning: filters that are set to zero after an epoch and may come back."""

import copy

import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn
from torch.nn import functional

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.gates.soft_filters import Softening, zero_filters
from edgejoule.prune.mask import Mask, masked
from edgejoule.prune.recipes import sfp


def lowest(weight, share):
    """Which filters [n] stay when the share of lowest norm leaves, the earlier one of equals."""
    norms = [float(row.double().pow(2).sum()) for row in weight]
    gone = sorted(range(len(norms)), key=lambda place: (norms[place], place))
    gone = gone[: int(share * len(norms) + 1e-9)]
    return [place not in gone for place in range(len(norms))]


class Watching(FakeTrainer):
    """Keeps the network after each epoch, before and after what the recipe did to it."""

    def train(self, epochs, first=0, total=None, after_epoch=None, **more):
        self.before, self.after = [], []

        def seen(epoch):
            self.before.append(copy.deepcopy(self.model))
            ended = after_epoch(epoch)
            self.after.append(copy.deepcopy(self.model))
            return ended

        return super().train(epochs, first, total, after_epoch=seen, **more)


def test_each_epoch_zeroes_the_filters_of_lowest_norm_and_nothing_else():
    trainer = Watching(epochs=4)
    outcome = sfp.run(trainer, ratio=0.4)
    assert trainer.phases() == [("search", 4)], "the paper retrains nothing after the cut"
    for before, after in zip(trainer.before, trainer.after):
        for layer in (0, 3):
            old, new = before[layer].weight.detach(), after[layer].weight.detach()
            stay = torch.tensor(lowest(old, 0.4))
            assert int((~stay).sum()) == int(0.4 * len(old))
            assert torch.equal(new[stay], old[stay]) and not new[~stay].any()
        others = [name for name in before.state_dict() if name not in ("0.weight", "3.weight")]
        assert all(torch.equal(before.state_dict()[n], after.state_dict()[n]) for n in others)
    last = trainer.after[-1]
    for group, layer in zip(outcome.groups, (0, 3)):
        left = last[layer].weight.detach().flatten(1).any(1)
        assert outcome.mask[group.name].tolist() == left.tolist()
    expected = masked(last, outcome.groups, outcome.mask).eval()(trainer.x)
    assert torch.allclose(outcome.model.eval()(trainer.x), expected, atol=1e-5)
    assert [outcome.model[0].out_channels, outcome.model[3].out_channels] == [5, 8]


def test_zeroed_filters_are_trained_and_may_come_back():
    trainer = Watching(epochs=6, rate=0.2)
    outcome = sfp.run(trainer, ratio=0.5)
    alive = trainer.before[1][0].weight.detach().flatten(1).any(1)
    assert alive.all(), "a zero filter got gradients in the next epoch"
    rounds = outcome.facts["soft_masks"]
    flags = [
        [each[layer].weight.detach().flatten(1).any(1) for layer in (0, 3)]
        for each in trainer.after
    ]
    back = [0] + [
        sum(int((b & ~a).sum()) for a, b in zip(earlier, later))
        for earlier, later in zip(flags, flags[1:])
    ]
    assert [each["came_back"] for each in rounds] == back and sum(back) > 0
    assert {each["zero"] for each in rounds} == {10}


def test_one_zero_filter_receives_a_gradient_through_its_batch_norm():
    model = small_net().double()
    with torch.no_grad():
        model[1].bias.fill_(0.1)  # a ReLU passes nothing back to a channel that is 0 or less
    x = torch.randn(8, 3, 8, 8, dtype=torch.float64)
    found = grouping.find(model, x[:1])
    flags = torch.arange(8) != 2
    zero_filters(model, found, Mask({found[0].name: flags}))
    functional.cross_entropy(model(x), torch.arange(8) % 4).backward()
    assert not model[0].weight.detach()[2].any() and model[0].weight.grad[2].abs().max() > 0
    assert model[0].weight.detach()[flags].flatten(1).any(1).all()


def test_biases_leave_with_their_filters_and_lengths_with_their_directions():
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    with torch.no_grad():
        model[0].bias.fill_(1.0)
    found = grouping.find(model, torch.zeros(1, 4))
    flags = torch.arange(6) > 1
    zero_filters(model, found, Mask({found[0].name: flags}))
    assert model[0].bias.tolist() == [0, 0, 1, 1, 1, 1]
    assert model[0].weight.detach().any(1).tolist() == flags.tolist()
    assert model[2].weight.detach().all(), "what reads a channel stays"
    normed = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 6)), nn.ReLU(), nn.Linear(6, 2))
    found = grouping.find(normed, torch.zeros(1, 4))
    zero_filters(normed, found, Mask({found[0].name: flags}))
    answers = normed(torch.randn(3, 4))
    assert torch.isfinite(answers).all()
    assert normed[0].weight.detach().any(1).tolist() == flags.tolist()


def test_pretrained_networks_are_trained_first_and_seldom_zeroed_ones_drawn_at_the_end():
    trainer = FakeTrainer(epochs=5)
    outcome = sfp.run(trainer, ratio=0.5, start="pretrained", every=2)
    assert trainer.phases() == [("dense", 5), ("search", 5)]
    assert [each["epoch"] for each in outcome.facts["soft_masks"]] == [1, 3]
    assert outcome.mask.kept == 10 and outcome.model[0].out_channels == 4
    trainer = FakeTrainer(epochs=2)
    sfp.run(trainer, ratio=0.5, retrain_epochs=3)
    assert trainer.phases() == [("search", 2), ("retrain", 3)]


def test_what_it_learned_is_kept_and_restored():
    model = small_net()
    found = grouping.find(model, torch.zeros(1, 3, 8, 8))
    flags = {group.name: torch.arange(group.channels) > 0 for group in found}
    one = Softening(lambda: model, lambda: Mask(flags, ["a note"]), found, 1)
    other = Softening(lambda: model, lambda: Mask(flags), found, 1)
    other.restore(*one.state())
    assert other.mask is None and other.last is None
    one(0)
    other.restore(*one.state())
    assert other.last == 0 and other.mask.notes == ("a note",) and other.rounds == one.rounds
    assert other.mask.distance(one.mask) == 0


@pytest.mark.parametrize(
    "options, word",
    [
        ({"start": "warm"}, "scratch, pretrained"),
        ({"every": 0}, "every=0"),
        ({"every": 5}, "every 1 to 4 epochs"),
        ({"retrain": "last"}, "retrain='last' has no effect"),
    ],
)
def test_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        sfp.run(FakeTrainer(), ratio=0.5, **options)


def test_a_residual_network_is_softened_inside_its_blocks():
    torch.manual_seed(0)
    model = plugins.load("models", "resnet20").build()
    found = grouping.find(model, torch.zeros(1, 3, 32, 32), mode="inner")
    mask = Mask({group.name: torch.arange(group.channels) % 2 == 0 for group in found})
    zero_filters(model, found, mask)
    zeros = sum(
        int((~module.weight.detach().flatten(1).any(1)).sum())
        for module in model.modules()
        if isinstance(module, nn.Conv2d)
    )
    assert zeros == mask.channels - mask.kept > 0
    assert torch.isfinite(model(torch.randn(4, 3, 32, 32))).all()
