"""The command: what it says, how it exits, and that only one of it works on a device."""

import json
import os
import signal
import statistics
import subprocess
import sys

import pytest
from rigs import nights, tiny_suite
from rigs.hand_clock import HandClock

from edgejoule import command_line
from edgejoule.bench import device_lock, suite
from edgejoule.bench.commands import nightly
from edgejoule.bench.history import store
from edgejoule.bench.nights import cooling, night, night_stages
from edgejoule.bench.nights.night_work import look
from edgejoule.devices import conditions
from edgejoule.devices.clock import MACHINE

TONIGHT = ["--fake-power", "8", "--night", nights.NIGHT]


def words(place, *more):
    return [str(place.folder / "tiny.toml")] + TONIGHT + list(more)


def test_two_at_once_the_second_says_who_and_exits_75(tmp_path):
    place = nights.Place(tmp_path)
    first = place.start(stage="run", moment="hang")
    try:
        MACHINE.until(lambda: place.done("hanging") or first.poll() is not None, 60.0)
        assert first.poll() is None, first.communicate()[1].decode()
        code, _, err = place.run()
        assert code == device_lock.BUSY == 75
        for word in (
            nights.DEVICE,
            "process {}".format(first.pid),
            "night {} of suite tiny".format(nights.NIGHT),
            "since 20",
        ):
            assert word in err
        assert place.run("--resume")[0] == 75
        assert place.run(*words(place, "--again"))[0] == 75
        assert place.document()["attempts"] == 1 and place.done("case") == 0
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    assert place.run()[0] == 0 and place.done("case") == 2


def test_a_night_in_stages(tmp_path):
    place = nights.Place(tmp_path)
    code, out, err = place.run(*words(place, "--json"))
    found = json.loads(out)
    (document,) = found["nights"]
    assert code == found["exit_code"] == 0 and document == place.document()
    assert document["stage"] == "done" and document["verdict"] == "PASS"
    assert document["fake"] == "constant 8 W" and document["started_utc"].endswith("Z")
    assert [check["name"] for check in document["doctor"]["before"]] == [
        check["name"] for check in document["doctor"]["after"]
    ]
    assert (
        document["context"] == "Jetson TX2; replay; replayed; module; not real; MAXN; "
        "torch 2.13.0; python 3.11; 2 threads"
    )
    for stage in night_stages.DO:
        assert "night {}: {}".format(nights.NIGHT, stage) in err
    assert place.done("report") == place.done("history") == 1


def test_a_night_waits_by_the_clock_that_it_is_given(tmp_path, monkeypatch):
    monkeypatch.setattr(conditions, "celsius", lambda: {"cpu": 40.0})
    asked, clock = suite.read(str(nights.Place(tmp_path).folder / "tiny.toml")), HandClock()
    options = {"max_wait": 5.0, "cool_to": 45.0}
    work = night.Work(asked, tmp_path, "board", nights.NIGHT, options, print, clock)
    found = night_stages.cool(work, {"fake": None, "notes": []})
    assert found["celsius"]["waited_s"] == clock.now() == cooling.WINDOW_S
    assert found["notes"] == ["began at 40.0 C after 30 s"]


def test_tonight_is_done_once_unless_asked_again(tmp_path):
    place = nights.Place(tmp_path)
    assert place.run()[0] == 0
    code, out, err = place.run()
    assert code == 0 and "is done; --again" in err and "PASS" in out
    assert place.done("case") == 2
    assert place.run(*words(place, "--again"))[0] == 0
    assert place.run(*words(place, "--again"))[0] == 0
    assert [each.night for each in store.nights(place.history)] == [
        nights.NIGHT,
        nights.NIGHT + ".2",
        nights.NIGHT + ".3",
    ]
    assert place.done("case") == 6


def test_a_dry_run_does_nothing(tmp_path):
    place = nights.Place(tmp_path)
    code, out, _ = place.run(*words(place, "--dry-run", "--json"))
    found = json.loads(out)
    assert code == 0 and found["device"] == nights.DEVICE and len(found["cases"]) == 2
    assert not place.history.exists() and not place.journal.exists()
    place.run(stage="gate", moment="before")
    code, out, _ = place.run(*words(place, "--dry-run"))
    assert code == 0 and "first the night {} is finished".format(nights.NIGHT) in out
    assert place.document()["stage"] == "gate"


def test_resume_does_only_what_was_begun(tmp_path):
    place = nights.Place(tmp_path)
    code, out, _ = place.run("--resume")
    assert code == 0 and "no night was left unfinished" in out
    place.run(stage="run", moment="between")
    code, out, _ = place.run("--resume")
    assert code == 0 and place.document()["stage"] == "done"
    assert len(store.nights(place.history)) == 1
    assert "no night was left unfinished" in place.run("--resume")[1]


def test_resume_of_one_suite_leaves_the_others(tmp_path):
    place = nights.Place(tmp_path)
    place.run(stage="run", moment="between")
    other = tmp_path / "other.toml"
    other.write_text(tiny_suite.TEXT)
    assert place.run("--resume", str(other))[0] == 0
    assert place.document()["stage"] == "run"
    assert place.run("--resume", str(tmp_path / "tiny.toml"))[0] == 0
    assert place.document()["stage"] == "done"


def test_a_suite_that_is_gone_ends_the_night(tmp_path):
    place = nights.Place(tmp_path)
    place.run(stage="run", moment="between")
    (tmp_path / "tiny.toml").unlink()
    assert place.run("--resume")[0] == 3
    assert place.document()["verdict"] == "INVALID" and len(place.bundles()) == 1


def test_without_a_sensor_the_night_is_invalid_and_says_why(tmp_path):
    place = nights.Place(tmp_path)
    code, out, _ = place.run(str(tmp_path / "tiny.toml"), "--device", "none")
    assert code == 3 and "not fit to measure before the run: sensor" in out
    document = store.nights(place.history)[0].document
    assert document["verdict"] == "INVALID" and document["stage"] == "done"
    assert document["doctor"]["before"] and place.done("case") == place.done("judged") == 0
    assert place.done("report") == 1, "an invalid night is shown"


def test_a_sensor_that_is_silent_tonight_is_the_device_it_was(tmp_path):
    place = nights.Place(tmp_path)
    assert place.run()[0] == 0
    code, _, _ = place.run(str(tmp_path / "tiny.toml"), "--device", "none", "--night", "2026-11-21")
    assert code == 3 and place.document("2026-11-21")["verdict"] == "INVALID"


def test_a_stranger_on_the_device_after_the_run_makes_it_invalid(tmp_path, monkeypatch):
    place = nights.Place(tmp_path)
    calls = []

    def examine(work, slow):
        calls.append(slow)
        verdict = "refuse" if len(calls) > 1 else "ok"
        return [{"name": "other GPU users", "verdict": verdict, "found": "a stranger"}]

    monkeypatch.setattr(night_stages, "examine", examine)
    code, out, _ = place.run()
    assert code == 3 and "after the run: other GPU users: a stranger" in out
    assert len(place.bundles()) == 2 and place.done("judged") == 0
    assert {row.status for row in store.rows(place.history)} == {store.VOID}


def test_a_suspect_is_left_alone_if_asked(tmp_path):
    place = nights.Place(tmp_path, suspect="FAIL")
    assert place.run(*words(place, "--no-confirm"))[0] == 1
    assert place.done("confirmed") == 0
    assert place.document()["findings"][0]["confirmed"] is None


def test_an_undecided_trial_leaves_the_suspect_red(tmp_path):
    place = nights.Place(tmp_path, suspect="INCONCLUSIVE")
    code, out, _ = place.run()
    assert code == 1 and place.document()["findings"][0]["confirmed"] is None
    assert "commit b against commit a, 8 pairs: INCONCLUSIVE" in out


@pytest.mark.parametrize(
    "more, said",
    [
        (["--night", "tomorrow"], "no night is called"),
        (["--night", "2026-13-45"], "no night is called '2026-13-45'"),
        (["--cool-to", "nan"], "invalid amount value: 'nan'"),
        (["--max-wait", "-1"], "invalid amount value: '-1'"),
        (["--set", "train.epoch=1"], "epochs"),
        (["--device", "nosuch"], "nosuch"),
    ],
)
def test_what_is_not_understood_is_one_line_and_4(tmp_path, more, said):
    place = nights.Place(tmp_path)
    code, _, err = place.run(str(tmp_path / "tiny.toml"), *more)
    assert code == 4 and said in err and len(err.strip().splitlines()) == 1
    assert not place.history.exists()


def test_it_wants_a_suite(tmp_path):
    code, _, err = nights.Place(tmp_path).run("--json")
    assert code == 4 and "which suite?" in err


def test_one_night_has_one_sensor(tmp_path):
    (tmp_path / "two.toml").write_text(
        tiny_suite.TEXT + '[[measure]]\npower = "rapl"\n[[measure]]\npower = "nvml"\n'
    )
    with pytest.raises(ValueError, match="one sensor"):
        look(suite.read(str(tmp_path / "two.toml")))


def test_old_traces_go_at_the_end_of_a_night(tmp_path):
    place = nights.Place(tmp_path)
    for day in range(1, 5):
        place.run(
            str(tmp_path / "tiny.toml"),
            "--fake-power",
            "8",
            "--keep-traces",
            "1",
            "--night",
            "2026-11-0{}".format(day),
        )
    kept = {path.parent.parent.parent.name for path in place.history.glob("*/*/*/*/trace.json")}
    assert kept == {"2026-11-01", "2026-11-04"}
    assert len(list(place.history.glob("*/*/*/*/run.json"))) == 8
    assert any("removed 2 traces" in note for note in place.document("2026-11-03")["notes"])


def test_the_help_tells_stages_and_exit_codes():
    for word in list(night_stages.DO) + ["75", "INCONCLUSIVE", "killed"]:
        assert word in nightly.__doc__.replace("Killed", "killed"), word


@pytest.mark.slow
def test_simulated_nights_are_real_ones(tmp_path):
    code = subprocess.call(
        [
            sys.executable,
            str(nights.ROOT / "tests" / "rigs" / "simulated_nights.py"),
            str(tmp_path / "out"),
            "--nights",
            "3",
            "--step",
            "3",
        ]
    )
    rows = store.rows(tmp_path / "out" / "history")
    assert code == 0 and len(rows) == 12 and len({row.commit for row in rows}) == 3
    watts = [
        [row.metrics["watts"] for row in rows if row.night == night and row.metrics["watts"]]
        for night in ("2026-09-01", "2026-09-03")
    ]  # a starved machine may lose a reading
    assert 1.03 < statistics.median(watts[1]) / statistics.median(watts[0]) < 1.07
    assert all(row.fake == "a simulated board" and not row.dirty for row in rows)


@pytest.mark.slow
def test_a_whole_night_with_real_training_and_pages(tmp_path):
    place = nights.Place(tmp_path, light=False)
    code, _, err = place.run()
    done = place.document()
    assert code == 3 and done["verdict"] == "INCONCLUSIVE", err  # too few nights to judge
    rows = store.rows(place.history)
    assert len(rows) == 2 and all(row.metrics["joules"] > 0 for row in rows)
    assert all(row.metrics["watts"] == pytest.approx(8, rel=1e-3) for row in rows)
    assert done["context"].startswith("no sensor; replay; constant; board; not real")
    folder = place.history / nights.DEVICE / nights.NIGHT / "tiny"
    assert (folder / "report" / "index.html").exists()
    assert (place.history / "report" / "nightly.html").exists()


def test_a_file_is_no_history(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code = command_line.main(["nightly", "quick", "--history", str(tmp_path / "file")])
    assert code == 4 and "it takes the folder" in capsys.readouterr().err
