"""Codes from the epoch's own evaluation: those of a pass of their own, bit by bit, and no trace."""

import numpy as np
import pytest
import torch
from rigs.fake_meter import FakeMeter, Silent
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn
from torch.utils.data import TensorDataset

from edgejoule import plugins
from edgejoule.bench import settings
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training.loop import Trainer
from edgejoule.prune import tickets
from edgejoule.prune.recipes import early_bird
from edgejoule.prune.signcodes import coded_layers, codes, signs
from edgejoule.prune.signcodes.evaluation_codes import EvaluationCodes

TEST, BATCH, PROBES = 40, 16, 25  # the last batch is short, and no batch is of probes alone
NETWORKS = ["mlp5", "lenet5", "resnet20", pytest.param("vgg11", marks=pytest.mark.slow)]


def trained_by_us(build, shape, classes, epochs=4):
    """Our own trainer of a network on random pictures."""
    dice = torch.Generator().manual_seed(5)
    x = torch.randn((32 + TEST,) + tuple(shape), generator=dice)
    y = torch.arange(32 + TEST) % classes
    torch.manual_seed(1)
    return Trainer(
        build(),
        Data(TensorDataset(x[:32], y[:32]), TensorDataset(x[32:], y[32:]), None),
        dict(settings.TRAIN, epochs=epochs, batch_size=BATCH, seed=1, learning_rate=0.01),
        Ledger(FakeMeter(None), lambda: None),
        Silent(),
        lambda: None,
        build,
    )


def of_the_zoo(name):
    module = plugins.load("models", name)
    return trained_by_us(module.build, module.INPUT_SHAPE, module.CLASSES, epochs=3)


def small():
    return trained_by_us(small_net, (3, 8, 8), 4)


def separate(trainer, names, places):
    """{layer: bool [probes, bits]} of a pass of its own over the test set, without our kernels."""
    found, model = {name: [] for name in names}, trainer.model.eval()
    modules = dict(model.named_modules())
    handles = [modules[name].register_forward_hook(keeper(found[name])) for name in names]
    with torch.no_grad():
        for images in trainer.data.test.tensors[0].split(BATCH):
            model(images)
    for each in handles:
        each.remove()
    return {name: np.concatenate(each)[places] for name, each in found.items()}


def keeper(found):
    def keep(module, inputs, output):
        found.append((output.detach() > 0).flatten(1).numpy())

    return keep


def apart(newer, older):
    """The mean over layers of the share of bits that differ."""
    shares = [np.sum(newer[name] != older[name]) / newer[name].size for name in newer]
    return float(np.average(shares))


def probed(trainer, count=PROBES):
    """(names, ascending places) of what a search with probes "test" looks at."""
    names = coded_layers.names(trainer.model, trainer.example)
    return names, np.sort(codes.places(trainer, "test", count).numpy())


def followed(trainer, epochs):
    """The separate codes after each epoch of dense training."""
    names, places = probed(trainer)
    states = []
    torch.manual_seed(2)  # dropout
    with trainer.phase("search"):
        trainer.train(
            epochs,
            total=trainer.epochs,
            after_epoch=lambda epoch: states.append(separate(trainer, names, places)),
        )
    return states


def compared(states, rule):
    """What a rule is told after each epoch."""
    length = rule.length if rule.lookback else 1
    return [
        [apart(each, old) for old in states[max(0, i - length) : i]]
        for i, each in enumerate(states)
    ]


def hooks(model):
    return sum(len(module._forward_hooks) for module in model.modules())


@pytest.mark.parametrize("detector", ["spline", "spline_code"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_search_sees_what_a_pass_of_its_own_would(name, detector):
    plain, watched = of_the_zoo(name), of_the_zoo(name)
    states = followed(plain, 3)
    told = compared(states, early_bird.RULES[detector]())
    largest = sorted(max(each) for each in told if each)
    rule = early_bird.RULES[detector](epsilon=largest[-1] + 1e-9, length=2)
    watch = tickets.Watch(rule)
    fired = [watch.see(each) for each in compared(states, rule)]
    model = watched.model
    torch.manual_seed(2)
    outcome = early_bird.run(
        watched,
        ratio=0.5,
        criterion="l2",
        detector=detector,
        probes="test",
        probe_images=PROBES,
        epsilon=rule.threshold,
        queue=2,
    )
    epochs = fired.index(True) + 1
    assert outcome.ticket.epoch == epochs == 3
    assert list(outcome.ticket.distances) == watch.distances[:epochs] and max(largest) > 0
    assert hooks(model) == hooks(watched.model) == 0
    assert watched.sampled == plain.sampled, "the probes are drawn as ever"
    accuracies = [[each.accuracy for each in one.ledger.epochs] for one in (plain, watched)]
    assert accuracies[0] == accuracies[1]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("count", [1, PROBES, TEST, 10 * TEST])
def test_codes_equal_bit_by_bit_and_answers_are_the_network_s(name, count):
    trainer = of_the_zoo(name)
    names, places = probed(trainer, count)
    evaluated = EvaluationCodes(torch.tensor(places), names)
    alone = trainer.accuracy()
    with trainer.watching(evaluated):
        assert trainer.accuracy() == alone
    found, expected = evaluated.take(), separate(trainer, names, places)
    assert len(places) == min(count, TEST) and list(found.words) == names
    for each, bits in expected.items():
        assert np.array_equal(found.words[each], signs.pack(bits.astype(np.float32)))
        assert found.bits[each] == bits.shape[1]
    model = trainer.model
    with torch.no_grad():
        images = trainer.data.test.tensors[0][:BATCH]
        assert torch.equal(evaluated(model)(images), model(images))


def test_weights_after_a_watched_search_are_those_of_dense_training():
    plain, watched = small(), small()
    followed(plain, 4)
    searched = watched.model
    early_bird.run(watched, ratio=0.5, criterion="l2", probes="test", epsilon=0.0)
    pairs = zip(plain.model.state_dict().values(), searched.state_dict().values())
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_probes_are_the_images_that_a_pass_of_their_own_draws():
    one, other = small(), small()
    images = torch.cat(codes.probes(one, "test", PROBES))
    places = codes.places(other, "test", PROBES)
    assert torch.equal(images, other.data.test.tensors[0][places])
    assert one.sampled == other.sampled
    assert torch.equal(one.batches(1)[0][0], other.batches(1)[0][0]), "and what comes after"


def test_only_the_search_is_watched_and_charged_no_forward_pass():
    trainer, passes = small(), []

    class Counting(EvaluationCodes):
        def __call__(self, model):
            passes.append(trainer.ledger.epochs and trainer.ledger.epochs[-1].phase)
            return super().__call__(model)

    original, early_bird.EvaluationCodes = early_bird.EvaluationCodes, Counting
    try:
        early_bird.run(trainer, ratio=0.5, criterion="l2", probes="test", latest=2, epsilon=0.0)
    finally:
        early_bird.EvaluationCodes = original
    assert [each.phase for each in trainer.ledger.epochs] == ["search"] * 2 + ["retrain"] * 2
    assert len(passes) == 2
    assert [each["what"] for each in trainer.ledger.charges] == ["l2 scores"]


def test_a_foreign_trainer_is_looked_at_in_a_pass_of_its_own():
    trainer = FakeTrainer(epochs=4)
    ticket = early_bird.run(
        trainer, ratio=0.5, criterion="l2", probes="test", probe_images=40, epsilon=0.9
    ).ticket
    macs = 64 * 8 * 27 + 64 * 12 * 72 + 48
    assert trainer.charged[:3] == [("search", 2 * macs * 40, "sign codes")] * 3
    assert ticket.epoch == 3


class Foreign:
    """A trainer that lets nobody look on: everything else is another's."""

    def __init__(self, trainer):
        self._trainer = trainer

    def __getattr__(self, name):
        if name in ("watching", "sample"):
            raise AttributeError(name)
        return getattr(self._trainer, name)


def test_both_ways_see_the_same_of_a_trainer():
    """As near as a pass in other batches can be."""
    found = [
        early_bird.run(
            each, ratio=0.5, criterion="l2", probes="test", probe_images=PROBES, epsilon=0.0
        )
        for each in (small(), Foreign(small()))
    ]
    both = [each.ticket.distances for each in found]
    assert both[0][0] is both[1][0] is None
    assert both[0][1:] == pytest.approx(both[1][1:], abs=1e-4)
    assert found[0].facts["epoch_matrix"]["epochs"] == found[1].facts["epoch_matrix"]["epochs"]


def test_an_evaluation_that_ends_early_gives_no_codes_and_the_next_one_does():
    trainer = small()
    names, places = probed(trainer)
    evaluated, model = EvaluationCodes(torch.tensor(places), names), trainer.model.eval()
    batches = trainer.data.test.tensors[0].split(BATCH)
    with torch.no_grad():
        evaluated(model)(batches[0])
    met = int(np.sum(places < BATCH))
    with pytest.raises(ValueError, match="met {} of 25 probe images.*probes='train'".format(met)):
        evaluated.take()
    with trainer.watching(evaluated):
        trainer.accuracy()
        trainer.accuracy()  # the latest pass counts, and counts once
    assert len(evaluated.take().words["1"]) == PROBES
    with pytest.raises(ValueError, match="met 0 of 25"):
        evaluated.take()


def test_a_search_without_evaluations_says_so():
    trainer = small()
    trainer.data.test.tensors = tuple(each[:BATCH] for each in trainer.data.test.tensors)
    names, places = probed(trainer)
    assert len(places) == BATCH
    trainer.accuracy = lambda: 0.0  # evaluates nothing
    with pytest.raises(ValueError, match="met 0 of 16"):
        early_bird.run(trainer, ratio=0.5, criterion="l2", probes="test")
    del trainer.accuracy
    assert hooks(trainer.model) == 0


class Breaking(nn.Module):
    """Answers until it is told to break."""

    def __init__(self):
        super(Breaking, self).__init__()
        self.net, self.left = small_net(), 10**9

    def forward(self, x):
        found = self.net(x)
        self.left -= not self.training
        if self.left < 0:
            raise RuntimeError("broke")
        return found


def test_an_error_within_an_evaluation_leaves_no_hooks_and_no_observer():
    trainer = trained_by_us(Breaking, (3, 8, 8), 4)
    names, places = probed(trainer)
    trainer.model.left = 4  # the first epoch's three batches, and one
    with pytest.raises(RuntimeError, match="broke"), trainer.phase("search"):
        evaluated = EvaluationCodes(torch.tensor(places), names)
        with trainer.watching(evaluated):
            trainer.train(2, total=4)
    assert hooks(trainer.model) == 0
    with pytest.raises(ValueError, match="of 25 probe images"):
        evaluated.take()
    trainer.model.left = 10**9
    trainer.accuracy()
    with pytest.raises(ValueError, match="met 0 of 25"):
        evaluated.take()


def test_a_network_replaced_between_epochs_is_the_one_looked_at():
    trainer = small()
    names, places = probed(trainer)
    evaluated = EvaluationCodes(torch.tensor(places), names)
    with trainer.watching(evaluated):
        trainer.accuracy()
        before = evaluated.take()
        trainer.replace(trainer.fresh())
        trainer.accuracy()
        after, expected = evaluated.take(), separate(trainer, names, places)
        assert all(
            np.array_equal(after.words[each], signs.pack(bits.astype(np.float32)))
            for each, bits in expected.items()
        )
        assert codes.distance(before, after) > 0
        narrow = small_net()
        narrow[0], narrow[1] = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        narrow[3] = nn.Conv2d(6, 12, 3, padding=1)
        trainer.replace(narrow)
        trainer.accuracy()
        with pytest.raises(ValueError, match="has 384 outputs, its codes are of 512; a cut"):
            evaluated.take()


class Patches(nn.Module):
    """Looks at the four quarters of an image one by one, and twice with one norm."""

    def __init__(self):
        super(Patches, self).__init__()
        self.inner, self.norm, self.last = nn.Linear(48, 6), nn.BatchNorm1d(6), nn.Linear(24, 4)

    def forward(self, x):
        quarters = x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).reshape(-1, 48)
        found = torch.relu(self.norm(torch.relu(self.norm(self.inner(quarters)))))
        return self.last(found.reshape(len(x), -1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_parts_of_a_probe_and_all_calls_of_a_layer_are_taken(dtype):
    torch.manual_seed(0)
    model, images = Patches().to(dtype).eval(), torch.randn(7, 3, 8, 8).to(dtype)
    evaluated = EvaluationCodes(torch.tensor([5, 1]), ["norm"])
    with torch.no_grad():
        answer = evaluated(model)
        for batch in images.split(4):
            answer(batch)
    found = evaluated.take()
    assert found.bits == {"norm": 12} and found.words["norm"].shape == (8, 2)
    whole = codes.codes(model, list(images.split(4)), ["norm"]).words["norm"]
    rows = [4 * place + part for place in (1, 5) for part in range(4)]
    assert np.array_equal(found.words["norm"], whole[rows])


class Constant(nn.Module):
    """One layer whose output does not depend on the images."""

    def __init__(self):
        super(Constant, self).__init__()
        self.made, self.last = nn.Linear(4, 6), nn.Linear(6, 2)
        self.input = torch.linspace(-1, 1, 12).view(3, 4)

    def forward(self, x):
        return self.last(torch.relu(self.made(self.input)).mean(0) + x)


def test_a_layer_that_sees_no_image_is_taken_whole():
    torch.manual_seed(0)
    model, images = Constant().eval(), torch.randn(8, 6)
    evaluated = EvaluationCodes(torch.tensor([6, 1]), ["made"])
    with torch.no_grad():
        answer = evaluated(model)
        for batch in images.split(4):
            answer(batch)
    whole = codes.codes(model, list(images.split(4)), ["made"])
    assert np.array_equal(evaluated.take().words["made"], whole.words["made"])
