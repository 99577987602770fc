"""Every round of an iterative run stays in its bundle: exact, the same after a resume, checked."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
from rigs.fake_meter import FakeMeter, Silent
from rigs.fake_trainer import FakeTrainer, small_net
from torch.utils.data import TensorDataset

from edgejoule.bench import rounds, settings, worker
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training.journal import Journal
from edgejoule.bench.training.resume import ResumingTrainer
from edgejoule.prune.recipes import iterative_masks

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = (rounds.LIST, rounds.ARRAYS)


def run(folder, keep_weights=True, count=3, **options):
    """(trainer, outcome) of an iterative run on random pictures; its rounds lie in `folder`."""
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(48, 3, 8, 8, generator=generator), torch.arange(48) % 4
    data = Data(TensorDataset(x[:32], y[:32]), TensorDataset(x[32:], y[32:]), None)
    torch.manual_seed(1)
    trainer = ResumingTrainer(
        Journal(folder, {}),
        small_net(),
        data,
        dict(settings.TRAIN, epochs=2, batch_size=8, seed=1),
        Ledger(FakeMeter(None), lambda: None),
        Silent(),
        lambda: None,
        small_net,
    )
    trainer.rounds = rounds.Writer(folder)
    outcome = iterative_masks.run(
        trainer, **dict({"technique": "l1_us"}, rounds=count, keep_weights=keep_weights, **options)
    )
    trainer.rounds.close()
    return trainer, outcome


def test_masks_accuracies_and_weights_of_every_round(tmp_path):
    trainer, outcome = run(tmp_path)
    kept = rounds.read(tmp_path)
    assert [each.number for each in kept.rounds] == [0, 1, 2, 3]
    assert kept.accuracies == [trainer.ledger.epochs[i].accuracy for i in (1, 3, 5, 7)]
    assert kept.accuracies[-1] == trainer.accuracy()
    assert list(kept.shapes) == list(outcome.weight_mask)
    for name, flags in outcome.weight_mask.items():
        masks = kept.masks(name)
        assert masks.shape == (4,) + tuple(flags.shape) and masks.dtype == bool
        assert masks[0].all() and (masks[-1] == flags.numpy()).all()
        assert (masks[1:] <= masks[:-1]).all()  # what is gone stays gone
    counts = [each.kept for each in kept.rounds]
    assert counts == [sum(int(kept.mask(k)[n].sum()) for n in kept.shapes) for k in range(4)]
    assert counts[1] == outcome.facts["masked"][0]["kept"]
    state = outcome.model.state_dict()
    assert list(kept.weights(3)) == list(state)
    assert all((kept.weights(3)[name] == value.numpy()).all() for name, value in state.items())


@pytest.mark.parametrize("technique", sorted(iterative_masks.TECHNIQUES))
def test_one_long_run_holds_the_shorter_ones(tmp_path, technique):
    """Round k of a run is what a run of k rounds ends with: 21 trainings instead of 230."""
    run(tmp_path / "long", False, technique=technique)
    long = rounds.read(tmp_path / "long")
    for count in (1, 2):
        trainer, outcome = run(tmp_path / str(count), False, count, technique=technique)
        assert trainer.accuracy() == long.accuracies[count]
        assert all(
            (long.mask(count)[name] == flags.numpy()).all()
            for name, flags in outcome.weight_mask.items()
        )


def test_jaccard_stability_and_ensembles_come_from_one_run(tmp_path):
    """With plain arrays, as on a machine without torch; the ensemble's networks are whole."""
    run(tmp_path / "a")
    run(tmp_path / "b", technique="random_us")
    one, other = rounds.read(tmp_path / "a"), rounds.read(tmp_path / "b")
    layer = "3.weight"
    both = (one.masks(layer) & other.masks(layer)).reshape(4, -1).sum(1)
    either = (one.masks(layer) | other.masks(layer)).reshape(4, -1).sum(1)
    distance = 1 - both / either
    assert distance[0] == 0 and (numpy.diff(distance) > 0).all()
    left = one.mask(3)[layer]
    moved = abs(one.weights(3)[layer] - one.weights(2)[layer])[left].mean()
    assert 0 < moved < 1
    votes = 0
    pictures = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    for number in (1, 2, 3):
        net = small_net().eval()
        state = {name: torch.from_numpy(value) for name, value in one.weights(number).items()}
        net.load_state_dict(state)
        votes = votes + net(pictures).softmax(1)
    assert votes.shape == (16, 4) and torch.allclose(votes.sum(1), torch.full((16,), 3.0))


def test_a_resumed_run_keeps_the_same_rounds_byte_for_byte(tmp_path):
    whole, _ = run(tmp_path / "whole")
    for done in range(1, len(whole.ledger.phases) + 1):
        folder = tmp_path / str(done)
        shutil.copytree(str(tmp_path / "whole" / "journal"), str(folder / "journal"))
        for later in range(done, len(whole.ledger.phases)):
            (folder / "journal" / "phase-{:02d}.json".format(later)).unlink()
        trainer, _ = run(folder)
        assert len(trainer.resumed) == done
        for name in FILES:
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_masks_take_a_bit_per_weight(tmp_path):
    run(tmp_path, keep_weights=False, count=2)
    with numpy.load(str(tmp_path / rounds.ARRAYS)) as arrays:
        assert {name for name in arrays.files if "weights" in name} == set()
        sizes = {name: arrays[name].nbytes for name in arrays.files}
    assert sizes["02/mask/0.weight"] == 8 * 3 * 9 // 8 and len(sizes) == 9
    with pytest.raises(ValueError, match="keep_weights = true"):
        rounds.read(tmp_path).weights(1)


def test_an_attempt_that_was_killed_leaves_nothing_that_looks_whole(tmp_path):
    writer = rounds.Writer(tmp_path)
    writer.add({"w": numpy.ones((2, 3), dtype=bool)}, 0.5, {})
    assert not any((tmp_path / name).exists() for name in FILES)
    with pytest.raises(ValueError, match="holds no rounds"):
        rounds.read(tmp_path)
    writer.close()
    assert rounds.read(tmp_path).rounds == (rounds.Round(0, 0.5, 6, 6, False),)


def test_a_run_without_rounds_writes_no_file(tmp_path):
    rounds.Writer(tmp_path).close()
    assert not list(tmp_path.iterdir())


def test_arrays_of_another_run_or_cut_short_are_refused(tmp_path):
    run(tmp_path, keep_weights=False)
    path = tmp_path / rounds.ARRAYS
    path.write_bytes(path.read_bytes()[:-7])
    kept = rounds.read(tmp_path)
    assert len(kept.accuracies) == 4  # the list is whole
    with pytest.raises(ValueError, match="not the one its run wrote"):
        kept.masks("0.weight")
    path.unlink()
    with pytest.raises(ValueError, match="missing"):
        kept.mask(1)


@pytest.mark.parametrize(
    "text, words",
    [
        ("{", "rounds.json"),
        ("[]", "rounds.json"),
        ('{"schema": 9}', "update"),
        ('{"schema": 1, "rounds": [{"number": 3}], "tensors": []}', "round 3 stands in place 0"),
        ('{"schema": 1, "rounds": [{"number": 0, "accuracy": "high"}]}', "high"),
        ('{"schema": 1, "rounds": [7], "tensors": [], "sha256": ""}', "rounds.json"),
    ],
)
def test_a_broken_list_is_told_in_a_sentence(tmp_path, text, words):
    (tmp_path / rounds.LIST).write_text(text)
    with pytest.raises(ValueError, match=words):
        rounds.read(tmp_path)


def test_a_round_that_is_not_there(tmp_path):
    run(tmp_path, keep_weights=False)
    with pytest.raises(ValueError, match="no round 4; its rounds are 0 to 3"):
        rounds.read(tmp_path).mask(4)


def test_recipes_keep_rounds_outside_phases():
    trainer = FakeTrainer(epochs=1)
    outcome = iterative_masks.run(trainer, technique="hybrid", rounds=2)
    masks = [mask for mask, _, _ in trainer.rounds]
    assert len(masks) == 3 and masks[-1] is outcome.weight_mask
    assert masks[0].kept == masks[0].weights


def test_a_worker_s_bundle_holds_them_and_needs_no_torch(tmp_path):
    """The whole way: a worker's process writes the files, another reads them without torch."""
    case = {
        "model": {"name": "resnet20"},
        "dataset": {"name": "digits", "root": "data"},
        "train": dict(settings.TRAIN, epochs=1, batch_size=512, threads=1),
        "prune": settings.resolve(
            "prune", {"recipe": "iterative_masks", "technique": "l1_us", "rounds": 2}
        ),
        "measure": dict(settings.MEASURE),
    }
    job = {"suite": "tiny", "case_id": "tiny", "attempts": 1, "case": case}
    (tmp_path / "case.json").write_text(json.dumps(job))
    assert worker.main(tmp_path) == 0
    record = json.loads((tmp_path / "run.json").read_text())
    script = (
        "import sys; from edgejoule.bench import rounds\n"
        "kept = rounds.read(sys.argv[1])\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
        "assert kept.masks(list(kept.shapes)[0]).shape[0] == 3\n"
        "assert 'torch' not in sys.modules\n"
        "print(kept.accuracies[-1])"
    )
    out = subprocess.check_output([sys.executable, "-c", script, str(tmp_path)], cwd=str(ROOT))
    assert float(out.decode()) == record["accuracy"]
    listed = json.loads((tmp_path / rounds.LIST).read_text())
    digest = hashlib.sha256((tmp_path / rounds.ARRAYS).read_bytes()).hexdigest()
    assert listed["sha256"] == digest
