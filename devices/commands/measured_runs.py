"""Runs of a command under a meter, one after the other, and what they say together."""

from math import ceil, sqrt
from statistics import mean
from typing import IO, Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence

from edgejoule.devices import conditions, idle, repeats
from edgejoule.devices.child_process import BY_SIGNAL, Launcher, NotStarted, Refusal
from edgejoule.devices.idle import Baseline
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Reading

UNBELIEVABLE = ("invalid", "none")  # joules of such a reading count in no mean


class Run(NamedTuple):
    """One run: when it was, what it cost, how it ended, and whether it counts.

    `why_not` says why it does not count; `celsius` is the hottest zone after it.
    """

    name: str
    start_s: float
    end_s: float
    reading: Reading
    exit_code: int
    why_not: Optional[str]
    celsius: Optional[float]


class Plan(NamedTuple):
    """What to run: so often without counting it, then so often; on after a failure or not."""

    words: List[str]
    warmup: int = 0
    repeat: int = 1
    keep_going: bool = False

    @property
    def times(self) -> int:
        """Runs altogether."""
        return self.warmup + self.repeat


class Series(NamedTuple):
    """The runs there were, and the refusal or the signal that ended them early."""

    runs: List[Run]
    refusal: Optional[Refusal] = None
    stopped: Optional[int] = None

    @property
    def counted(self) -> List[Run]:
        """The runs that count."""
        return [run for run in self.runs if run.why_not is None]

    def exit_code(self) -> int:
        """That of the first run that failed; else of what ended the series; else 0."""
        failed = [run.exit_code for run in self.runs if run.exit_code]
        if failed:
            return failed[0]
        if self.refusal is not None:
            return self.refusal.code
        return 0 if self.stopped is None else BY_SIGNAL + self.stopped


def series(
    meter: Meter,
    launcher: Launcher,
    plan: Plan,
    stdout: Optional[IO[str]] = None,
    tell: Callable[[Run, List[Run]], Any] = lambda run, before: None,
) -> Series:
    """All runs of a plan, or those until one fails or a signal comes.

    `tell(run, runs before it)` is called after each.
    """
    runs: List[Run] = []
    while len(runs) < plan.times and launcher.stopped is None:
        try:
            run = _one(meter, launcher, plan, len(runs), stdout)
        except NotStarted as error:  # it was there a moment ago
            return Series(runs, error.refusal, launcher.stopped)
        tell(run, list(runs))
        runs.append(run)
        if run.exit_code and not plan.keep_going:
            break
    return Series(runs, None, launcher.stopped)


def _one(
    meter: Meter, launcher: Launcher, plan: Plan, number: int, stdout: Optional[IO[str]]
) -> Run:
    name = "warm-up {}".format(number + 1)
    if number >= plan.warmup:
        name = "run {}".format(number - plan.warmup + 1)
    with meter.window(name) as window:
        code = launcher.run(plan.words, stdout)
        stopped = launcher.stopped  # a signal from here on finds the run finished
    reading = window.reading
    assert reading is not None  # the window has ended
    why_not = _why_not(plan, number, code, stopped)
    end_s = window.start_s + reading.seconds
    return Run(name, window.start_s, end_s, reading, code, why_not, hottest())


def _why_not(plan: Plan, number: int, code: int, stopped: Optional[int]) -> Optional[str]:
    """Why a run does not count in a mean; None if it does."""
    if number < plan.warmup:
        return "a warm-up"
    if stopped is not None:  # whatever it returned, it was told to end before its time
        return "it was interrupted"
    if code and not plan.keep_going:
        return "it failed with exit code {}".format(code)
    return None


def hottest() -> Optional[float]:
    """Degrees Celsius of the hottest zone now; None without any."""
    return max(conditions.celsius().values(), default=None)


def summary(
    runs: Sequence[Run], rest: Optional[Baseline], info: DeviceInfo, least_s: float
) -> Dict[str, Any]:
    """Spreads of the runs' joules, seconds, watts and net joules, as plain JSON.

    A spread is None where no run has the value. `common_joules` is the half-width of what all
    runs share, the sensor's scale and zero, which no spread shows; `least_s` what the sensor
    needs, `enough_runs` how many such runs take that long.
    """
    readings = [run.reading for run in runs]
    known = [each for each in readings if believable(each)]
    seconds = [each.seconds for each in readings]
    total_s = sum(seconds)
    return {
        "counted": len(runs),
        "joules": _spread(each.joules for each in known),
        "seconds": _spread(seconds),
        "watts": _spread(each.joules / each.seconds for each in known if each.joules is not None),
        "net_joules": _spread(
            split.net for split in (idle.shares(r, rest) for r in known) if split
        ),
        "common_joules": _common(known),
        "rest_joules": _rest_joules(known, rest, info),
        "rails": _rails(known),
        "least_s": least_s,
        "enough_runs": runs_for(least_s, total_s / len(seconds)) if total_s > 0 else None,
    }


def believable(reading: Reading) -> bool:
    """True if its joules may go into a mean."""
    return reading.joules is not None and reading.status not in UNBELIEVABLE


def runs_for(least_s: float, seconds: float) -> int:
    """How many runs of so many seconds a sensor needs; at least 2, of one there is no spread."""
    return max(int(ceil(least_s / seconds)), 2)


def _spread(values: Iterable[Optional[float]]) -> Optional[Dict[str, Any]]:
    found = repeats.spread([value for value in values if value is not None])
    return None if found is None else dict(found._asdict())


def _common(readings: Sequence[Reading]) -> Optional[float]:
    """Half-width in joules of what is wrong with all readings alike: the mean of theirs."""
    known = [
        sqrt(max(r.uncertainty_joules**2 - r.repeatability_joules**2, 0.0))
        for r in readings
        if r.uncertainty_joules is not None and r.repeatability_joules is not None
    ]
    return mean(known) if known else None


def _rest_joules(
    readings: Sequence[Reading], rest: Optional[Baseline], info: DeviceInfo
) -> Optional[Dict[str, Optional[float]]]:
    """Mean joules at rest of a run, and half of their 95 % interval."""
    splits = [split for split in (idle.shares(r, rest, info) for r in readings) if split]
    bars = [split.idle_uncertainty_joules for split in splits]
    known = [bar for bar in bars if bar is not None]
    if not splits:
        return None
    return {
        "mean": mean(split.idle for split in splits),
        # not by the root of n: whatever is wrong with the rest is wrong with every run alike
        "uncertainty": mean(known) if len(known) == len(bars) else None,
    }


def _rails(readings: Sequence[Reading]) -> Dict[str, Optional[float]]:
    """Mean joules by rail; None of a rail that some reading lacks."""
    names = dict.fromkeys(name for reading in readings for name in reading.rails)
    return {
        name: mean(r.rails[name] for r in readings)
        if all(r.rails.get(name) is not None for r in readings)
        else None
        for name in names
    }
