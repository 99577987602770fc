"""Series of a command: which runs count, when it ends, and what is said of it."""

import signal
from contextlib import contextmanager

import pytest

from edgejoule.devices import idle
from edgejoule.devices.adapters import replay
from edgejoule.devices.child_process import NotStarted, Refusal
from edgejoule.devices.measuring import (
    measured_runs,
    measured_summary,
    measured_text,
    rails_text,
    series_text,
)
from edgejoule.devices.measuring.measured_runs import Plan, Run
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Reading

INFO = DeviceInfo("ina3221", "Jetson TX2", "VDD_IN", "module", gain=0.01)


class Launched:
    """Commands that take seconds of the clock: [seconds or (seconds, exit code, signal)]."""

    def __init__(self, clock, *runs):
        self.clock, self.runs, self.stopped = clock, list(runs), None

    def run(self, words, stdout=None):
        each = self.runs.pop(0)
        if isinstance(each, Refusal):
            raise NotStarted(each)
        seconds, code, self.stopped = each if isinstance(each, tuple) else (each, 0, None)
        self.clock.sleep(seconds)
        return code


@pytest.fixture
def ran(clock):
    """Runs a plan on launches of so many seconds, at 8 W."""

    def call(*launches, **plan):
        with Meter(replay.open(8.0), period_s=0.01, clock=clock) as meter:
            plan = Plan(["x"], **plan)
            return measured_runs.series(meter, Launched(clock, *launches), plan)

    return call


def test_warm_ups_do_not_count(ran):
    found = ran(3.0, 1.0, 1.0, warmup=1, repeat=2)
    assert [(run.name, run.why_not) for run in found.runs] == [
        ("warm-up 1", "a warm-up"),
        ("run 1", None),
        ("run 2", None),
    ]
    assert [run.reading.joules for run in found.counted] == pytest.approx([8.0, 8.0])
    assert found.exit_code() == 0 and found.runs[1].start_s >= found.runs[0].end_s


def test_a_run_that_fails_ends_the_series_with_its_code(ran):
    found = ran(1.0, (1.0, 3, None), 1.0, repeat=3)
    assert len(found.runs) == 2 and len(found.counted) == 1 and found.exit_code() == 3
    assert found.runs[1].why_not == "it failed with exit code 3"


def test_unless_it_shall_go_on(ran):
    found = ran(1.0, (1.0, 3, None), 1.0, repeat=3, keep_going=True)
    assert len(found.counted) == 3 and found.exit_code() == 3


@pytest.mark.parametrize("code,passed_on", [(130, 130), (0, 130)])
def test_ctrl_c_keeps_the_runs_that_were_finished(ran, code, passed_on):
    found = ran(1.0, (0.5, code, signal.SIGINT), 1.0, repeat=3)
    assert len(found.runs) == 2 and found.runs[1].why_not == "it was interrupted"
    assert len(found.counted) == 1 and found.exit_code() == passed_on


def test_ctrl_c_between_two_runs_keeps_the_one_that_has_ended(clock):
    launcher = Launched(clock, 1.0, 1.0)

    class Late(Meter):
        """The signal comes while the last sample of the window is waited for."""

        @contextmanager
        def window(self, name=None):
            with super().window(name) as opened:
                yield opened
                launcher.stopped = signal.SIGINT

    with Late(replay.open(8.0), clock=clock) as meter:
        found = measured_runs.series(meter, launcher, Plan(["x"], repeat=2))
    assert len(found.runs) == len(found.counted) == 1 and found.exit_code() == 130


def test_a_signal_before_the_first_run_starts_none(clock):
    launcher = Launched(clock, 1.0)
    launcher.stopped = signal.SIGTERM
    with Meter(replay.open(8.0), clock=clock) as meter:
        found = measured_runs.series(meter, launcher, Plan(["x"]))
    assert found.runs == [] and found.exit_code() == 143


def test_a_command_that_vanishes_between_runs_ends_the_series(ran):
    found = ran(1.0, Refusal(127, "gone"), repeat=3)
    assert len(found.runs) == 1 and found.exit_code() == 127
    assert found.refusal.sentence == "gone"


def reading(joules, seconds=10.0, **more):
    bars = {"uncertainty_joules": 0.5, "repeatability_joules": 0.3, "status": "ok"}
    return Reading(seconds, joules, **dict(bars, **more))


def runs(*readings):
    return [
        Run("run {}".format(k + 1), 10.0 * k, 10.0 * k + 9.0, each, 0, None, None)
        for k, each in enumerate(readings)
    ]


def test_the_summary_is_the_mean_with_students_interval():
    found = measured_summary.summary(runs(reading(99.0), reading(101.0)), None, INFO, 5.0)
    assert found["joules"]["mean"] == 100.0 and found["joules"]["sd"] == pytest.approx(2**0.5)
    assert found["joules"]["high"] == pytest.approx(100.0 + 12.7062, rel=1e-5)
    assert found["watts"]["mean"] == pytest.approx(10.0) and found["seconds"]["sd"] == 0.0
    assert found["common_joules"] == pytest.approx(0.4), "what repeating does not show"
    assert found["net_joules"] is None and found["rest_joules"] is None


def test_the_summary_of_one_run_has_no_interval():
    found = measured_summary.summary(runs(reading(99.0)), None, INFO, 5.0)
    assert (found["joules"]["n"], found["joules"]["sd"], found["joules"]["low"]) == (1, None, None)


def test_joules_that_are_not_believed_are_in_no_mean():
    several = runs(reading(99.0), reading(500.0, status="invalid"), reading(None, status="none"))
    found = measured_summary.summary(several, None, INFO, 5.0)
    assert found["joules"]["n"] == 1 and found["joules"]["mean"] == 99.0
    assert found["seconds"]["n"] == 3 and found["counted"] == 3


def test_net_joules_of_a_series():
    rest = idle.Baseline(4.0, 0.01, 30.0)
    found = measured_summary.summary(runs(reading(99.0), reading(101.0)), rest, INFO, 5.0)
    assert found["net_joules"]["mean"] == pytest.approx(60.0)
    assert found["rest_joules"]["mean"] == pytest.approx(40.0)
    assert found["rest_joules"]["uncertainty"] == pytest.approx(2 * (0.1**2 + 0.4**2) ** 0.5)


@pytest.mark.parametrize("seconds,times", [(0.5, 10), (0.3, 17), (4.9, 2), (60.0, 2)])
def test_how_many_runs_a_sensor_needs(seconds, times):
    assert measured_summary.runs_for(5.0, seconds) == times


def test_rails_of_a_mean_are_those_that_every_reading_has():
    both = runs(
        reading(9.0, rails={"VDD_IN": 9.0, "GPU": 3.0}), reading(11.0, rails={"VDD_IN": 11.0})
    )
    found = measured_summary.summary(both, None, INFO, 5.0)
    assert found["rails"] == {"VDD_IN": 10.0, "GPU": None}


def document(*readings, **more):
    """What `measure -n` knows, as it goes into its JSON."""
    several = runs(*readings)
    return {
        "runs": [
            {"counted": True, "reading": run.reading._asdict(), "name": run.name} for run in several
        ],
        "summary": measured_summary.summary(several, more.get("rest"), INFO, 5.0),
        "device": INFO._asdict(),
        "idle": more["rest"]._asdict() if "rest" in more else None,
        "asked": {"idle_seconds": more.get("asked", 0.0), "repeat": more.get("repeat", 1)},
        "minimum_seconds": 5.0,
        "warnings": [],
    }


def test_the_text_of_a_series():
    told = series_text.lines(document(reading(99.0), reading(101.0)))
    assert told[0] == "mean of 2 runs (ina3221, VDD_IN)"
    assert told[2].split() == ["joules", "100", "J", "1.4", "87.29", "to", "112.7"]
    assert told[4].split()[:3] == ["watts", "10", "W"]
    assert "95 of 100 series" in told[5] and "the sensor's scale, +- 0.4 J" in told[6]
    assert len({line.rindex("  ") for line in told[2:5]}) == 1, "columns"


def test_the_text_of_one_run_says_there_is_no_interval():
    told = "\n".join(series_text.lines(document(reading(99.0))))
    assert "none, of one run" in told and "one run has no spread; +- 0.5 J" in told
    assert "95 of 100" not in told


def test_a_series_that_ended_early_says_how_many_of_how_many():
    assert series_text.lines(document(reading(99.0), repeat=4))[0].startswith("mean of 1 of 4 runs")


def test_the_text_of_no_run():
    assert series_text.lines(document()) == ["no run counts, so there is no mean"]


def test_what_was_not_measured_is_said_and_seconds_are_told():
    told = "\n".join(series_text.lines(document(reading(None), reading(None))))
    assert "joules   not measured" in told and "seconds  10 s" in told and " 0 J" not in told


def test_the_rest_of_a_series_has_its_bar():
    rest = idle.Baseline(4.0, 0.01, 30.0)
    told = "\n".join(series_text.lines(document(reading(99.0), reading(101.0), rest=rest)))
    assert "net      60 J above rest" in told
    assert "40 +- 0.82 J of each run at rest (4 +- 0.02 W over 30 s)" in told


def test_runs_that_are_too_short_are_counted_together():
    short = [reading(9.0, seconds=1.0, status="too_short")] * 6
    told = "\n".join(series_text.lines(document(*short)))
    assert "6 of 6 runs shorter than the 5 s this sensor needs" in told
    assert "together they take 6 s, which is enough" in told
    told = "\n".join(series_text.lines(document(*short[:2])))
    assert "-n 5 would be enough" in told


def test_the_line_of_a_run_and_how_long_the_others_take():
    plan = Plan(["x"], 1, 3)
    first, second = runs(reading(99.0), reading(101.0))
    told = series_text.line(second, [first], plan, with_eta=True)
    assert told == "run 2 of 3: 101 +- 0.5 J in 10 s, mean 10.1 W (ok); 2 left, about 20 s"
    first = first._replace(name="warm-up 1", why_not="a warm-up")
    told = series_text.line(first, [], plan, with_eta=False)
    assert told.startswith("warm-up 1 of 1: 99") and told.endswith("(ok, not counted: a warm-up)")
    failed = second._replace(exit_code=3)
    assert "exit code 3)" in series_text.line(failed, [first], plan, with_eta=True)


def test_rails_are_a_table_with_shares_and_what_lies_within():
    joules = {"VDD_GPU": 25.0, "VDD_IN": 80.0, "VDD_MUX": 20.0, "VDD_CPU": None}
    assert rails_text.table(joules, 100.0, "VDD_IN+VDD_MUX") == [
        "joules by rail, and share of the total; "
        "indented: measured within the total, not on top of it",
        "  VDD_IN             80 J    80.0 %",
        "  VDD_MUX            20 J    20.0 %",
        "    VDD_CPU  not measured",
        "    VDD_GPU          25 J    25.0 %",
    ]


def test_rails_that_make_the_total_together():
    told = rails_text.table({"package-0": 6.0, "dram-0": 2.0}, 8.0, "package-0+dram-0")
    assert told[0].endswith("share of the total that they make together")
    told = rails_text.table({"rapl package-0": 6.0, "nvml gpu": 2.0}, 8.0, "package-0 + gpu")
    assert told[0].endswith("make together") and "75.0 %" in told[1]


def test_one_rail_is_no_table():
    assert rails_text.table({"VDD_IN": 8.0}, 8.0, "VDD_IN") == []
    assert rails_text.table({}, 8.0, None) == []


def single(each, **more):
    split = idle.shares(each, more.get("rest"), INFO)
    return measured_text.single(
        dict(document(**more), reading=each._asdict(), shares=split._asdict() if split else None)
    )


def test_net_joules_and_those_at_rest_have_their_bars():
    told = single(reading(100.0), rest=idle.Baseline(4.0, 0.01, 30.0))
    bars = idle.shares(reading(100.0), idle.Baseline(4.0, 0.01, 30.0), INFO)
    assert told[1] == (
        "60 +- {:.2g} J above rest, 40 +- {:.2g} J at rest (4 +- 0.02 W over 30 s)".format(
            bars.uncertainty_joules, bars.idle_uncertainty_joules
        )
    )


def test_a_rest_that_was_asked_for_and_not_measured_is_said():
    assert "power at rest was not measured, so net joules are unknown" in single(
        reading(100.0), asked=30.0
    )


def test_one_run_that_is_too_short_says_how_many_are_needed():
    told = single(reading(10.0, seconds=0.3, status="too_short", reason="shorter than ..."))
    assert told[-1] == "-n 17 would run it for 5.1 s"
