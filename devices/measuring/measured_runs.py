"""Runs of a command under a meter, one after the other: which there are, and which count."""

from typing import IO, Any, Callable, List, NamedTuple, Optional

from edgejoule.devices import conditions
from edgejoule.devices.child_process import BY_SIGNAL, Launcher, NotStarted, Refusal
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import Reading


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
