"""A phase that several cases have in common is trained once, and taken over bit by bit."""

import fcntl
import json

import pytest
import torch
from rigs.fake_meter import FakeMeter, Silent
from rigs.fake_trainer import small_net
from torch.utils.data import TensorDataset

from edgejoule import plugins
from edgejoule.bench import settings
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training import shared
from edgejoule.bench.training.journal import Journal
from edgejoule.bench.training.resume import ResumingTrainer

HALF = {"ratio": 0.5}
DENSE = ("dense", {})
# what each takes over from a case that ran before it: {recipe and settings: the one before}
ALIKE = [
    (("one_shot", dict(HALF, criterion="l2")), DENSE),
    (("one_shot", dict(HALF, criterion="l2")), ("one_shot", dict(ratio=0.3, criterion="random"))),
    (("one_shot", dict(HALF, criterion="slim")), ("one_shot", dict(ratio=0.3, criterion="slim"))),
    (("iterative", dict(HALF, criterion="l2")), DENSE),
    (("thinet", dict(HALF, score_batches=1)), DENSE),
    (("lottery", HALF), DENSE),
    (("lottery", dict(HALF, rewind_epoch=1)), ("lottery", dict(ratio=0.3, rewind_epoch=1))),
    (("lottery", dict(HALF, rewind_step=2)), ("lottery", dict(ratio=0.3, rewind_step=2))),
    (("lottery", dict(HALF, early_stop=1)), ("lottery", dict(ratio=0.3, early_stop=1))),
    (("iterative_masks", dict(technique="l1_us", rounds=1)), DENSE),
    (
        ("early_bird", dict(HALF, probe_images=16, epsilon=1.0, queue=2)),
        ("early_bird", dict(ratio=0.3, probe_images=16, epsilon=1.0, queue=2)),
    ),
]
UNLIKE = [
    (("one_shot", dict(HALF, criterion="slim")), DENSE),  # trained with a penalty
    (
        ("one_shot", dict(HALF, criterion="slim", strength=1e-3)),
        ("one_shot", dict(HALF, criterion="slim")),
    ),
    (  # the penalty acts on other groups
        ("one_shot", dict(HALF, criterion="slim", ignore=["0.0"])),
        ("one_shot", dict(HALF, criterion="slim")),
    ),
    (("lottery", dict(HALF, rewind_epoch=1)), DENSE),  # needs a state that dense did not keep
    (("lottery", dict(HALF, early_stop=1)), DENSE),  # nobody looked for the least loss there
    (("lottery", dict(HALF, early_stop=2)), ("lottery", dict(HALF, early_stop=1))),
    (
        ("early_bird", dict(HALF, detector="mask")),
        ("early_bird", dict(ratio=0.3, detector="mask")),  # its masks are those of another ratio
    ),
]


def run(folder, what, runs=None, train=None, suite="tiny"):
    """(trainer, outcome) of a recipe on a small network; phases are shared in `runs`."""
    recipe, options = what
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(48, 3, 8, 8, generator=generator)
    y = torch.arange(48) % 4
    data = Data(
        TensorDataset(x[:32], y[:32]),
        TensorDataset(x[32:], y[32:]),
        lambda x, noise: x + 0.1 * torch.randn(x.shape, generator=noise),
    )
    chosen = dict(settings.TRAIN, epochs=4, batch_size=8, seed=1, **train or {})

    def build():
        return torch.nn.Sequential(small_net(), torch.nn.Dropout(0.1))

    torch.manual_seed(1)
    model = build()
    ledger = Ledger(FakeMeter(None), lambda: None)
    trainer = ResumingTrainer(
        Journal(folder, {}), model, data, chosen, ledger, Silent(), lambda: None, build
    )
    if runs is not None:
        borrower = {"suite": suite, "case_id": folder.name}
        trainer.shelf = shared.Shelf(runs, {"train": chosen}, borrower)
    return trainer, plugins.load("recipes", recipe).run(trainer, **options)


def facts(trainer, outcome):
    """What a record would hold, less times."""
    ticket = outcome.ticket and (outcome.ticket.epoch, outcome.ticket.distances)
    epochs = [(e.phase, e.epoch, e.loss, e.accuracy, e.channels) for e in trainer.ledger.epochs]
    phases = [(p.name, p.epochs, p.flops) for p in trainer.ledger.phases]
    return json.dumps([ticket, epochs, phases, outcome.facts, trainer.warnings])


def equal(one, other):
    found, expected = one.state_dict(), other.state_dict()
    return list(found) == list(expected) and all(
        torch.equal(found[name], expected[name]) for name in expected
    )


@pytest.mark.parametrize("what, before", ALIKE)
def test_a_phase_that_another_case_trained_is_taken_over_bit_by_bit(tmp_path, what, before):
    alone, expected = run(tmp_path / "alone", what)
    run(tmp_path / "first", before, tmp_path / "runs")
    trainer, outcome = run(tmp_path / "second", what, tmp_path / "runs")
    taken = trainer.shared[0]
    assert (taken["case_id"], taken["suite"], taken["phase"]) == ("first", "tiny", 0)
    assert taken["name"] == trainer.ledger.phases[0].name and len(trainer.shared) == 1
    assert facts(trainer, outcome) == facts(alone, expected)
    assert equal(outcome.model, expected.model) and trainer.resumed == []


@pytest.mark.parametrize("what, before", UNLIKE)
def test_other_work_is_not_taken_over(tmp_path, what, before):
    alone, expected = run(tmp_path / "alone", what)
    run(tmp_path / "first", before, tmp_path / "runs")
    trainer, outcome = run(tmp_path / "second", what, tmp_path / "runs")
    assert trainer.shared == []
    assert facts(trainer, outcome) == facts(alone, expected)
    assert equal(outcome.model, expected.model)


def test_another_setting_of_the_training_is_other_work(tmp_path):
    run(tmp_path / "first", DENSE, tmp_path / "runs")
    trainer, _ = run(tmp_path / "second", DENSE, tmp_path / "runs", {"weight_decay": 0.0})
    assert trainer.shared == []


def test_a_case_that_goes_on_finds_its_own_phase_and_says_resumed(tmp_path):
    run(tmp_path / "same", DENSE, tmp_path / "runs")
    trainer, _ = run(tmp_path / "same", DENSE, tmp_path / "runs")
    assert (trainer.resumed, trainer.shared) == (["dense"], [])


def test_a_phase_whose_file_was_cut_short_is_trained_again(tmp_path):
    whole, expected = run(tmp_path / "first", DENSE, tmp_path / "runs")
    (tensors,) = (tmp_path / "runs").glob(".phases/*/journal/phase-00.pt")
    tensors.write_bytes(tensors.read_bytes()[:100])
    trainer, outcome = run(tmp_path / "second", DENSE, tmp_path / "runs")
    assert trainer.shared == [] and facts(trainer, outcome) == facts(whole, expected)
    assert run(tmp_path / "third", DENSE, tmp_path / "runs")[0].shared[0]["case_id"] == "second"


def test_a_phase_that_was_killed_on_its_way_to_the_disk_is_not_there(tmp_path):
    run(tmp_path / "first", DENSE, tmp_path / "runs")
    (source,) = (tmp_path / "runs").glob(".phases/*/source.json")
    source.unlink()  # written last
    assert run(tmp_path / "second", DENSE, tmp_path / "runs")[0].shared == []


def test_whoever_comes_second_waits_for_the_first(tmp_path):
    shelf = shared.Shelf(tmp_path, {}, {"suite": "s", "case_id": "c"})
    state = {"w": torch.zeros(2)}
    with shelf.held({"epochs": 1}, state, lambda: pytest.fail("nobody to wait for")):
        (lock,) = tmp_path.glob(".phases/*.lock")
        with open(str(lock)) as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with shelf.held({"epochs": 2}, state, lambda: pytest.fail("other work, other lock")):
            pass
        with shelf.held({"epochs": 1}, {"w": torch.ones(2)}, lambda: pytest.fail("another state")):
            pass
    with open(str(lock)) as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        waited = []

        def wait():
            waited.append(True)
            fcntl.flock(other, fcntl.LOCK_UN)  # the first has ended

        with shelf.held({"epochs": 1}, state, wait):
            assert waited


def test_the_digest_tells_names_shapes_kinds_and_bits_apart():
    some = {"a": torch.zeros(4), "b": torch.ones(2)}
    others = [
        {"a": torch.zeros(4)},
        dict(some, a=torch.zeros(2, 2)),
        dict(some, a=torch.zeros(4, dtype=torch.int32)),
        dict(some, a=torch.tensor([0.0, 0.0, 0.0, -0.0])),
        {"c": some["a"], "b": some["b"]},
    ]
    assert shared.digest(some) == shared.digest(dict(reversed(list(some.items()))))
    assert shared.digest(some) not in [shared.digest(other) for other in others]


def test_other_data_of_the_same_name_is_other_work():
    def data(change):
        x, y = torch.arange(100.0).view(100, 1, 1, 1), torch.arange(100)
        x[-1] += change
        return Data(TensorDataset(x, y), TensorDataset(x[:10], y[:10]), None)

    own = {"case": {"model": 1, "dataset": 2, "train": 3, "measure": 4, "prune": 5}, "code": "c"}
    first = shared.key(own, data(0), "a")
    assert "prune" not in first["case"] and first == shared.key(own, data(0), "a")
    assert first != shared.key(own, data(1), "a") and first != shared.key(own, data(0), "b")
