"""The learning rate of every step: schedules equal torch's own, and any stretch of them."""

import warnings

import pytest
import torch
from rigs import small_training
from torch.optim import lr_scheduler

from edgejoule import plugins
from edgejoule.bench import settings
from edgejoule.bench.training.lengths import Length
from edgejoule.bench.training.rates import Rates
from edgejoule.prune.steps import span

EPOCHS, PER_EPOCH = 12, 5
HIGHEST = 0.4


def rates(length=PER_EPOCH, epochs=EPOCHS, **changes):
    """The rate of every step of a whole training."""
    chosen = settings.resolve(
        "train", dict({"epochs": epochs, "learning_rate": HIGHEST}, **changes)
    )
    found = Rates(chosen, Length(epochs, length))
    return [found.at(epoch, epochs, step) for epoch in range(epochs) for step in range(length)]


def torchs(make, count, rate=HIGHEST):
    """The rates that one of torch's schedulers gives, one a step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], rate, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # steps of the scheduler alone are all that is wanted
        scheduler, found = make(optimizer), []
        for _ in range(count):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return found


STEPS = EPOCHS * PER_EPOCH
BY_EPOCH = {
    "steps": (
        dict(milestones=[0.25, 0.5], decay=0.2),
        lambda o: lr_scheduler.MultiStepLR(o, [3, 6], 0.2),
    ),
    "cosine": (
        dict(lowest=0.1),
        lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS, 0.1 * HIGHEST),
    ),
    "constant": ({}, lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1.0)),
}
BY_STEP = {
    "steps": (
        dict(milestones=[0.2, 0.8], decay=0.2),
        lambda o: lr_scheduler.MultiStepLR(o, [12, 48], 0.2),
    ),
    "cosine": ({}, lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS)),
    "triangular": (
        dict(cycles=3, lowest=0.25, rise=0.4),
        lambda o: lr_scheduler.CyclicLR(o, 0.25 * HIGHEST, HIGHEST, 8, 12, cycle_momentum=False),
    ),
    "polynomial": (
        dict(exponent=2.0),
        lambda o: (
            lr_scheduler.PolynomialLR(o, STEPS, 2.0)
            if hasattr(lr_scheduler, "PolynomialLR")  # torch 1.13 brought it
            else lr_scheduler.LambdaLR(o, lambda step: (1 - step / STEPS) ** 2)
        ),
    ),
}


def test_every_schedule_is_here():
    assert set(BY_EPOCH) | set(BY_STEP) == set(plugins.names("schedules"))


@pytest.mark.parametrize("name", sorted(BY_EPOCH))
def test_by_epochs_it_is_torchs_own(name):
    options, make = BY_EPOCH[name]
    found = rates(schedule=name, **options)
    assert found[::PER_EPOCH] == pytest.approx(torchs(make, EPOCHS), abs=1e-9)
    assert all(len(set(found[i : i + PER_EPOCH])) == 1 for i in range(0, STEPS, PER_EPOCH))


@pytest.mark.parametrize("name", sorted(BY_STEP))
def test_by_steps_it_is_torchs_own(name):
    options, make = BY_STEP[name]
    found = rates(schedule=name, rate_every="step", **options)
    assert found == pytest.approx(torchs(make, STEPS), abs=1e-9)


@pytest.mark.parametrize("how", [{"warmup_steps": 15}, {"warmup_epochs": 3}])
def test_a_warm_up_rises_on_a_line_as_torchs_own(how):
    found = rates(schedule="constant", warmup_start=0.1, **how)
    expected = torchs(lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 15), STEPS)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", sorted(BY_STEP))
def test_after_a_warm_up_the_schedule_has_the_rest_for_its_length(name):
    options = BY_STEP[name][0]
    found = rates(schedule=name, rate_every="step", warmup_steps=20, **options)
    alone = rates(schedule=name, rate_every="step", epochs=EPOCHS - 4, **options)
    assert found[20:] == pytest.approx(alone)
    assert found[0] == pytest.approx(0.01 * alone[0]) and found[:21] == sorted(found[:21])


def test_a_warm_up_that_ends_within_an_epoch_leaves_whole_epochs_to_the_schedule():
    found = rates(schedule="steps", milestones=[0.5], warmup_steps=7)
    # the schedule begins with the third of 12 epochs, and falls after half of the other ten
    assert found.index(pytest.approx(0.1 * HIGHEST)) == (2 + 5) * PER_EPOCH
    assert found[7 : 7 * PER_EPOCH] == [HIGHEST] * (7 * PER_EPOCH - 7)


def test_a_warm_up_longer_than_the_training_only_rises():
    found = rates(schedule="cosine", warmup_epochs=2 * EPOCHS)
    assert found == sorted(found) and found[-1] < HIGHEST / 2


@pytest.mark.parametrize("every", ["epoch", "step"])
@pytest.mark.parametrize("name", sorted(plugins.names("schedules")))
def test_the_last_of_a_retraining_is_the_end_of_one_four_times_as_long(name, every):
    changes = {} if name == "constant" else {"rate_every": every}
    chosen = settings.resolve("train", dict(epochs=EPOCHS, schedule=name, **changes))
    first, total = span(EPOCHS, "last")
    found = Rates(chosen, Length(EPOCHS, PER_EPOCH))
    last = [found.at(epoch, total, 2) for epoch in range(first, total)]
    whole = Rates(chosen, Length(4 * EPOCHS, PER_EPOCH))
    assert last == [whole.at(epoch, total, 2) for epoch in range(3 * EPOCHS, 4 * EPOCHS)]
    assert all(0 <= rate <= 0.1 for rate in last)
    assert last[0] <= max(whole.at(epoch, total) for epoch in range(3 * EPOCHS))


class Watching:
    """Every rate that an optimiser steps at."""

    def __init__(self, one):
        self.found, step = [], one.stepper.optimizer.step

        def watched(*arguments, **more):
            self.found.append(one.stepper.optimizer.param_groups[0]["lr"])
            return step(*arguments, **more)

        one.stepper.optimizer.step = watched


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict(schedule="cosine", rate_every="step"),
        dict(schedule="triangular", warmup_epochs=0.5),
        dict(optimiser="adam", schedule="polynomial"),
    ],
)
def test_the_trainer_steps_at_the_rates_and_records_the_first_of_an_epoch(changes):
    one = small_training.trainer(epochs=3, **changes)
    seen = Watching(one)
    with one.phase("dense"):
        one.train(3)
    known = Rates(small_training.chosen(epochs=3, **changes), one.length)
    steps = range(small_training.PER_EPOCH)
    assert seen.found == [known.at(epoch, 3, step) for epoch in range(3) for step in steps]
    recorded = [epoch.learning_rate for epoch in one.ledger.epochs]
    assert recorded == seen.found[:: small_training.PER_EPOCH]


@pytest.mark.parametrize(
    "changes, said",
    [
        (dict(schedule="constant", rate_every="step"), "no setting 'rate_every'"),
        (dict(schedule="cosine", milestones=[0.5]), "no setting 'milestones'"),
        (dict(schedule="cosine", rate_every="hour"), '"epoch" or "step"'),
        (dict(warmup_epochs=1, warmup_steps=3), "warmup_epochs and warmup_steps"),
        (dict(warmup_start=0.5), "warmup_start without warmup_epochs"),
        (dict(schedule="triangular", cycles=0), "cycles = 0"),
        (dict(schedule="triangular", cycles=1.5), "cycles = 1.5"),
        (dict(schedule="triangle"), "Did you mean 'triangular'"),
        (dict(momentum=0.0, nesterov=True), "nesterov without momentum"),
        (dict(steps=10), "epochs and steps"),
        (dict(patience=3), "patience without validation"),
        (dict(ema=1.0), "ema = 1.0"),
    ],
)
def test_what_cannot_be_or_would_do_nothing_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        settings.resolve("train", dict({"epochs": 4}, **changes))
