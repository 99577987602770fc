"""Cases side by side: who may, what they are told, what their numbers are good for."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rigs import bundles, ended_worker, histories, signalled

from edgejoule.bench import bundle, checks, device_lock, records, runner, side_by_side, suite
from edgejoule.bench.estimates import finished, forecast
from edgejoule.bench.estimates.forecast import Forecast, Interval
from edgejoule.bench.estimates.remaining import Remaining
from edgejoule.bench.gates import blessing, comparison, judgement, limits
from edgejoule.bench.history import night_rows, store
from edgejoule.bench.pool import Place, Pool
from edgejoule.devices.clock import MACHINE
from edgejoule.devices.reading import DeviceInfo
from edgejoule.devices.vendors import gpus, nvml_library
from edgejoule.reports import gather, phase_costs, results

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = """
question = "Does it go on?"
model = "vanillacnn"
dataset = "digits"
[train]
epochs = 1
batch_size = 512
seed = [0, 1, 2]
[[prune]]
recipe = "one_shot"
criterion = "l2"
ratio = 0.5
"""
BOARD = DeviceInfo("ina3221", "Jetson TX2", "VDD_IN", "module")
GPU = DeviceInfo("nvml", "2 x NVIDIA A100", "energy counter", "gpu")
SILENT = DeviceInfo("none", "laptop", reason="no sensor answers")
UUIDS = ["GPU-aaaa0001", "GPU-aaaa0002"]


@pytest.fixture
def asked(tmp_path):
    """The tiny suite; `asked(*overrides)` with these."""
    (tmp_path / "tiny.toml").write_text(TINY)
    return lambda *overrides: suite.read(str(tmp_path / "tiny.toml"), overrides)


@pytest.fixture
def machine(monkeypatch):
    """`machine(info, *gpus)`: what every sensor says here, and the GPUs that CUDA would use."""

    class Library:
        def close(self):
            """Nothing is held."""

    def make(info, *found):
        monkeypatch.setattr(device_lock, "look", lambda power, fake: info)
        monkeypatch.setattr(nvml_library, "load", Library)
        monkeypatch.setattr(gpus, "visible", lambda library: list(found))
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)

    return make


def found(uuid, **more):
    return gpus.Found(object(), uuid, None, 0, **more)


def test_what_nothing_measures_shares_the_cores(asked, machine):
    machine(SILENT)
    assert side_by_side.places(asked(), 2) == [Place({}, 4)] * 2
    assert side_by_side.places(asked(), 3) == [Place({}, 2)] * 3, "a core in three is nobody's"
    assert side_by_side.places(asked(), 1) == [Place()], "one case alone is told nothing"


def test_fake_power_measures_nothing(asked, machine):
    machine(BOARD)
    assert len(side_by_side.places(asked('measure.fake_power="8"'), 2)) == 2


def test_measured_cases_have_a_gpu_each(asked, machine):
    machine(GPU, *map(found, UUIDS))
    made = side_by_side.places(asked(), 2)
    assert [place.environment for place in made] == [{gpus.VISIBLE: each} for each in UUIDS]


def test_cases_that_nothing_measures_are_spread_over_the_gpus(asked, machine):
    machine(SILENT, *map(found, UUIDS))
    made = [place.environment[gpus.VISIBLE] for place in side_by_side.places(asked(), 3)]
    assert made == [UUIDS[0], UUIDS[1], UUIDS[0]]
    named = side_by_side.places(asked('train.device="cuda:1"'), 2)
    assert [place.environment for place in named] == [{}, {}], "its number counts all GPUs"


@pytest.mark.parametrize(
    "info, jobs, overrides, words",
    [
        (SILENT, 0, [], ["--jobs 0", "from 1 to"]),
        (SILENT, 10**6, [], ["--jobs 1000000", "4 for each core"]),
        (BOARD, 2, [], ["--jobs 2", "'auto'", "Jetson TX2", "ina3221", "measure.power=none"]),
        (GPU, 2, ['measure.power="nvml:GPU-aaaa"'], ["'nvml:GPU-aaaa'", "share", "--jobs out"]),
        (GPU, 2, ["train.device=cpu"], ["'cpu'", "GPU of its own", '"cuda" or "auto"']),
        (GPU, 3, [], ["--jobs 3", "CUDA has 2", "say --jobs 2"]),
    ],
)
def test_a_refusal_says_what_is_shared_and_what_to_do(asked, machine, info, jobs, overrides, words):
    # a part of a divided GPU has no power of its own, so it is no third one
    machine(info, *map(found, UUIDS), found("GPU-aaaa0003", mig=True))
    with pytest.raises(ValueError) as told:
        side_by_side.places(asked(*overrides), jobs)
    text = str(told.value)
    assert all(word in text for word in words) and "\n" not in text


def walked(asked, folder, codes, size, monkeypatch, clock=MACHINE):
    """(the tally, what was said, the jobs) of workers that end at once with these exit codes."""
    said, jobs, left = [], [], list(codes)

    def work(path):
        jobs.append(json.loads((path / "case.json").read_text()))
        bundle.write_text(path / bundle.RECORD, "{}")
        return left.pop(0)

    monkeypatch.setattr(runner, "start_worker", ended_worker.instead(work))
    pool = Pool([Place({}, 1 if size > 1 else None)] * size, clock)
    return runner.run(asked, folder, said.append, pool=pool), said, jobs


def test_a_case_that_fails_stops_no_other(asked, tmp_path, monkeypatch):
    suite_asked = asked()
    ids = [suite.case_id(case) for case in suite_asked.cases]
    tally, said, _ = walked(suite_asked, tmp_path, [1, 0, 0], 2, monkeypatch)
    assert tally.failed == ids[:1] and tally.ran == ids[1:]
    assert any(each.startswith("[1/3]") and "failed with exit code 1" in each for each in said)


def test_after_a_refusal_no_case_is_begun(asked, tmp_path, monkeypatch):
    suite_asked = asked()
    tally, _, jobs = walked(suite_asked, tmp_path, [4, 0, 0], 2, monkeypatch)
    ids = [suite.case_id(case) for case in suite_asked.cases]
    assert tally.refused == ids[:1] and tally.ran == ids[1:2], "the one beside it is finished"
    assert len(jobs) == 2


def test_a_worker_is_told_of_others_only_if_there_are_some(asked, tmp_path, monkeypatch):
    suite_asked = asked()
    plain = {"suite", "case_id", "attempts", "case", "plugins", "eta", "share"}
    _, _, jobs = walked(suite_asked, tmp_path / "alone", [0, 0, 0], 1, monkeypatch)
    assert all(set(job) == plain for job in jobs)
    _, _, jobs = walked(suite_asked, tmp_path / "two", [0, 0, 0], 2, monkeypatch)
    assert [job["side_by_side"] for job in jobs] == [2, 2, 2]
    assert [job["threads"] for job in jobs] == [1, 1, 1]
    assert jobs[2]["title"] == "[3/3] " + jobs[2]["case_id"]


def test_the_last_case_that_is_left_runs_alone_with_as_many_threads(asked, tmp_path, monkeypatch):
    """With other threads it would not take over the phases of its earlier attempt."""
    suite_asked = asked()
    walked(suite_asked, tmp_path, [0, 0, 1], 2, monkeypatch)
    # these bundles hold no records, which nobody reads here
    monkeypatch.setattr(bundle, "is_done", lambda folder, case_id: (folder / case_id).exists())
    _, _, (job,) = walked(suite_asked, tmp_path, [0], 2, monkeypatch)
    assert job["threads"] == 1 and "side_by_side" not in job


def test_what_is_left_is_shared():
    alone, two = (Remaining("abcde", [8.0] * 5, at_once) for at_once in (1, 2))
    assert alone.eta(0) == {"case_s": 8.0, "rest_s": 32.0, "cases_after": 4}
    assert two.eta(0) == {"case_s": 8.0, "rest_s": 16.0, "cases_after": 2}


def test_the_forecast_says_what_side_by_side_would_save():
    known = [Forecast(Interval(90.0, 100.0, 110.0), None, "by hand")] * 6
    assert "3 at a time, so about 3.3 min" in forecast.divided(known, 3)
    assert forecast.divided(known, 1) == "" and forecast.divided([forecast.UNKNOWN] * 3, 2) == ""


def beside(record, count=2):
    """The record, made beside others."""
    return dict(record, environment=dict(record["environment"], side_by_side=count))


def test_the_record_says_so_itself():
    told = checks.sentences(records.RunRecord(**beside(bundles.record())))
    assert any(each.startswith("timings not comparable: up to 2 cases") for each in told)
    alone = checks.sentences(records.RunRecord(**bundles.record()))
    assert not any("comparable" in each for each in alone)


def test_gates_see_the_accuracy_and_the_work_and_no_timing():
    whole = bundles.record("dense", None, 0, "module")
    alone, shared = night_rows.metrics(whole), night_rows.metrics(beside(whole))
    timings = ("joules", "seconds", "watts")
    assert all(alone[name] for name in timings) and not any(shared[name] for name in timings)
    assert all(alone[name] == shared[name] for name in set(alone) - set(timings))
    assert night_rows.facts(beside(whole)).reason.startswith(records.INCOMPARABLE)


def test_a_comparison_leaves_their_timings_out():
    one, two = (records.RunRecord(**each) for each in (bundles.record(), beside(bundles.record())))
    floors = {metric.name: metric.floor for metric in store.METRICS}
    rules = comparison.Rules(floors, ("joules", "seconds"), (), 100)
    judged = comparison.judge("dense", [(one, two)] * 8, rules)
    assert judged["verdict"] == "INCONCLUSIVE"
    assert judged["metrics"]["seconds"]["verdict"] is None
    assert judged["metrics"]["accuracy"]["ratio"]["n"] == 8
    assert any("8 of 16 runs are left out of seconds and joules" in n for n in judged["notes"])
    assert not any("time alone decides" in note for note in judged["notes"])


def history(tmp_path, shared, nights=6):
    """A history of one method whose nights of these numbers ran side by side."""
    folder = histories.make(tmp_path / "history", nights, bundles.METHODS[:1])
    for number in shared:
        night = folder / histories.DEVICE / histories.day(number) / histories.SUITE
        for path in night.glob("*/run.json"):
            path.write_text(json.dumps(beside(json.loads(path.read_text())), indent=1))
    return folder


@pytest.mark.parametrize("nights, shared", [(6, [5]), (1, [0])])
def test_a_night_of_them_never_passes_and_says_why(tmp_path, nights, shared):
    folder = history(tmp_path, shared, nights)
    judged = judgement.judge(folder, histories.DEVICE, histories.SUITE, None, limits.Thresholds())
    assert judged.verdict == "INCONCLUSIVE"
    assert any("timings not comparable" in each.sentence for each in judged.findings)


def test_a_night_of_them_is_no_baseline(tmp_path):
    folder = history(tmp_path, [1], 2)
    first, last = store.nights(folder)
    assert blessing.objections(folder, first) == []
    (objection,) = blessing.objections(folder, last)
    assert objection == "timings not comparable: up to 2 cases ran side by side"


def test_forecasts_do_not_learn_from_them(asked, tmp_path):
    processor, machine, cores = finished.machine()
    here = dict(processor=processor, machine=machine, cores=cores)
    case = asked().cases[0]
    record = bundles.record(case=case._asdict())
    record["environment"].update(here)
    bundles.write(tmp_path / "alone", [record])
    bundles.write(tmp_path / "shared", [beside(record)])
    assert finished.forecast(case, finished.read([tmp_path / "alone"])) is not None
    assert finished.forecast(case, finished.read([tmp_path / "shared"])) is None


def cells(table, name):
    """{column: cell} of the first row of a method."""
    row = [row for row in table.rows if row.cells[0].main == name][0]
    return {column.header: cell for column, cell in zip(table.columns, row.cells)}


def test_a_report_marks_their_seconds_and_joules_and_compares_neither(tmp_path):
    alone = bundles.suite(tmp_path / "alone", power="module")
    shared = bundles.suite(
        tmp_path / "shared", power="module", environment=beside(bundles.record())["environment"]
    )
    for folder, marked in ((alone, False), (shared, True)):
        report = gather.report(folder)
        table = results.results(report)
        letters = {letter for letter, text in table.notes if "ran side by side" in text and letter}
        row = cells(table, "slim 0.5")
        for header in ("Seconds per epoch", "Joules per epoch", "Joules, whole run"):
            assert (letters & set(row[header].marks) != set()) == marked, header
        assert not letters & set(row["Accuracy (%)"].marks)
        assert (row["Joules, whole run ÷ dense"].main == "unknown") == marked
        phases = cells(phase_costs.phases(report), "slim 0.5")
        assert bool(phases["Seconds"].marks) == marked


def command(folder, runs, *more):
    return [
        sys.executable,
        str(ROOT / "edgejoule.py"),
        "run",
        str(folder / "tiny.toml"),
        "--set",
        "measure.power=none",
        "--runs",
        str(folder / runs),
    ] + list(more)


def workers(pid):
    """Process ids of a runner's workers; a shell of git's is none."""
    try:
        text = Path("/proc/{0}/task/{0}/children".format(pid)).read_text()
    except OSError:
        return []
    return [int(word) for word in text.split() if "bench.worker" in words(word)]


def words(pid):
    """The command line of a process, "" once it is gone."""
    try:
        return Path("/proc/{}/cmdline".format(pid)).read_bytes().decode()
    except OSError:
        return ""


def results_of(folder):
    """{case id: (accuracy, fingerprint of the network)} of the finished runs."""
    found = [bundle.check(path) for path in bundle.scan(folder / "tiny")]
    return {each.case_id: (each.accuracy, each.fingerprint) for each in found}


def ended_by(number, line):
    """Exit code of a run that a signal ended while two workers were at it; none outlives it."""
    process = subprocess.Popen(line, stderr=subprocess.DEVNULL, preexec_fn=signalled.hear)
    assert MACHINE.until(lambda: len(workers(process.pid)) == 2, 120.0)
    left = workers(process.pid)
    os.kill(process.pid, number)
    code = process.wait()
    assert MACHINE.until(lambda: not any("bench.worker" in words(each) for each in left), 30.0)
    return code


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc for the workers")
def test_killed_and_stopped_it_goes_on_and_computes_what_one_after_the_other_does(asked, tmp_path):
    asked()
    assert ended_by(signal.SIGKILL, command(tmp_path, "two", "--jobs", "2")) == -signal.SIGKILL
    assert ended_by(signal.SIGINT, command(tmp_path, "two", "--jobs", "2")) == 128 + signal.SIGINT
    both = command(tmp_path, "two", "--jobs", "2", "--json")
    tally = json.loads(subprocess.check_output(both).decode())
    assert len(tally["ran"] + tally["skipped"]) == 3 and not tally["failed"] + tally["refused"]
    subprocess.check_call(command(tmp_path, "one"))
    assert results_of(tmp_path / "two") == results_of(tmp_path / "one")
    for path in bundle.scan(tmp_path / "two" / "tiny"):
        record = bundle.read(path)
        assert record.environment["side_by_side"] == 2 and record.environment["torch"]["threads"]
        assert any("timings not comparable" in each for each in record.warnings)
    assert not any(
        "side_by_side" in bundle.read(path).environment
        for path in bundle.scan(tmp_path / "one" / "tiny")
    )
