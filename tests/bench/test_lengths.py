"""Trainings of so many steps, images held out, an early end, and what the record says of them."""

import json

import pytest
import torch
from rigs import small_training
from rigs.fake_meter import FakeMeter

from edgejoule.bench import suite
from edgejoule.bench.records import EpochRecord
from edgejoule.bench.training.lengths import Length, held_out, length
from edgejoule.bench.training.validation import Patience, parted
from edgejoule.prune.steps import span

SUITE = """
question = "How long?"
model = "resnet20"
dataset = "digits"
prune = "dense"
[train]
steps = 100
"""


def trained(epochs=None, first=0, total=None, **changes):
    one = small_training.trainer(**changes)
    with one.phase("dense"):
        one.train(one.epochs if epochs is None else epochs, first=first, total=total)
    return one


@pytest.mark.parametrize("retraining", ["full", "last"])
@pytest.mark.parametrize("steps", range(1, 13))
def test_so_many_steps_are_made_whatever_the_schedule_repeats(steps, retraining):
    one, seen = small_training.trainer(steps=steps), []
    first, total = span(one.epochs, retraining)
    with one.phase("dense"):
        one.train(one.epochs, first=first, total=total, penalty=lambda model: seen.append(1))
    assert len(seen) == steps
    samples = [epoch.samples for epoch in one.ledger.epochs]
    assert samples[:-1] == [40] * (one.epochs - 1)
    assert sum(samples) == steps * small_training.BATCH


def test_flops_and_shares_are_of_the_samples_that_were_seen():
    one = trained(steps=7)
    per_sample = one.ledger.per_sample["exact"]
    assert [e.flops["exact"] for e in one.ledger.epochs] == [40 * per_sample, 16 * per_sample]
    last = one.ledger.epochs[-1]
    assert last.samples == 16 and last.train_accuracy * 16 == round(last.train_accuracy * 16)


def test_a_schedule_by_steps_ends_with_the_last_step():
    found = Length(epochs=2, per_epoch=5, short=3)
    assert (found.schedule(2), found.schedule(8), found.schedule(3)) == (7, 37, 15)
    assert [found.of_epoch(epoch, 2) for epoch in range(2)] == [5, 2]
    assert [found.of_epoch(epoch, 8) for epoch in (0, 1, 6, 7)] == [5, 5, 5, 2]


def test_a_short_batch_ends_an_epoch():
    chosen = small_training.chosen(steps=7, batch_size=16)
    assert length(chosen, 40) == Length(3, 3, 2)  # 16, 16 and 8 images; the third has one step


def test_epochs_follow_from_the_steps_and_the_size_of_the_data_set(tmp_path):
    path = tmp_path / "steps.toml"
    path.write_text(SUITE)
    (case,) = suite.read(str(path)).cases
    assert (case.train["steps"], case.train["epochs"]) == (100, 5)  # 23 steps of 64 in 1442
    (quick,) = suite.read(str(path), quick=True).cases
    assert (quick.train["steps"], quick.train["epochs"]) == (0, suite.QUICK_EPOCHS)
    again = suite.Case(**json.loads(json.dumps(case._asdict())))
    assert suite.case_id(again) == suite.case_id(case)
    path.write_text(SUITE + "epochs = 5\n")
    with pytest.raises(ValueError, match="epochs and steps"):
        suite.read(str(path))


@pytest.mark.parametrize("share, count", [(0.0, 0), (0.001, 1), (0.25, 10), (0.99, 39)])
def test_so_many_images_are_held_out_and_never_trained_on(share, count):
    assert held_out(40, share) == count
    kept, held = parted(40, share, 4)
    assert len(held) == count
    assert sorted(kept.tolist() + held.tolist()) == list(range(40))
    again, other = parted(40, share, 4), parted(40, share, 5)
    assert torch.equal(held, again[1])
    assert count in (0, 39) or not torch.equal(held, other[1])


def test_held_out_images_are_neither_trained_on_nor_scored_with():
    one = small_training.trainer(validation=0.25, epochs=1)
    pictures = one.data.train.tensors[0]
    trained_on, learn = [], one.stepper.step

    def step(x, y, penalty):
        trained_on.extend(x)
        return learn(x, y, penalty)

    one.stepper.step = step
    with one.phase("dense"):
        one.train(1)
    scored = [each for x, _ in one.batches(99) for each in x]

    def places(seen):
        return {int((pictures == each).flatten(1).all(1).nonzero()) for each in seen}

    assert len(places(trained_on)) == 30 and places(scored) == places(trained_on)
    assert one.ledger.epochs[0].samples == 30
    held = sorted(set(range(40)) - places(trained_on))
    one.model.eval()
    x, y = pictures[held], one.data.train.tensors[1][held]
    expected = torch.nn.functional.cross_entropy(one.model(x), y).item()
    assert one.ledger.epochs[0].validation_loss == pytest.approx(expected, rel=1e-5)


def test_without_a_split_nothing_is_validated_and_every_image_is_trained_on():
    epoch = trained(epochs=1).ledger.epochs[0]
    assert epoch.validation_loss is None and epoch.samples == 40


@pytest.mark.parametrize(
    "losses, patience, ends",
    [
        ([3.0, 2.0, 1.0, 0.5], 1, None),
        ([3.0, 2.0, 2.0, 1.0], 1, 2),
        ([3.0, 2.0, 2.5, 2.1, 1.0], 3, None),
        ([3.0, 2.0, 2.5, 2.1, 2.0], 3, 4),
        ([3.0, 4.0, 5.0, 6.0], 0, None),
        ([3.0, None, None], 2, 2),
    ],
)
def test_patience_counts_epochs_since_the_lowest_loss(losses, patience, ends):
    one = Patience(patience)
    over = [one.is_over(loss) for loss in losses]
    assert (over.index(True) if True in over else None) == ends


def test_training_ends_when_the_validation_loss_no_longer_falls():
    # a rate of nothing: not a weight moves, but batch norm's statistics would move the loss
    one = small_training.trainer(
        learning_rate=0.0, validation=0.25, patience=2, epochs=9, batch_size=40
    )
    one.model[1].momentum = 0.0
    with one.phase("search"):
        assert one.train(9) == 3  # the first sets the mark, and two do not fall below it
    assert len(one.ledger.epochs) == 3
    with one.phase("retrain"):
        assert one.train(9) == 3  # the mark is set anew


def test_validation_is_charged_to_evaluation():
    one = small_training.trainer(validation=0.25)
    meter = one.ledger.meter = FakeMeter(2.0)

    class Slow(torch.nn.Module):
        """Takes a second to look at a batch, and five to train on one."""

        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            meter.now += 5.0 if self.training else 1.0
            return self.inner(x)

    one.replace(Slow(small_training.network()))
    with one.phase("dense"):
        one.train(1)
    epoch, phase = one.ledger.epochs[0], one.ledger.phases[0]
    assert epoch.seconds == 4 * 5.0 == phase.seconds  # 30 images in four batches
    assert epoch.evaluation_seconds == 3 + 2  # 20 of the test set, 10 held out
    assert (epoch.joules, epoch.evaluation_joules) == (40.0, 10.0) == (phase.joules, 10.0)


@pytest.mark.parametrize("classes", [3, 10, 11, 30])
def test_above_ten_classes_the_five_likeliest_are_counted_too(classes):
    one = small_training.trainer(classes=classes)
    with one.phase("dense"):
        one.train(1)
    told = one.ledger.epochs[0].top5_accuracy
    if classes <= 10:
        assert told is None
        return
    one.model.eval()
    x, y = one.data.test.tensors
    best = one.model(x).sort(1, descending=True)[1][:, :5]
    assert told == pytest.approx(sum(int(a in b) for a, b in zip(y, best)) / len(y))
    assert told >= one.ledger.epochs[0].accuracy


def test_epochs_of_older_records_lack_what_came_later():
    record = trained(epochs=1).ledger.epochs[0]._asdict()
    for name in ("samples", "top5_accuracy", "validation_loss"):
        record.pop(name)
    old = EpochRecord(**record)
    assert (old.samples, old.top5_accuracy, old.validation_loss) == (None, None, None)
