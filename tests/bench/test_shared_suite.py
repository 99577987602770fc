"""A suite whose cases share phases: trained once, the records say so, the end is the same."""

import json
import random
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from edgejoule import plugins
from edgejoule.bench import bundle, manifest
from edgejoule.bench.verify import bundles

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = '''
    """A network that trains in a blink."""

    from torch import nn

    INPUT_SHAPE, CLASSES = (1, 8, 8), 10


    def build(classes=10, channels=1):
        return nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 16, classes),
        )
'''
SUITE = """
    question = "What is trained once?"
    plugins = ["once_own"]
    model = "blink"
    dataset = "digits"
    [train]
    epochs = 3
    threads = 1
    [measure]
    period_s = 0.01
    fake_power = "5"
    [[prune]]
    recipe = "dense"
    [[prune]]
    recipe = "one_shot"
    criterion = "l2"
    ratio = 0.5
    [[prune]]
    recipe = "one_shot"
    criterion = "slim"
    ratio = 0.5
"""
KILLS = 5


def command(folder, *more):
    line = [sys.executable, str(ROOT / "edgejoule.py"), "run", str(folder / "once.toml")]
    return line + ["--runs", str(folder / "runs")] + list(more)


def prepared(folder):
    (folder / "once_own" / "models").mkdir(parents=True)
    (folder / "once_own" / "models" / "blink.py").write_text(textwrap.dedent(MODEL))
    (folder / "once.toml").write_text(textwrap.dedent(SUITE))
    return folder


def records(folder):
    """The record of each method."""
    found = [bundle.check(path) for path in bundle.scan(folder / "runs" / "once")]
    return {record.label: record for record in found}


def learned(record):
    epochs = [(e["phase"], e["epoch"], e["loss"], e["accuracy"]) for e in record.epochs]
    return epochs, record.fingerprint, record.accuracy, [p["flops"] for p in record.phases]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The folder of a finished run whose cases share what they can."""
    was = list(plugins.PATH)
    folder = prepared(tmp_path_factory.mktemp("shared"))
    subprocess.check_call(command(folder))
    yield folder
    plugins.PATH[:] = was  # verifying a run uses the folders that its suite names


def test_cases_share_what_they_train_alike_and_end_as_without(shared, tmp_path):
    subprocess.check_call(command(prepared(tmp_path), "--no-share"))
    together, alone = records(shared), records(tmp_path)
    assert {label: learned(each) for label, each in together.items()} == {
        label: learned(each) for label, each in alone.items()
    }
    assert not any(each.environment["shared"] for each in alone.values())
    assert not (tmp_path / "runs" / ".phases").exists()
    loans = {label: each.environment["shared"] for label, each in together.items()}
    assert loans["dense"] == loans["slim 0.5"] == []  # slim trains with a penalty of its own
    (loan,) = loans["l2 0.5"]
    dense = together["dense"]
    assert (loan["case_id"], loan["name"], loan["phase"]) == (dense.case_id, "dense", 0)
    # every number of it is that of the case that trained it, but for moments of another clock
    moments = {"start_s": None, "end_s": None}
    assert together["l2 0.5"].phases[0] == dict(dense.phases[0], **moments)


def test_the_plan_says_beforehand_what_will_be_shared(shared):
    loans = [loan for each in records(shared).values() for loan in each.environment["shared"]]
    plan = json.loads(subprocess.check_output(command(shared, "--dry-run", "--json")).decode())
    told = plan["shared"]
    assert (told["phases"], told["cases"]) == (len(loans), 1)
    spared = records(shared)["l2 0.5"].phases[0]
    assert 0.5 * spared["seconds"] < told["seconds"]["middle"] < 2 * plan["seconds"]["middle"] / 3
    alone = command(shared, "--dry-run", "--json", "--no-share")
    assert json.loads(subprocess.check_output(alone).decode())["shared"] is None
    text = subprocess.check_output(command(shared, "--dry-run")).decode()
    assert "shared phases: 1, in 1 of the cases" in text


def test_a_run_that_shares_verifies_and_a_change_in_what_it_took_over_is_found(shared, tmp_path):
    folder = tmp_path / "runs"
    shutil.copytree(str(shared / "runs"), str(folder))
    for path in bundle.scan(folder / "once"):
        assert not bundles.verify(path, with_data=True).differences
    path = next(path for path in bundle.scan(folder / "once") if "-l2-" in path.name)
    document = json.loads((path / "run.json").read_text())
    document["phases"][0]["joules"] *= 1.001
    (path / "run.json").write_text(json.dumps(document, indent=1) + "\n")
    (path / manifest.NAME).write_text(manifest.text(path))
    (found,) = bundles.verify(path).differences
    assert found.what == "phases[0].joules" and "dense" in found.how


@pytest.mark.slow
def test_killed_at_any_time_the_same_command_ends_with_the_same(shared, tmp_path):
    folder, chance = prepared(tmp_path), random.Random(5)
    for _ in range(KILLS):
        process = subprocess.Popen(command(folder), stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.5, 6.0))
        process.kill()
        process.wait()
    subprocess.check_call(command(folder))
    together, again = records(shared), records(folder)
    assert {label: learned(each) for label, each in together.items()} == {
        label: learned(each) for label, each in again.items()
    }
