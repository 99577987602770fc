"""One pytest session of joule benchmarks: sensor, baseline, verdicts, and what to tell of them."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Set, Tuple

from edgejoule.bench.joules import joule_gate, joule_store, tap_timer
from edgejoule.devices import choose
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.meter import Meter

if TYPE_CHECKING:
    import pytest

GATE, BLESS = "joules_compare_fail", "joules_bless"
STORAGE = ".benchmarks/joules"


class JouleSession:
    """State of the plugin, made when it is first needed.

    `results` is {test: (what it cost, its verdict)}; both may be None.

    Raises:
        ValueError: an option is wrong.
    """

    def __init__(self, config: "pytest.Config", clock: Clock = MACHINE):
        option = partial(config.getoption, default=None)
        self.limits = joule_gate.limits(option(GATE)) if option(GATE) else {}
        self.gating, self.blessing = bool(self.limits), bool(option(BLESS))
        self.name = joule_store.check_name(option("joules_baseline") or "blessed")
        # of the folder pytest was started in: a test may change the current one
        self.storage = config.invocation_params.dir / (option("joules_storage") or STORAGE)
        self.keeping = self.gating or self.blessing or bool(option("joules_storage"))
        if self.keeping:
            joule_store.check_writable(self.storage)
        self._power = (option("joules_device") or "auto", option("joules_fake_power"))
        _check_power(*self._power)
        self._clock = clock
        self.results: Dict[str, Tuple[Optional[tap_timer.Taken], Optional[joule_gate.Judged]]] = {}
        self.context: Dict[str, Optional[str]] = {}
        self.note: Optional[str] = None
        self._meter: Optional[Meter] = None
        self._taps: Dict[Callable[[], float], tap_timer.Tap] = {}
        self._baseline: Optional[Dict[str, Dict]] = None

    @property
    def metrics(self) -> Set[str]:
        """What a test must have to be blessed."""
        return set(self.limits) or {"joules"}

    @property
    def meter(self) -> Meter:
        """The meter of this session, sampling since it was first asked for."""
        if self._meter is None:
            self._meter = Meter(_opened(*self._power, self._clock), clock=self._clock)
            self._meter.__enter__()
            self.context = joule_store.context(self._meter.info)
        return self._meter

    @property
    def path(self) -> Path:
        """The file of the baseline for this device."""
        return joule_store.baseline_path(self.storage, self.meter.info, self.name)

    def tap(self, timer: Callable[[], float]) -> tap_timer.Tap:
        """The tap round a timer, ready for a new test.

        One per timer: pytest-benchmark finds out how precise a timer is once and remembers it.
        """
        if isinstance(timer, tap_timer.Tap):  # a test that is run again has it in its marker
            timer = timer.timer
        if timer not in self._taps:
            self._taps[timer] = tap_timer.Tap(timer, self.meter)
        self._taps[timer].forget()
        return self._taps[timer]

    def entries(self) -> Dict[str, Dict]:
        """Entries of the baseline; {} without one, and `note` then says so."""
        if self._baseline is None:
            try:
                self._baseline = joule_store.read(self.path)
            except ValueError as error:
                self.note = str(error)
            if self._baseline is None:
                self.note = self.note or self._no_baseline()
                self._baseline = {}
        return self._baseline

    def take(
        self, name: str, tap: tap_timer.Tap, fixture: Any, settings: Dict[str, Any]
    ) -> Optional[joule_gate.Judged]:
        """The verdict on a benchmark that has just run, or None if none was asked for.

        `fixture` is pytest-benchmark's, `settings` those of the test's marker.
        """
        allowed = joule_gate.marked(self.limits, settings) if self.gating else {}
        if not fixture.enabled:
            taken = tap_timer.Taken("none", "benchmarks are disabled", "none", [])
        else:
            taken = tap_timer.taken(tap, fixture.stats, self.meter, fixture.flops)
        fixture.extra_info.update(taken.account())
        judged = self._judged(name, taken, allowed)
        self.results[name] = (taken, judged)
        return judged

    def lacking(self, name: str, why: str) -> joule_gate.Judged:
        """The verdict on a test that gave no figures, and why; it is one of the results."""
        judged = joule_gate.Judged("INVALID", (why,))
        self.results[name] = (None, judged)
        return judged

    def outcome(self, name: str) -> Optional[str]:
        """How a test must end: "failed", "error" (it could not be judged), or None."""
        taken, judged = self.results[name]
        if self.blessing:
            return "error" if not taken or joule_gate.missing(taken, self.metrics) else None
        if judged is None or judged.verdict == "PASS":
            return None
        return "failed" if judged.verdict == "FAIL" else "error"

    def save(self, commit: Optional[str], gone: Set[str]) -> None:
        """Keeps this run, and blesses it if that was asked for; `gone` tests leave the baseline.

        Raises:
            OSError: the storage cannot be written any more.
        """
        fresh = {
            name: joule_store.entry(taken, self.context, commit)
            for name, (taken, _) in self.results.items()
            if taken and taken.seconds
        }
        if self.keeping and fresh:
            joule_store.keep_run(self.path, fresh, commit)
        good = {name: each for name, each in fresh.items() if self.outcome(name) is None}
        if self.blessing and good:
            kept = {name: each for name, each in self.entries().items() if name not in gone}
            joule_store.write(self.path, dict(kept, **good))

    def close(self) -> None:
        """Stops sampling."""
        if self._meter is not None:
            self._meter.__exit__(None, None, None)
            self._meter.device.close()

    def _judged(
        self, name: str, taken: tap_timer.Taken, allowed: Dict[str, float]
    ) -> Optional[joule_gate.Judged]:
        entry = self.entries().get(name) if self.gating else None
        lacks = joule_gate.missing(taken, set(allowed) or self.metrics)
        if self.blessing and lacks:
            return joule_gate.Judged("INVALID", (lacks,))
        if not self.gating or (entry is None and self.blessing):
            return None
        if entry is None:
            return joule_gate.Judged(
                "INVALID", (self.note or joule_gate.UNKNOWN,) + ((lacks,) if lacks else ())
            )
        return joule_gate.judge(taken, entry, self.context, allowed)

    def _no_baseline(self) -> str:
        """Why there is no baseline, and where there is one."""
        others = joule_store.others(self.path)
        return "no baseline {!r} for this device, {}{}; make one with --joules-bless".format(
            self.name,
            self.path.parent.name,
            " (there is one for {})".format(", ".join(others)) if others else "",
        )


def _check_power(name: str, fake: Optional[str]) -> None:
    """Complains of a sensor or of fake power that there is not, before any test runs."""
    if fake is not None:
        choose.open(name, fake_power=fake).close()
    elif name != "auto":
        for part in name.split("+"):
            choose.load(part.partition(":")[0])


def _opened(name: str, fake: Optional[str], clock: Clock) -> Any:
    """The device; one that says why it measures nothing if the sensor is dead."""
    try:
        return choose.open(name, fake_power=fake, clock=clock)
    except Exception as error:  # any vendor's error must cost the joules, not the tests
        known = isinstance(error, (RuntimeError, OSError))  # these name their adapter
        return choose.load("none").open(str(error) if known else "{}: {}".format(name, error))
