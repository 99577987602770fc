"""One pytest session of joule benchmarks: sensor, baseline, verdicts, and what to tell of them."""

from functools import partial

from edgejoule.bench.joules import joule_gate, joule_store, tap_timer
from edgejoule.devices import choose
from edgejoule.devices.meter import Meter

GATE, BLESS = "joules_compare_fail", "joules_bless"
STORAGE = ".benchmarks/joules"


class JouleSession:
    """State of the plugin, made when it is first needed.

    `results` is {test: (Taken, Judged or None)}.

    Raises:
        ValueError: an option is wrong.
    """

    def __init__(self, config):
        option = partial(config.getoption, default=None)
        self.limits = joule_gate.limits(option(GATE)) if option(GATE) else {}
        self.gating, self.blessing = bool(self.limits), bool(option(BLESS))
        self.name = joule_store.check_name(option("joules_baseline") or "blessed")
        self.storage = config.invocation_params.dir / (option("joules_storage") or STORAGE)
        self.keeping = self.gating or self.blessing or bool(option("joules_storage"))
        self._power = (option("joules_device") or "auto", option("joules_fake_power"))
        _check_power(*self._power)
        self.results = {}
        self._meter = self._baseline = self._taps = None
        self.note = None

    @property
    def metrics(self):
        """What a test must have to be blessed."""
        return set(self.limits) or {"joules"}

    @property
    def meter(self):
        """The meter of this session, sampling since it was first asked for."""
        if self._meter is None:
            self._meter = Meter(_opened(*self._power)).__enter__()
            self._taps = {}
            self.context = joule_store.context(self._meter.info)
        return self._meter

    @property
    def path(self):
        """The file of the baseline for this device."""
        return joule_store.baseline_path(self.storage, self.meter.info, self.name)

    def tap(self, clock):
        """The tap round a clock, ready for a new test; one per clock, calibrated once."""
        meter = self.meter
        if clock not in self._taps:
            self._taps[clock] = tap_timer.Tap(clock, meter)
        self._taps[clock].forget()
        return self._taps[clock]

    def entries(self):
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

    def take(self, name, tap, fixture, settings):
        """Measure a benchmark that has just run; its verdict, or None if none was asked for."""
        allowed = joule_gate.marked(self.limits, settings) if self.gating else {}
        if not fixture.enabled:
            taken = tap_timer.Taken("none", "benchmarks are disabled", "none", [])
        else:
            taken = tap_timer.taken(tap, fixture.stats, self.meter, fixture.flops)
        fixture.extra_info.update(taken.account())
        judged = self._judged(name, taken, allowed)
        self.results[name] = (taken, judged)
        return judged

    def lacking(self, name, why):
        """Note a test that gave no figures, and why."""
        judged = joule_gate.Judged("INVALID", (why,))
        self.results[name] = (None, judged)
        return judged

    def outcome(self, name):
        """How a test must end: "failed", "error" (it could not be judged), or None."""
        taken, judged = self.results[name]
        if self.blessing:
            return "error" if not taken or joule_gate.missing(taken, self.metrics) else None
        if judged is None or judged.verdict == "PASS":
            return None
        return "failed" if judged.verdict == "FAIL" else "error"

    def save(self, commit, gone):
        """Keep this run, and bless it if that was asked for; `gone` tests leave the baseline."""
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

    def close(self):
        """Stop sampling."""
        if self._meter is not None:
            self._meter.__exit__(None, None, None)
            self._meter.device.close()

    def _judged(self, name, taken, allowed):
        entry = self.entries().get(name) if self.gating else None
        lacks = joule_gate.missing(taken, set(allowed) or self.metrics)
        if self.blessing and lacks:
            return joule_gate.Judged("INVALID", (lacks,))
        if not self.gating:
            return None
        if entry is None and self.blessing:
            return None
        if entry is None:
            return joule_gate.Judged(
                "INVALID", (self.note or joule_gate.UNKNOWN,) + ((lacks,) if lacks else ())
            )
        return joule_gate.judge(taken, entry, self.context, allowed)

    def _no_baseline(self):
        others = joule_store.others(self.path)
        return "no baseline {!r} for this device, {}{}; make one with --joules-bless".format(
            self.name,
            self.path.parent.name,
            " (there is one for {})".format(", ".join(others)) if others else "",
        )


def _check_power(name, fake):
    """Complains of a sensor or of fake power that there is not, before any test runs."""
    if fake is not None:
        choose.open(name, fake_power=fake).close()
    elif name != "auto":
        for part in name.split("+"):
            choose.load(part.partition(":")[0])


def _opened(name, fake):
    """The device; one that says why it measures nothing if the sensor is dead."""
    try:
        return choose.open(name, fake_power=fake)
    except Exception as error:  # any vendor's error must cost the joules, not the tests
        known = isinstance(error, (RuntimeError, OSError))  # these name their adapter
        return choose.load("none").open(str(error) if known else "{}: {}".format(name, error))
