"""The whole line on real data: suite, training, cut, measurement, bundle, report."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from edgejoule import plugins
from edgejoule.bench import bundle
from edgejoule.prune import export

ROOT = Path(__file__).resolve().parent.parent
TINY = """
question = "Does the line hold?"
model = "resnet20"
dataset = "digits"
[train]
epochs = 2
batch_size = 512
threads = 1
[measure]
power = "none"
[[prune]]
recipe = "dense"
[[prune]]
recipe = "early_bird"
criterion = "spline"
epsilon = 1.0
queue = 1
compose = "full"
ratio = 0.5
"""


def edgejoule(*words):
    return subprocess.check_output(
        [sys.executable, str(ROOT / "edgejoule.py")] + [str(word) for word in words],
        stderr=subprocess.PIPE,
    )


def run(folder, *more):
    (folder / "tiny.toml").write_text(TINY)
    edgejoule("run", folder / "tiny.toml", "--runs", folder / "runs", *more)
    return {
        record.label.split()[0]: (path, record)
        for path, record in (
            (path, bundle.read(path)) for path in bundle.scan(folder / "runs" / "tiny")
        )
    }


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unmeasured")
    return folder, run(folder)


@pytest.fixture(scope="module")
def faked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faked")
    return folder, run(folder, "--fake-power", "9.5", "--set", "measure.power=auto")


def report(folder):
    text = edgejoule("report", "tiny", "--runs", folder / "runs", "--out", folder / "out")
    return text.decode("utf8"), (folder / "out" / "index.html").read_text(encoding="utf8")


def test_without_a_sensor_every_joule_is_unknown_with_its_reason(unmeasured):
    for _, record in unmeasured[1].values():
        for part in record.phases + record.epochs:
            assert part["joules"] is None and part["joules_reason"], part
            assert part["evaluation_joules"] is None and part["seconds"] > 0
    for text in report(unmeasured[0]):
        assert "not measured" in text
        assert " 0 J" not in text and "0.0 J" not in text


def test_fake_power_is_joules_of_that_power_and_says_so_everywhere(faked):
    for _, record in faked[1].values():
        assert "9.5" in record.device["fake"]
        assert any("power is not real" in warning for warning in record.warnings)
        for phase in record.phases:
            if phase["joules"] is not None:
                assert phase["joules"] == pytest.approx(9.5 * phase["seconds"], rel=1e-3)
        assert any(phase["joules"] for phase in record.phases)
    for text in report(faked[0]):
        assert "fake" in text.lower() and "9.5" in text
    for name in ("table.md", "table.tex", "table.csv"):
        assert "fake" in (faked[0] / "out" / name).read_text(encoding="utf8").lower(), name


def test_phases_and_flops_of_a_pipeline(unmeasured):
    dense, early = unmeasured[1]["dense"][1], unmeasured[1]["early-bird"][1]
    assert [phase["name"] for phase in dense.phases] == ["dense"]
    assert [phase["name"] for phase in early.phases] == ["search", "score", "retrain"]
    images = plugins.load("datasets", "digits").TRAIN_IMAGES
    assert dense.phases[0]["flops"]["exact"] == 2 * images * 2 * dense.dense["train_macs"]
    retrain = early.phases[2]
    assert retrain["flops"]["exact"] == 2 * images * 2 * early.final["train_macs"]
    assert early.final["params"] < 0.4 * early.dense["params"]
    assert early.ticket["epoch"] == 2 and early.ticket["distances"][0] is None
    assert [layer["kept"] for layer in early.layers] == [
        layer["channels"] // 2 for layer in early.layers
    ]


def test_the_record_holds_what_the_run_depended_on(unmeasured):
    record = unmeasured[1]["dense"][1]
    assert record.environment["packages"]["torch"] == torch.__version__
    assert record.environment["torch"]["threads"] == 1
    for when in ("before", "after"):
        assert "celsius" in record.environment[when] and "power_mode" in record.environment[when]
    assert record.case["train"]["epochs"] == 2 and record.attempts == 1


def test_the_exported_model_is_the_trained_one_and_needs_no_pickle(unmeasured):
    path, record = unmeasured[1]["early-bird"]
    model = export.load(str(path), lambda: plugins.load("models", "resnet20").build(10, 1))
    assert sum(p.numel() for p in model.parameters()) == record.final["params"]
    test = plugins.load("datasets", "digits").load().test
    x, y = test[list(range(len(test)))]
    model.eval()
    with torch.no_grad():
        assert float((model(x).argmax(1) == y).float().mean()) == pytest.approx(record.accuracy)
    if "weights_only" in torch.load.__code__.co_varnames:
        assert torch.load(str(path / "weights.pt"), weights_only=True)


def test_the_saved_trace_can_be_played(faked):
    path, original = faked[1]["dense"]
    text = edgejoule(
        "run",
        faked[0] / "tiny.toml",
        "--runs",
        faked[0] / "replayed",
        "--json",
        "--fake-power",
        path / "trace.json",
        "--set",
        "measure.power=auto",
        "--set",
        "train.epochs=1",
    )
    ran = json.loads(text.decode())["ran"]
    records = [bundle.read(faked[0] / "replayed" / "tiny" / name) for name in ran]
    assert len(records) == 2 and all("trace.json" in each.device["fake"] for each in records)
    played = records[0].epochs[0]
    assert played["joules"] == pytest.approx(9.5 * played["seconds"], rel=0.01)
    assert original.device["fake"] != records[0].device["fake"]


def test_reports_need_no_torch(unmeasured, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('torch is blocked')")
    code = subprocess.call(
        [
            sys.executable,
            str(ROOT / "edgejoule.py"),
            "report",
            "tiny",
            "--runs",
            str(unmeasured[0] / "runs"),
            "--out",
            str(tmp_path / "out"),
        ],
        env=dict(os.environ, PYTHONPATH=str(tmp_path)),
        stdout=subprocess.DEVNULL,
    )
    assert code == 0


def test_a_corrupt_bundle_is_named_and_the_rest_reported(faked):
    folder = faked[0]
    broken = folder / "runs" / "tiny" / "broken-bundle"
    broken.mkdir()
    (broken / bundle.RECORD).write_text("{")
    process = subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "edgejoule.py"),
            "report",
            "tiny",
            "--runs",
            str(folder / "runs"),
            "--out",
            str(folder / "out"),
            "--all",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = (text.decode("utf8") for text in process.communicate())
    assert process.returncode == 0 and "Traceback" not in err
    assert "broken-bundle" in out + err and "dense" in out
