"""The training loop: its schedule, its repeatability, its order, what it tells."""

import pytest
import torch
from rigs.fake_meter import FakeMeter, Silent
from torch import nn
from torch.utils.data import TensorDataset

from edgejoule.bench import settings
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training import loading
from edgejoule.bench.training.loop import Trainer, channels, learning_rate


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    )


def data():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(50, 1, 6, 6, generator=generator)
    y = (x.mean((1, 2, 3)) > 0).long()
    return Data(TensorDataset(x[:40], y[:40]), TensorDataset(x[40:], y[40:]), None)


def trainer(seed=0, **changes):
    chosen = dict(settings.TRAIN, epochs=4, batch_size=16, seed=seed, **changes)
    return Trainer(
        network(),
        data(),
        chosen,
        Ledger(FakeMeter(None), lambda: None),
        Silent(),
        lambda: None,
        network,
    )


def trained(seed=0, epochs=2, **changes):
    one = trainer(seed, **changes)
    with one.phase("dense"):
        one.train(epochs)
    return one


def test_the_learning_rate_steps_at_its_milestones():
    chosen = dict(settings.TRAIN, learning_rate=1.0, milestones=[0.5, 0.75], decay=0.1)
    rates = [learning_rate(chosen, epoch, 8) for epoch in range(8)]
    assert rates == pytest.approx([1.0] * 4 + [0.1] * 2 + [0.01] * 2)


def test_the_same_seed_trains_the_same_network_and_another_one_does_not():
    first, again, other = trained(0), trained(0), trained(1)
    assert [e.loss for e in first.ledger.epochs] == [e.loss for e in again.ledger.epochs]
    assert [e.loss for e in first.ledger.epochs] != [e.loss for e in other.ledger.epochs]


def test_training_learns():
    losses = [epoch.loss for epoch in trained(epochs=8).ledger.epochs]
    assert losses[-1] < losses[0]


def test_a_callback_ends_the_training_and_the_schedule_goes_on_where_it_stopped():
    one = trainer(learning_rate=1.0, milestones=[0.5])
    with one.phase("search"):
        assert one.train(4, total=4, after_epoch=lambda epoch: epoch == 1) == 2
    with one.phase("retrain"):
        assert one.train(2, first=2, total=4) == 2
    assert [e.learning_rate for e in one.ledger.epochs] == pytest.approx([1.0, 1.0, 0.1, 0.1])
    assert [e.epoch for e in one.ledger.epochs] == [0, 1, 2, 3]
    assert [e.phase for e in one.ledger.epochs] == ["search"] * 2 + ["retrain"] * 2


def test_the_penalty_is_called_between_backward_and_step():
    one, seen = trainer(), []

    def penalty(model):
        seen.append(model[1].weight.grad is not None)
        for parameter in model.parameters():
            parameter.grad.zero_()

    one.settings["weight_decay"] = 0.0
    one.replace(one.model)
    before = [p.detach().clone() for p in one.model.parameters()]
    with one.phase("dense"):
        one.train(1, penalty=penalty)
    assert seen and all(seen)
    assert all(torch.equal(a, b) for a, b in zip(before, one.model.parameters()))


def test_flops_follow_the_model_that_is_trained():
    one = trainer()
    with one.phase("dense"):
        one.train(1)
    per_sample = one.ledger.per_sample["exact"]
    assert one.ledger.epochs[0].flops["exact"] == 40 * per_sample
    one.replace(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))
    # 36 x 3 MACs forward and as many for the weight; the first layer owes no input gradient
    assert one.ledger.per_sample["exact"] == 2 * 2 * 36 * 3
    assert one.ledger.per_sample["paper"] is None


def test_every_sample_is_seen_once_an_epoch():
    data = TensorDataset(torch.arange(10.0).view(10, 1), torch.arange(10))
    order = torch.randperm(10)
    found = [y for _, y in loading.batches(data, 4, "cpu", order)]
    assert [len(y) for y in found] == [4, 4, 2]
    assert torch.cat(found).tolist() == order.tolist()
    assert torch.cat([y for _, y in loading.batches(data, 4, "cpu")]).tolist() == list(range(10))


def test_a_diverged_training_says_so_and_its_loss_is_unknown():
    one = trained(learning_rate=1e9, epochs=2)
    assert one.ledger.epochs[-1].loss is None
    assert any("diverged" in sentence for sentence in one.warnings)
    assert any("diverged" in sentence for sentence in one.progress.said)


def class_by_class(batch_size=32, seed=0):
    """A trainer on 4000 samples of ten classes, stored class by class."""
    places = torch.arange(4000)
    stored = TensorDataset(places.view(-1, 1, 1, 1).float().expand(-1, 1, 6, 6), places // 400)
    chosen = dict(settings.TRAIN, epochs=1, batch_size=batch_size, seed=seed)
    ledger = Ledger(FakeMeter(None), lambda: None)
    return Trainer(
        network(), Data(stored, stored, None), chosen, ledger, Silent(), lambda: None, network
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_scoring_sample_mixes_the_classes(seed):
    ((x, y),) = class_by_class(seed=seed).batches(1)
    assert len(y) == 32 and len(set(y.tolist())) >= 8
    assert torch.equal(x[:, 0, 0, 0].long() // 400, y)


def test_every_scoring_event_draws_its_own_sample():
    one = class_by_class(batch_size=100)
    first, second = drawn(one, 1), drawn(one, 1)
    assert len(first) == len(second) == 100 and len(first & second) < 10
    assert one.sampled[0] != one.sampled[1]


def drawn(one, count):
    """The places in the training set of what a trainer draws next; a picture shows its own."""
    return {int(place) for x, _ in one.batches(count) for place in x[:, 0, 0, 0]}


def test_the_same_seed_draws_the_same_samples_in_the_same_order():
    one, again = class_by_class(seed=3), class_by_class(seed=3)
    assert [drawn(one, 2), drawn(one, 1)] == [drawn(again, 2), drawn(again, 1)]
    assert one.sampled == again.sampled != class_by_class(seed=4).sampled


def test_what_is_drawn_moves_neither_the_order_of_training_nor_the_chance_of_others():
    one, other = trainer(), trainer()
    other.batches(2)
    for each in (one, other):
        with each.phase("dense"):
            each.train(1)
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_fresh_networks_differ_and_follow_from_the_seed_alone():
    """An orthogonal layer stays orthogonal, as it does not when its values are shuffled."""

    def built():
        layer = nn.Linear(36, 3)
        nn.init.orthogonal_(layer.weight, 2**0.5)
        return nn.Sequential(nn.Flatten(), layer)

    def made(seed):
        chosen = dict(settings.TRAIN, epochs=1, seed=seed)
        ledger = Ledger(FakeMeter(None), lambda: None)
        one = Trainer(built(), data(), chosen, ledger, Silent(), lambda: None, built)
        return [one.fresh()[1].weight for _ in range(2)]

    torch.manual_seed(1)
    first = made(0)
    torch.manual_seed(2)
    again, other = made(0), made(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], other[0])
    for weight in first:
        assert torch.allclose(weight @ weight.t(), 2 * torch.eye(3), atol=1e-5)


def test_a_split_that_holds_less_is_given_whole():
    one = trainer()
    assert len(one.batches(99, "test")) == 1
    assert sum(len(y) for _, y in one.batches(99)) == 40


def test_channels_are_counted():
    assert channels(network()) == 4 + 3
