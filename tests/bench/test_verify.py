"""Verifying derives the numbers of real runs again, and finds what was changed in them."""

import json
import random
import shutil
import textwrap

import pytest
from rigs import bundles as made_up
from rigs import forgeries

from edgejoule import command_line, plugins
from edgejoule.bench import bundle, manifest, suite, worker
from edgejoule.bench.verify import bundles, evidence, joules
from edgejoule.bench.verify.outcome import Outcome
from edgejoule.devices.trace import PowerTrace

MODEL = '''
    """A network that trains in a blink."""

    from torch import nn

    INPUT_SHAPE, CLASSES = (1, 8, 8), 10


    def build(classes=10, channels=1, *, width=8):
        return nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.MaxPool2d(2), nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width),
            nn.ReLU(), nn.Flatten(), nn.Linear(16 * width, classes),
        )
'''
SUITE = """
    question = "Does it verify?"
    plugins = ["own"]
    model = "blink"
    dataset = "digits"
    [train]
    epochs = 2
    threads = 1
    seed = [0, 1]
    [measure]
    period_s = 0.01
    [[prune]]
    recipe = "dense"
    [[prune]]
    recipe = "one_shot"
    criterion = "slim"
    ratio = 0.5
    [[prune]]
    recipe = "early_bird"
    ratio = 0.5
    compose = "full"
    [[prune]]
    recipe = "at_init"
    ratio = 0.5
    [[prune]]
    recipe = "lottery"
    ratio = 0.5
    early_stop = 1
    [[prune]]
    recipe = "early_bird"
    ratio = 0.6
    probes = "test"
"""


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """The folder of a suite of twelve real runs with a replayed power trace."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "own" / "models").mkdir(parents=True)
    (folder / "own" / "models" / "blink.py").write_text(textwrap.dedent(MODEL))
    (folder / "tiny.toml").write_text(textwrap.dedent(SUITE))
    dice = random.Random(0)
    times = [i / 10 for i in range(300)]
    watts = [round(9 + 3 * ((i // 7) % 2) + dice.random(), 3) for i in range(300)]
    (folder / "power.json").write_text(
        json.dumps({"schema": 1, "rail": "board", "times_s": times, "watts": watts})
    )
    was = list(plugins.PATH)
    asked = suite.read(
        str(folder / "tiny.toml"),
        ["measure.fake_power={}".format(json.dumps(str(folder / "power.json")))],
    )
    root = bundle.folder(folder / "runs", asked.name)
    named = [(suite.case_id(case), suite.label(case)) for case in asked.cases]
    bundle.write_suite(root, asked.name, asked.question, asked.note, named)
    for (case_id, _), case in zip(named, asked.cases):
        path, attempts = bundle.begin(root, case_id)
        job = {
            "suite": asked.name,
            "case_id": case_id,
            "attempts": attempts,
            "case": case._asdict(),
            "plugins": plugins.used(),
        }
        bundle.write_text(path / "case.json", json.dumps(job, indent=1) + "\n")
        assert worker.main(path) == 0, (path / "log").read_text()
        bundle.finish(path, root, case_id)
    yield root
    plugins.PATH[:] = was


def one(real, word):
    """The bundle whose name has that word."""
    return next(path for path in sorted(real.iterdir()) if word in path.name)


def copied(real, word, folder):
    source = one(real, word)
    shutil.copytree(str(source), str(folder / source.name))
    return folder / source.name


def changed(path, change):
    """Changes a record by hand, with a manifest that fits."""
    document = json.loads((path / "run.json").read_text())
    change(document)
    (path / "run.json").write_text(json.dumps(document, indent=1) + "\n")
    (path / manifest.NAME).write_text(manifest.text(path))


def test_every_number_of_a_real_run_agrees(real):
    for path in bundle.scan(real):
        found = bundles.verify(path, with_data=True)
        assert not found.differences and found.agreed > 80
        assert "digests of the files" not in {each.what for each in found.unknown}


@pytest.mark.parametrize(
    "word, what, change",
    [
        ("slim", "phases[0].joules", lambda d: d["phases"][0].update(joules=99.0)),
        ("slim", "epochs[0].joules", lambda d: d["epochs"][0].update(joules=0.01)),
        ("slim", "phases[2].seconds", lambda d: d["phases"][2].update(seconds=99.0)),
        ("dense", "phases[0].evaluation_s", lambda d: d["phases"][0].update(evaluation_seconds=0)),
        ("dense", "phases[0].flops.exact", lambda d: d["phases"][0]["flops"].update(exact=1.0)),
        ("dense", "epochs[1].flops.exact", lambda d: d["epochs"][1]["flops"].update(exact=1)),
        ("slim", "final.params", lambda d: d["final"].update(params=1)),
        ("slim", "dense.forward_macs", lambda d: d["dense"].update(forward_macs=1)),
        ("slim", "layers", lambda d: d["layers"][0].update(kept=8)),
        ("dense", "accuracy", lambda d: d.update(accuracy=0.123)),
        ("dense", "epochs[0].train_accuracy", lambda d: d["epochs"][0].update(train_accuracy=0.1)),
        ("dense", "epochs[0]", lambda d: d["epochs"][0].update(loss=0.5)),
        ("dense", "label", lambda d: d.update(label="slim 0.9")),
        ("dense", "case_id", lambda d: d["case"]["train"].update(seed=5)),
        ("dense", "epochs[1].learning_rate", lambda d: d["epochs"][1].update(learning_rate=1.0)),
        ("at-init", "facts.masked[0].kept", lambda d: d["facts"]["masked"][0].update(kept=7)),
        ("early-bird", "ticket.epoch", lambda d: d["ticket"].update(epoch=9)),
        ("early-bird", "ticket.threshold", lambda d: d["ticket"].update(threshold=0.35)),
        ("slim", "epochs[0].channels", lambda d: d["epochs"][0].update(channels=23)),
        ("at-init", "samples[0]", lambda d: d["environment"].update(samples=["0" * 16])),
        ("lottery", "samples[0]", lambda d: d["environment"].update(samples=["0" * 16])),
        ("lottery", "phases[0].flops.exact", lambda d: d["phases"][0]["flops"].update(exact=1.0)),
        ("dense", "fingerprint", lambda d: d.update(fingerprint="0" * 32)),
        ("dense", "number of epochs", lambda d: d["epochs"].pop()),
        ("dense", "status", lambda d: d["phases"][0].update(status="ok")),
    ],
)
def test_a_number_that_was_changed_is_named(real, tmp_path, word, what, change):
    path = copied(real, word, tmp_path)
    changed(path, change)
    found = bundles.verify(path)
    assert any(what in each.what for each in found.differences), found.differences


def test_anothers_trace_and_anothers_weights_are_found(real, tmp_path):
    path = copied(real, "slim-0.5-s0", tmp_path)
    shutil.copy(str(one(real, "slim-0.5-s1") / "trace.json"), str(path / "trace.json"))
    (path / manifest.NAME).write_text(manifest.text(path))
    assert "joules" in str(bundles.verify(path).differences) or "trace" in str(
        bundles.verify(path).differences
    )
    path = copied(real, "dense-s0", tmp_path)
    shutil.copy(str(one(real, "dense-s1") / "weights.pt"), str(path / "weights.pt"))
    (path / manifest.NAME).write_text(manifest.text(path))
    assert "fingerprint" in {each.what for each in bundles.verify(path).differences}


def test_the_tolerance_of_joules_is_the_resolution_of_the_trace(real):
    """A reading differs from the area under its trace by less than a hundredth here."""
    found = evidence.gather(one(real, "dense-s0"), Outcome())
    limits = joules.Limits(found.trace, found.record.device, found.record.case["measure"])
    for phase in found.record.phases:
        area = limits.area(phase["start_s"], phase["end_s"])
        assert 0 < area.tolerance < 0.1 * area.joules


def test_a_counter_is_exact_between_its_ticks():
    """Steps of 10 and 14 W: only the ticks round the edges leave something open."""
    moments = [tick / 10 for tick in range(200)]
    times = [moment for tick in moments for moment in (tick, tick + 0.1)]
    watts = [10.0 + 4 * (place // 2 % 2) for place in range(400)]
    limits = joules.Limits(PowerTrace(times, watts), {}, {})
    area = limits.area(1.0, 19.0)
    assert abs(area.joules - 18 * 12) < area.tolerance < 2.0
    assert (area.low_watts, area.high_watts) == (10.0, 14.0)


def test_what_cannot_be_derived_is_listed(real, tmp_path, capsys):
    path = copied(real, "slim", tmp_path)
    (path / manifest.NAME).write_text(manifest.without(path, "trace.json"), encoding="utf8")
    (path / "trace.json").unlink()
    assert command_line.main(["verify", str(path)]) == 0
    said = capsys.readouterr().out
    assert "not derived:" in said and "trace.json was removed" in said and "--data" in said


def test_old_bundles_are_not_hashed_and_verify_for_ever(real, tmp_path):
    path = copied(real, "dense", tmp_path)
    changed(path, lambda document: (document.pop("hashed"), document.pop("fingerprint")))
    (path / manifest.NAME).unlink()
    found = bundles.verify(path)
    assert not found.differences
    assert any(each.why.startswith("not hashed") for each in found.unknown)


def test_a_suite_is_verified_with_the_ratios_of_its_report(real, tmp_path, capsys):
    shutil.copytree(str(real), str(tmp_path / "runs" / "tiny"))
    runs = str(tmp_path / "runs")
    assert command_line.main(["report", "tiny", "--runs", runs]) == 0
    capsys.readouterr()
    assert command_line.main(["verify", "tiny", "--runs", runs, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [len(each["differences"]) for each in document["runs"]] == [0] * 13
    table = tmp_path / "runs" / "tiny" / "report" / "table.csv"
    rows = table.read_text(encoding="utf8").splitlines()
    place = rows[0].split(",").index("flops_ratio") - len(rows[0].split(","))
    cells = rows[2].rsplit(",", -place)
    cells[1] = "0.5"
    table.write_text("\n".join(rows[:2] + [",".join(cells)] + rows[3:]), encoding="utf8")
    assert command_line.main(["verify", "tiny", "--runs", runs]) == 1
    assert "flops_ratio: stored 0.5" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 1}', b"\xff", b"null"])
@pytest.mark.parametrize("name", ["run.json", "case.json", "trace.json", "plan.json"])
def test_a_damaged_file_is_a_difference_and_no_crash(real, tmp_path, name, content):
    path = copied(real, "slim", tmp_path)
    (path / name).write_bytes(content)
    assert bundles.verify(path).differences


def test_a_run_that_is_not_there_is_said_in_one_line(tmp_path, capsys):
    assert command_line.main(["verify", "nothing", "--runs", str(tmp_path)]) == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "'nothing'" in said


def test_made_up_numbers_do_not_verify(tmp_path):
    """The rigs of the reports' tests are simple numbers that no run gave."""
    root = made_up.suite(tmp_path, power="module")
    assert all(bundles.verify(path).differences for path in bundle.scan(root))


def rate(real, folder, count, recomputed):
    """(share of `count` changes that are found, those that are not)."""
    forger = forgeries.Forger(bundle.scan(real), random.Random(count))
    missed = []
    for _ in range(count):
        path, told = forger.copy(folder / "forged", recomputed)
        if not bundles.verify(path, recomputed).differences:
            missed.append(told)
    return 1 - len(missed) / count, missed


def test_some_changes_are_found(real, tmp_path):
    assert rate(real, tmp_path, 25, False) == (1.0, [])
    assert rate(real, tmp_path, 25, True)[0] > 0.6


@pytest.mark.slow
def test_of_a_thousand_changes_all_but_one_are_found(real, tmp_path, capsys):
    """As an accident leaves the bundle, and as one who writes the manifest anew does."""
    share, missed = rate(real, tmp_path, 1000, False)
    forged, slipped = rate(real, tmp_path, 1000, True)
    with capsys.disabled():
        print("\nfound of 1000 changes: {:.1%}".format(share))
        print("found of 1000 changes with the manifest written anew: {:.1%}".format(forged))
        print("\n".join(slipped))
    assert share >= 0.999, missed
    assert forged > 0.8
