"""Recipes on a small network that really trains: phases, epochs, widths, schedules, refusals."""

import pytest
import torch
from rigs.fake_trainer import FakeTrainer

from edgejoule.prune.mask import masked
from edgejoule.prune.recipes import dense, early_bird, one_shot
from edgejoule.prune.shrink import shrink


def test_dense_trains_and_removes_nothing():
    trainer = FakeTrainer()
    outcome = dense.run(trainer)
    assert trainer.phases() == [("dense", 4)]
    assert outcome.model is trainer.model and outcome.mask is None and trainer.channels() == 20


@pytest.mark.parametrize("criterion", ["random", "l1", "l2", "slim", "spline", "spline_pca"])
def test_one_shot_cuts_and_retrains(criterion):
    trainer = FakeTrainer()
    outcome = one_shot.run(trainer, ratio=0.5, criterion=criterion)
    assert trainer.phases() == [("dense", 4), ("retrain", 4)]
    assert outcome.mask.ratio == 0.5 and trainer.channels() == 10
    assert {group.name for group in outcome.groups} == set(outcome.mask)
    assert not trainer.warnings
    assert [epoch for _, epoch, *_ in trainer.log] == [0, 1, 2, 3] * 2


def test_the_cut_model_is_the_masked_dense_one():
    trainer = FakeTrainer(epochs=2)
    models = []
    replace = trainer.replace
    trainer.replace = lambda model: (models.extend([trainer.model, model]), replace(model))
    outcome = one_shot.run(trainer, ratio=0.4, criterion="l2", retrain_epochs=1)
    reference = masked(models[0], outcome.groups, outcome.mask).eval()
    torch.manual_seed(0)
    fresh = shrink(models[0], trainer.example, outcome.groups, outcome.mask).eval()
    assert torch.allclose(reference(trainer.x), fresh(trainer.x), atol=1e-6)
    assert trainer.phases() == [("dense", 2), ("retrain", 1)]


def test_ratio_zero_removes_nothing():
    trainer = FakeTrainer(epochs=1)
    assert one_shot.run(trainer, ratio=0.0, criterion="slim").mask.kept == 20


def test_fine_tuning_runs_at_the_last_rate_and_rewinding_repeats_the_schedule():
    for how, expected in (("last", [0.0005] * 4), ("full", [0.05, 0.05, 0.005, 0.0005])):
        trainer = FakeTrainer()
        one_shot.run(trainer, ratio=0.5, retrain=how)
        assert [row[3] for row in trainer.log[4:]] == pytest.approx(expected)


def test_scoring_is_charged_to_its_phase():
    trainer = FakeTrainer(epochs=1)
    one_shot.run(trainer, ratio=0.5, criterion="spline")
    assert trainer.charged == [("score", 2 * (64 * 27 + 144 * 72), "spline scores")]


def test_slim_s_penalty_shrinks_gammas_and_strength_0_does_not():
    sizes = []
    for strength in (0, 0.5):
        trainer = FakeTrainer(epochs=2)
        dense_model = trainer.model
        one_shot.run(trainer, ratio=0.5, criterion="slim", strength=strength)
        sizes.append(dense_model[1].weight.detach().abs().sum().item())
    assert sizes[1] < sizes[0] - 0.9


def test_layer_guard_is_told():
    trainer = FakeTrainer(epochs=1)
    with torch.no_grad():
        trainer.model[1].weight.fill_(1e-3)
    trainer.rate = 0.0
    trainer.replace(trainer.model)
    outcome = one_shot.run(trainer, ratio=0.5, criterion="slim", min_channels=2)
    assert outcome.mask["0"].sum() == 2 and outcome.mask.kept == 10
    assert any("held at 2 of 8" in sentence for sentence in trainer.warnings)


def refused(run, options, word):
    """The error names the word, and no epoch was trained before it."""
    trainer = FakeTrainer(epochs=3)
    with pytest.raises(ValueError, match=word):
        run(trainer, **dict({"ratio": 0.5}, **options))
    assert not trainer.log


@pytest.mark.parametrize(
    "options, word",
    [
        ({"criterion": "slimm"}, "Did you mean 'slim'"),
        ({"rho": 1}, "one_shot with slim and gamma_l1 has no setting 'rho'"),
        ({"retrain": "half"}, "full, last"),
        ({"mode": "loose"}, "mode"),
        ({"scope": "all"}, "scope"),
        ({"ratio": 1.0}, "must lie in"),
        ({"min_channels": 0}, "start at 1"),
        ({"retrain_epochs": -1}, "start at 0"),
        ({"criterion": "thinet", "points": 0}, "points"),
        ({"criterion": "spline", "equation": "one"}, "paper, exact"),
        ({"criterion": "spline_pca", "pool": "all"}, "within, cross"),
        ({"criterion": "spline_fa", "seed": 1}, "no effect"),
    ],
)
def test_one_shot_refuses_before_it_trains(options, word):
    refused(one_shot.run, options, word)


SETTLED = {"epsilon": 0.9}


@pytest.mark.parametrize("detector, epochs", [("spline", 3), ("spline_code", 4), ("mask", 4)])
def test_early_bird_draws_as_soon_as_its_detector_can(detector, epochs):
    trainer = FakeTrainer(epochs=7)
    outcome = early_bird.run(trainer, ratio=0.5, criterion="l2", detector=detector, **SETTLED)
    assert outcome.ticket.epoch == epochs
    assert trainer.phases() == [("search", epochs), ("retrain", 7 - epochs)]
    assert [row[1] for row in trainer.log] == list(range(7)), "one schedule, continued"
    assert len(outcome.ticket.distances) == epochs + (detector == "mask")
    assert outcome.ticket.distances[0] is None and outcome.ticket.distances[1] >= 0
    assert outcome.ticket.mask is outcome.mask and trainer.channels() == 10
    assert not trainer.warnings


def test_early_bird_full_repeats_the_schedule():
    trainer = FakeTrainer(epochs=5)
    early_bird.run(trainer, ratio=0.5, compose="full", **SETTLED)
    assert trainer.phases() == [("search", 3), ("retrain", 5)]
    assert [row[1] for row in trainer.log[3:]] == list(range(5))
    assert all(row[2] == 5 for row in trainer.log)


def test_a_search_that_never_settles_is_no_ticket():
    trainer = FakeTrainer(epochs=5)
    outcome = early_bird.run(trainer, ratio=0.5, epsilon=0.0, latest=4)
    assert outcome.ticket.epoch is None and len(outcome.ticket.distances) == 4
    assert trainer.phases() == [("search", 4), ("retrain", 1)]
    assert "never settled below 0 in 4 epochs" in trainer.warnings[0]
    assert "no epoch was left" not in trainer.warnings[0]


def test_a_search_to_the_end_says_that_nothing_was_retrained():
    trainer = FakeTrainer(epochs=3)
    early_bird.run(trainer, ratio=0.5, epsilon=0.0)
    assert trainer.phases() == [("search", 3)] and trainer.channels() == 10
    assert "no epoch was left to retrain it" in trainer.warnings[0]


def test_watching_is_charged_to_the_search():
    trainer = FakeTrainer(epochs=6)
    early_bird.run(trainer, ratio=0.5, criterion="l2", probe_images=40, **SETTLED)
    macs = 64 * 8 * 27 + 64 * 12 * 72 + 48
    assert trainer.charged[:3] == [("search", 2 * macs * 40, "sign codes")] * 3
    assert trainer.charged[3] == ("score", 2 * (8 * 27 + 12 * 72), "l2 scores")
    trainer = FakeTrainer(epochs=6)
    early_bird.run(trainer, ratio=0.5, criterion="l2", detector="mask", **SETTLED)
    assert [each[0] for each in trainer.charged] == ["search"] * 5 + ["score"]


def test_watching_does_not_change_the_training():
    """Same weights after the search as after as many epochs of dense training."""
    watched, plain = FakeTrainer(epochs=4), FakeTrainer(epochs=4)
    model = watched.model
    early_bird.run(watched, ratio=0.5, criterion="l2", probes="grid2", epsilon=0.9)
    with plain.phase("dense"):
        plain.train(3, total=4)
    assert all(
        torch.equal(a, b)
        for a, b in zip(model.state_dict().values(), plain.model.state_dict().values())
    )


def test_a_ticket_of_the_spline_detector_does_not_depend_on_the_ratio():
    epochs = {
        early_bird.run(
            FakeTrainer(epochs=8), ratio=ratio, criterion=criterion, epsilon=0.05
        ).ticket.distances
        for ratio, criterion in ((0.2, "l2"), (0.6, "random"))
    }
    assert len(epochs) == 1


def test_the_ratio_enters_a_mask_detector():
    distances = {
        early_bird.run(
            FakeTrainer(epochs=8),
            ratio=ratio,
            criterion="slim",
            strength=0.05,
            detector="mask",
            epsilon=0.0,
        ).ticket.distances
        for ratio in (0.2, 0.6)
    }
    assert len(distances) == 2


@pytest.mark.parametrize(
    "options, word",
    [
        ({"detector": "mask", "probes": "train"}, "probes has no effect"),
        ({"detector": "eye"}, "spline, spline_code, mask"),
        ({"compose": "stop"}, "continue, full"),
        ({"latest": 9}, "between epoch 1 and 3"),
        ({"queue": 0}, "at least one distance"),
        ({"probes": "validation"}, "train, test"),
        ({"weights": "sum"}, "layer_mean"),
        ({"strength": 1}, "has no setting 'strength'"),
        ({"probe_images": 0}, "at least one"),
    ],
)
def test_early_bird_refuses_before_it_trains(options, word):
    refused(early_bird.run, options, word)
