"""A case that was interrupted goes on at the boundary of a phase, and ends bit-equal."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rigs.fake_meter import FakeMeter, Silent
from rigs.fake_trainer import small_net
from torch.utils.data import TensorDataset

from edgejoule import plugins
from edgejoule.bench import bundle, settings
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training.journal import Journal
from edgejoule.bench.training.resume import ResumingTrainer
from edgejoule.prune.criteria import l2, snap

ROOT = Path(__file__).resolve().parent.parent.parent
HALF = {"ratio": 0.5}
CASES = {
    "by_table": [
        dict(table={"*": 0.5}, frozen=0.5),
        dict(table={"*": 0.5}, criterion="hrank", between=1),
        dict(table={"*": 0.5}, rescore=True, between=1),
    ],
    "ccp": [dict(HALF, score_batches=1)],
    "channel_pruning": [dict(HALF, score_batches=1), dict(HALF, score_batches=1, between=1)],
    "autopruner": [dict(HALF, code_epochs=2, refresh=3, retrain_epochs=1)],
    "at_init": [
        HALF,
        dict(HALF, retrain="full"),
        dict(HALF, retrain="last", repeats=2),
        dict(HALF, saliency="synflow", iterations=3, control="shuffle"),
        dict(HALF, saliency="grasp", classifier="xavier", weights="reinit"),
    ],
    "auto_kappa": [dict(samples=2)],
    "cnip_it": [
        HALF,
        dict(ratio=0.9, when="during", first_event=1, interval=1, steps=2, score_batches=1),
    ],
    "csgd": [dict(HALF, pull_epochs=2, retrain_epochs=1), dict(HALF, clusters="even", pull=1.0)],
    "cut_at_init": [HALF, dict(HALF, retrain="full")],
    "dcp": [dict(HALF, losses=1, score_batches=2, retrain_epochs=1)],
    "deepr": [
        dict(HALF, until=0.6, sparse_layers="all"),
        dict(HALF, scope="global", noise="code", sparse_layers="all"),
    ],
    "cut_below": [
        {"strength": 0.5},
        {"criterion": "linf", "regularizer": "group_hs", "threshold": 0.2, "retrain": "last"},
    ],
    "deep_compression": [{"conv_bits": 3, "linear_bits": 2, "centroid_gradient": "mean"}],
    "dense": [{}],
    "dsr": [dict(HALF, interval=2, threshold=0.05, until=0.7, sparse_layers="all")],
    "early_bird": [
        dict(HALF, probe_images=16, epsilon=1.0, queue=2),
        dict(HALF, detector="mask"),
        dict(HALF, detector="spline_code", compose="full", probe_images=16),
        dict(HALF, probes="test", probe_images=11, epsilon=1.0, queue=2),
        dict(HALF, probes="test", detector="spline_code", epsilon=0.0),
    ],
    "gate_decorators": [
        dict(HALF, tick_share=0.2, ticks=2, tock_epochs=1),
        dict(HALF, tick_share=0.4, ticks=1, tock_epochs=0, retrain="last", mode="inner"),
    ],
    "gdp": [dict(HALF, every=1), dict(HALF, every=3, mode="coupled", search_epochs=2, ramp=1.0)],
    "grasp_it": [dict(ratio=0.9, steps=1), dict(ratio=0.9, steps=1, gone="stay")],
    "imp": [dict(ratio=0.9, first_event=1, interval=1, steps=1, rewind_epoch=1)],
    "iterative": [
        HALF,
        dict(HALF, retrain="last", between=1.0),
        dict(HALF, retrain="rewind", mode="inner", criterion="l2"),
    ],
    "iterative_masks": [{"technique": "l1_us", "rounds": 2, "rewind_epoch": 1, "rate": 0.5}],
    "l0": [{}, dict(HALF, strength=1e-3, mode="coupled", retrain_epochs=1)],
    "lottery": [
        dict(HALF, rounds=2),
        dict(HALF, rewind_epoch=1),
        dict(HALF, rewind_step=2),
        dict(HALF, weights="reinit"),
        dict(HALF, rounds=2, early_stop=1, rewind_epoch=1),
        dict(HALF, early_stop=1, weights="keep", saliency="mask_criteria", rule="movement"),
    ],
    "obs": [
        dict(HALF, rounds=2, block=16, retrain_epochs=1),
        dict(HALF, saliency="mlprune", retrain_epochs=0),
    ],
    "one_shot": [dict(HALF, criterion=name) for name in ("random", "slim", "spline")],
    "pfp": [dict(ratio=0.4), dict(ratio=0.4, draw="mixed", counted="macs")],
    "sfp": [
        HALF,
        dict(HALF, start="pretrained", every=2, retrain_epochs=1),
    ],
    "skeleton": [
        dict(HALF, step=0.2, between=0),
        dict(HALF, step=0.2, goal=9.0, between=2),
        dict(HALF, step=0.2, goal=0.01, goal_batches=1),
    ],
    "mask_below": [{"strength": 1e-3}, {"deviations": 0.5, "retrain_epochs": 2}],
    "rigl": [
        dict(HALF, interval=2),
        dict(HALF, interval=3, until=0.5, grow="random", densities="uniform"),
    ],
    "set": [HALF, dict(epsilon=4.0, sparse_layers="all", mode="magnitude")],
    "snap_it": [
        HALF,
        dict(ratio=0.9, when="during", first_event=1, interval=1, steps=2, score_batches=1),
    ],
    "snip_it": [
        dict(ratio=0.9, when="during", first_event=1, interval=1, steps=2, score_batches=1),
        dict(ratio=0.9, when="during", timing="algorithm", interval=1, steps=2, score_batches=1),
    ],
    "sss": [{"scale_strength": 0.1}, dict(HALF, retrain_epochs=1)],
    "static_sparse": [HALF],
    "thinet": [dict(HALF, score_batches=1)],
    "vcnnp": [
        dict(HALF, variational_epochs=2, retrain_epochs=1),
        {"least_mean": 0.99, "least_deviation": 9.0, "variational_epochs": 3},
    ],
}
TRAINING = {"deepr": {"momentum": 0.0}}  # what a recipe needs of the section train
EACH = [(name, options) for name, some in sorted(CASES.items()) for options in some]


def test_every_recipe_is_here():
    assert set(CASES) == set(plugins.names("recipes"))


def run(folder, recipe, options, **training):
    """(trainer, outcome) of a recipe on a small network, with a journal in `folder`."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(48, 3, 8, 8, generator=generator)
    y = torch.arange(48) % 4
    data = Data(
        TensorDataset(x[:32], y[:32]),
        TensorDataset(x[32:], y[32:]),
        lambda x, noise: x + 0.1 * torch.randn(x.shape, generator=noise),
    )
    chosen = settings.resolve("train", dict(training, epochs=5, batch_size=8, seed=1))

    def build():
        return torch.nn.Sequential(small_net(), torch.nn.Dropout(0.1))

    torch.manual_seed(1)
    model = build()
    trainer = ResumingTrainer(
        Journal(folder, {"case": recipe}),
        model,
        data,
        chosen,
        Ledger(FakeMeter(None), lambda: None),
        Silent(),
        lambda: None,
        build,
    )
    return trainer, plugins.load("recipes", recipe).run(trainer, **options)


def facts(trainer, outcome):
    """What a record would hold, less times."""
    ticket = outcome.ticket and (outcome.ticket.epoch, outcome.ticket.distances)
    epochs = [(e.phase, e.epoch, e.loss, e.accuracy, e.channels) for e in trainer.ledger.epochs]
    phases = [(p.name, p.epochs, p.flops) for p in trainer.ledger.phases]
    return json.dumps([ticket, epochs, phases, outcome.facts, trainer.warnings])


@pytest.mark.parametrize("recipe, options", EACH)
def test_from_every_boundary_the_end_is_the_same_bit_by_bit(tmp_path, recipe, options):
    resumes_everywhere(tmp_path, recipe, options, **TRAINING.get(recipe, {}))


EVERYTHING = dict(
    gradient_clip=0.5,
    label_smoothing=0.1,
    ema=0.9,
    validation=0.25,
    patience=4,
    warmup_steps=3,
    schedule="triangular",
)
GOES_ON = ("early_bird", dict(HALF, epsilon=1e-9, compose="continue"))  # with the same optimiser
GATES = [  # parameters and masks that the network has only while it is trained
    ("gdp", CASES["gdp"][0]),
    ("l0", CASES["l0"][1]),
    ("gate_decorators", CASES["gate_decorators"][0]),
]
SNIPS = ("snip_it", CASES["snip_it"][0])  # in the middle of its training, over and over
REWIRES = ("rigl", CASES["rigl"][0])  # within its epochs, what the optimiser remembers included


@pytest.mark.parametrize("recipe, options", [GOES_ON, SNIPS, REWIRES])
@pytest.mark.parametrize("more", [{}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("optimiser", plugins.names("optimisers"))
def test_every_optimiser_goes_on_bit_by_bit(tmp_path, optimiser, more, recipe, options):
    training = dict(more, optimiser=optimiser)
    if optimiser == "rmsprop":
        training.update(momentum=0.9, centered=True)
    if optimiser == "adam":
        training.update(amsgrad=True)
    resumes_everywhere(tmp_path, recipe, options, **training)


@pytest.mark.parametrize("recipe, options", GATES)
def test_gates_go_on_bit_by_bit_with_everything(tmp_path, recipe, options):
    resumes_everywhere(tmp_path, recipe, options, optimiser="adam", **EVERYTHING)


def test_an_optimiser_whose_state_cannot_be_kept_is_refused(tmp_path):
    trainer, _ = run(tmp_path, "dense", {})
    parameter = next(trainer.model.parameters())
    trainer.stepper.optimizer.state[parameter]["history"] = [1, 2]
    with pytest.raises(ValueError, match="keeps .1, 2. as 0.history"), trainer.phase("retrain"):
        trainer.train(1)


def resumes_everywhere(tmp_path, recipe, options, **training):
    """Begins anew from every boundary of a phase and compares everything with a whole run."""
    whole, outcome = run(tmp_path / "whole", recipe, options, **training)
    expected, count = outcome.model.state_dict(), len(whole.ledger.phases)
    for done in range(1, count + 1):
        folder = tmp_path / str(done)
        shutil.copytree(str(tmp_path / "whole"), str(folder))
        for later in range(done, count):
            (folder / "journal" / "phase-{:02d}.json".format(later)).unlink()
        trainer, again = run(folder, recipe, options, **training)
        assert len(trainer.resumed) == done and facts(trainer, again) == facts(whole, outcome)
        found = again.model.state_dict()
        assert list(found) == list(expected)
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_other_work_under_the_same_name_is_not_gone_on_from(tmp_path):
    journal = Journal(tmp_path, {"code": "a"})
    (journal.folder / "phase-00.json").write_text("{}")
    assert Journal(tmp_path, {"code": "a"}).folder.joinpath("phase-00.json").exists()
    assert not Journal(tmp_path, {"code": "b"}).folder.joinpath("phase-00.json").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.with_suffix(".pt").unlink(),
        lambda path: path.write_text("{"),
        lambda path: path.write_text("[1]"),
        lambda path: path.with_suffix(".pt").write_bytes(b"no tensors"),
    ],
)
def test_a_phase_that_cannot_be_read_is_done_again(tmp_path, spoil):
    whole, outcome = run(tmp_path, "one_shot", HALF)
    spoil(tmp_path / "journal" / "phase-01.json")
    trainer, again = run(tmp_path, "one_shot", HALF)
    assert trainer.resumed == ["dense"] and facts(trainer, again) == facts(whole, outcome)


TINY = """
question = "Does it go on?"
model = "resnet20"
dataset = "digits"
[train]
epochs = 1
batch_size = 512
threads = 1
[[prune]]
recipe = "one_shot"
criterion = "l2"
ratio = 0.5
"""


def test_a_killed_worker_goes_on_after_its_last_phase(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)

    def start(name):
        return subprocess.Popen(
            [
                sys.executable,
                str(ROOT / "edgejoule.py"),
                "run",
                str(tmp_path / "tiny.toml"),
                "--runs",
                str(tmp_path / name),
            ],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    assert start("whole").wait() == 0
    process, seen = start("killed"), []
    while process.poll() is None and not seen:
        seen = list(tmp_path.glob("killed/tiny/.*.open/journal/phase-00.json"))
        time.sleep(0.002)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert start("killed").wait() == 0
    (one,), (other,) = [list(bundle.scan(tmp_path / name / "tiny")) for name in ("whole", "killed")]
    first, second = bundle.read(one), bundle.read(other)
    assert not (other / "journal").exists() and first.accuracy == second.accuracy
    assert [e["loss"] for e in first.epochs] == [e["loss"] for e in second.epochs]
    assert (one / "weights.pt").read_bytes() == (other / "weights.pt").read_bytes()
    if second.attempts > 1:
        assert second.environment["resumed"][0] == "dense"
        assert any("measured then, whole" in text for text in second.warnings)


def test_a_device_that_scores_otherwise_the_second_time_trains_what_it_cut(tmp_path, monkeypatch):
    """Sums on a GPU need not repeat: weights trained for other channels must not be taken over."""
    run(tmp_path / "kept", "one_shot", dict(HALF, criterion="l2"))
    shutil.copytree(str(tmp_path / "kept"), str(tmp_path / "copy"))
    before = l2.scores
    monkeypatch.setattr(
        l2,
        "scores",
        lambda *args, **more: {name: -each for name, each in before(*args, **more).items()},
    )
    fresh, expected = run(tmp_path / "fresh", "one_shot", dict(HALF, criterion="l2"))
    trainer, found = run(tmp_path / "copy", "one_shot", dict(HALF, criterion="l2"))
    assert trainer.resumed == ["dense", "score"] and facts(trainer, found) == facts(fresh, expected)
    state = found.model.state_dict()
    assert all(torch.equal(state[name], each) for name, each in expected.model.state_dict().items())


def test_within_a_phase_it_starts_over_and_says_so(tmp_path, monkeypatch):
    options = dict(ratio=0.9, when="during", first_event=1, interval=1, steps=2, score_batches=1)
    run(tmp_path, "snap_it", options)
    before = snap.scores
    monkeypatch.setattr(
        snap,
        "scores",
        lambda *args, **more: {name: -each for name, each in before(*args, **more).items()},
    )
    with pytest.raises(RuntimeError, match="does not repeat.*starts over"):
        run(tmp_path, "snap_it", options)
    assert not (tmp_path / "journal").exists()
    assert run(tmp_path, "snap_it", options)[0].resumed == []
