"""Published training FLOPs from the recipes that real runs take and the ledger that counts them.

Only the passes over the data are left out: the ledger gets the FLOPs per image that seed 000's
tables imply for the dense and for the pruned network, the recipes decide the epochs.
"""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
from rigs.fake_trainer import small_net

from edgejoule import plugins
from edgejoule.bench import settings, suite
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training.loop import Trainer
from edgejoule.prune import cost, grouping, select, shrink
from edgejoule.prune.criteria import random
from edgejoule.prune.recipes import at_init, dense, early_bird, iterative, lottery, one_shot, thinet
from edgejoule.prune.signcodes import codes
from edgejoule.reports.papers import reference_tables

IMAGENET, CIFAR = 1281167, 50000
R18, R50, VGG, PRERESNET = 3.64, 8.21, 0.63, 0.31  # GFLOP of one forward pass


class Blind:
    """A meter without a sensor, and progress that says nothing."""

    @contextmanager
    def window(self, name):
        yield SimpleNamespace(
            start_s=0.0,
            reading=SimpleNamespace(
                seconds=0.0, joules=None, uncertainty_joules=None, status="none", reason="no sensor"
            ),
        )

    def epoch(self, record):
        """Nothing to tell."""

    say = epoch


class Many:
    """A data set as long as the real one that repeats one image."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return self.images

    def __getitem__(self, index):
        return torch.ones(3, 8, 8), index % 4


@pytest.fixture
def pflops(monkeypatch):
    """A function of (images, epochs, dense and pruned GFLOP, recipe, settings): PFLOP in all."""
    monkeypatch.setattr(Trainer, "_pass", lambda self, *told: (1.0, 1))
    monkeypatch.setattr(Trainer, "accuracy", lambda self: 0.5)
    monkeypatch.setattr(
        Trainer,
        "batches",
        lambda self, count, split="train": [(torch.randn(4, 3, 8, 8), torch.arange(4))] * count,
    )

    def total(images, epochs, full, small, run, **options):
        model = small_net()
        per_sample = {20: 3e9 * full}
        monkeypatch.setattr(
            cost,
            "train_flops",
            lambda model, example, convention: per_sample.get(
                model[0].out_channels + model[3].out_channels, 3e9 * small
            ),
        )
        trainer = Trainer(
            model,
            Data(Many(images), Many(4), None),
            dict(settings.TRAIN, epochs=epochs),
            Ledger(Blind(), lambda: None),
            Blind(),
            lambda: None,
            lambda: model,
        )
        run(trainer, **options)
        return sum(phase.flops["paper"] for phase in trainer.ledger.phases) / 1e15

    return total


@pytest.mark.parametrize(
    "images, epochs, full, expected",
    [
        (IMAGENET, 90, R18, 1259.13),
        (IMAGENET, 90, R50, 2839.96),
        (CIFAR, 160, VGG, 15.12),
        (CIFAR, 160, PRERESNET, 7.44),
    ],
)
def test_dense(pflops, images, epochs, full, expected):
    assert pflops(images, epochs, full, full, dense.run) == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("full, expected", [(VGG, 30.24), (PRERESNET, 14.88)])
def test_a_lottery_ticket_costs_two_dense_trainings(pflops, full, expected):
    found = pflops(CIFAR, 160, full, full, lottery.run, ratio=0.7, layers="conv")
    assert found == pytest.approx(expected, abs=0.005)


def test_masking_before_training_costs_one(pflops):
    assert pflops(CIFAR, 160, VGG, VGG, at_init.run, ratio=0.5) == pytest.approx(15.12, abs=0.005)


@pytest.mark.parametrize("options, times", [({}, 2), ({"repeats": 5}, 6)])
@pytest.mark.parametrize("retrain", ["full", "last"])
def test_small_networks_cost_what_pruned_ones_do(pflops, retrain, options, times):
    """Seed 004 gives them as many epochs as training, pruning and retraining take."""
    found = pflops(CIFAR, 160, VGG, VGG, at_init.run, ratio=0.5, retrain=retrain, **options)
    assert found == pytest.approx(times * 15.12, abs=0.005)


@pytest.mark.parametrize("retrain", iterative.WAYS)
def test_five_whole_cycles(pflops, retrain):
    found = pflops(
        CIFAR, 160, VGG, 0.31, iterative.run, ratio=0.672, rounds=5, between=1.0, retrain=retrain
    )
    assert found == pytest.approx(15.12 + 5 * 7.44, abs=0.005)


@pytest.mark.parametrize(
    "small, expected", [(0.51, 27.36), (0.31, 22.56), (0.16, 18.96), (0.06, 16.56)]
)
@pytest.mark.parametrize(
    "run, options",
    [
        (thinet.run, {"between": 0}),
        (one_shot.run, {"criterion": "thinet"}),
        (one_shot.run, {"criterion": "slim"}),
        (iterative.run, {"rounds": 1}),
    ],
)
def test_cutting_and_training_as_long_again(pflops, small, expected, run, options):
    found = pflops(CIFAR, 160, VGG, small, run, ratio=0.5, **options)
    assert found == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("small, expected", [(3.12, 1101.24), (2.23, 831.00)])
def test_early_bird_spline_on_imagenet(pflops, monkeypatch, small, expected):
    """The ticket is drawn after epoch 11; the cut network trains on to epoch 90."""
    distances = iter([0.5] * 8 + [0.01] * 80)
    monkeypatch.setattr(codes, "mean", lambda shares, bits, weights: next(distances))
    found = pflops(IMAGENET, 90, R18, small, early_bird.run, ratio=0.5)
    assert found == pytest.approx(expected, abs=0.005)


def test_early_bird_with_a_whole_schedule_after_it(pflops, monkeypatch):
    distances = iter([0.5] * 8 + [0.01] * 80)
    monkeypatch.setattr(codes, "mean", lambda shares, bits, weights: next(distances))
    found = pflops(CIFAR, 160, VGG, 0.31, early_bird.run, ratio=0.5, compose="full")
    assert found == pytest.approx(3 * CIFAR * (11 * 0.63 + 160 * 0.31) / 1e6, abs=0.005)


def printed(table, **where):
    """(PFLOP, how the rule of the row composes search and retraining) of one published row."""
    (reference,) = reference_tables.read([table])
    (row,) = [row for row in reference.rows if reference_tables.selects(where, row)]
    return float(row["flops"]), reference_tables.rule(reference, row)["prune.compose"]


@pytest.mark.parametrize(
    "dataset, ratio, drawn, small",
    [
        ("CIFAR-10", 0.3, 88, 0.462),
        ("CIFAR-10", 0.5, 88, 0.299),
        ("CIFAR-100", 0.1, 84, 0.498),
        ("CIFAR-100", 0.3, 84, 0.307),
    ],
)
def test_vgg_16_s_tickets_on_cifar_cost_what_the_paper_printed(
    pflops, monkeypatch, dataset, ratio, drawn, small
):
    """19.4, 15.5, 19.9 and 15.3: more than a dense run, so the schedule began anew after the cut.

    The epochs are those that the table's energies imply, the FLOPs of the cut networks follow.
    """
    published, compose = printed(
        "spline_2", model="VGG-16", dataset=dataset, method="EB Spline", ratio=ratio
    )
    found = {}
    for each in ("continue", "full"):
        distances = iter([0.5] * (drawn - 3) + [0.01] * 200)
        monkeypatch.setattr(codes, "mean", lambda *args, left=distances: next(left))
        found[each] = pflops(CIFAR, 160, VGG, small, early_bird.run, ratio=0.5, compose=each)
    assert compose == "full" and round(found[compose], 1) == published
    assert found["continue"] < 15.12 < published  # whenever it is drawn: a dense run is the most


@pytest.mark.parametrize("ratio, small", [(0.1, 3.12), (0.3, 2.23)])
def test_tickets_on_imagenet_cost_what_the_paper_printed(pflops, monkeypatch, ratio, small):
    published, compose = printed("spline_3", model="ResNet-18", method="EB Spline", ratio=ratio)
    distances = iter([0.5] * 8 + [0.01] * 80)
    monkeypatch.setattr(codes, "mean", lambda shares, bits, weights: next(distances))
    found = pflops(IMAGENET, 90, R18, small, early_bird.run, ratio=0.5, compose=compose)
    assert compose == "continue" and round(found, 2) == published


@pytest.mark.parametrize("ratio, published", [(0.3, 19.4), (0.5, 15.5), (0.1, 19.9), (0.3, 15.3)])
def test_a_ticket_of_the_real_vgg_16_can_cost_that(ratio, published):
    """Cut by channels at random, as far as the row says: some epoch of the search makes the sum."""
    model, example = plugins.load("models", "vgg16").build(10, 3).eval(), torch.zeros(1, 3, 32, 32)
    whole = cost.train_flops(model, example, "paper")
    groups = grouping.find(model, example, mode="inner")
    mask = select.select(random.scores(model, groups, []), groups, ratio, scope="global")
    cut = cost.train_flops(shrink.shrink(model, example, groups, mask), example, "paper")
    wanted = published * 1e15 / CIFAR
    assert 1 <= (wanted - 160 * cut) / whole <= 160
    assert wanted > 160 * whole  # no ticket that trains on for the rest can cost that


@pytest.mark.parametrize(
    "name, compose", [("spline-cifar", "full"), ("spline-imagenet", "continue")]
)
def test_the_suites_compose_tickets_as_their_tables_do(name, compose):
    found = [
        case.prune["compose"]
        for case in suite.read(name).cases
        if case.prune["recipe"] == "early_bird"
    ]
    assert found and set(found) == {compose}


def test_two_rounds_of_slimming(pflops):
    """Dense, 0.7 of the epochs at the first cut, all at the second (both cut here to .31)."""
    found = pflops(CIFAR, 160, VGG, 0.31, iterative.run, ratio=0.5)
    assert found == pytest.approx(15.12 + 1.7 * 7.44, abs=0.005)
