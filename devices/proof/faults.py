"""Sensors that go wrong in the ways that were reported, and what a reading must say then."""

import tempfile
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from edgejoule.devices.adapters import rapl
from edgejoule.devices.clock import Clock
from edgejoule.devices.energy import window
from edgejoule.devices.proof import codecarbon, counter_wrap, virtual_time
from edgejoule.devices.proof.synthetic import Pattern, Register, constant
from edgejoule.devices.reading import DeviceInfo, Reading, Sample

START_S, SECONDS = 300.0, 60.0
END_S, MIDDLE_S = START_S + SECONDS, START_S + SECONDS / 2
PERIOD_S, UPDATE_S = 0.1, 0.1
BOARD_W, BOARD_LIMIT_W = 4.4, 45.0  # three times the 15 W that such a board may draw
FULL_SCALE_W = 163.8  # of an INA3221 over 10 mOhm
UNKNOWN_W = 0xFFFFFFFF * 1e-3  # NVML's "no value", in milliwatts
CHIP_W, BEFORE_J = 2.0, 1000.0  # 120 J in the window; what the register shows at its start
SHARE_COUNTED = 0.57
# The power in a counter's hole is another than round it, so that only the counter knows it.
HOLE_S, AROUND_W, INSIDE_W = 4.0, 8.0, 20.0
HOLED = Pattern(
    [(20.0, AROUND_W), (HOLE_S, INSIDE_W), (START_S - 20.0 - HOLE_S, AROUND_W)]
)  # a cycle of START_S: the hole is 20 s into the window
EDGE_HOLE_S = 2.0
STALE_S = 1.0  # a value of a moment so long before a hole is no newer than what is known

Source = Callable[[float], Sample]


class Fault(NamedTuple):
    """What goes wrong, what is promised then, the window's true joules, and how it is made.

    `kept` tells of a reading and its relative error whether the promise holds.
    """

    name: str
    promise: str
    truth: float
    reading: Callable[[], Reading]
    kept: Callable[[Reading, float], bool]
    others: Callable[[], Dict[str, float]] = dict


def judged(fault: Fault) -> Dict[str, Any]:
    """The fault as plain JSON: what the meter read, and whether that is what is promised."""
    found = fault.reading()
    error = None if found.joules is None else found.joules / fault.truth - 1
    return {
        "fault": fault.name,
        "promise": fault.promise,
        "truth_joules": fault.truth,
        "joules": found.joules,
        "error_percent": None if error is None else 100 * error,
        "uncertainty_joules": found.uncertainty_joules,
        "coverage": found.coverage,
        "status": found.status,
        "reason": found.reason,
        "others_joules": fault.others(),
        "holds": error is not None and fault.kept(found, error),
    }


def broken(rows: List[Dict[str, Any]]) -> List[str]:
    """A sentence for every fault that is not met as promised."""
    return [
        "{}: {} joules of {:.6g}, {}".format(
            row["fault"],
            "no" if row["joules"] is None else "{:.6g}".format(row["joules"]),
            row["truth_joules"],
            row["status"],
        )
        for row in rows
        if not row["holds"]
    ]


def _degraded(within: float) -> Callable[[Reading, float], bool]:
    """Degraded, with a reason, and off by no more than this share."""
    return lambda found, error: (
        found.status == "degraded" and bool(found.reason) and abs(error) <= within
    )


def _one_dropped(found: Reading, error: float) -> bool:
    return _degraded(1e-3)(found, error) and "1 " in (found.reason or "")


def _exact(found: Reading, error: float) -> bool:
    return found.status == "ok" and abs(error) <= 1e-3


def _edge_is_lost(found: Reading, error: float) -> bool:
    """Not "ok", the hole missing from the coverage, and the truth within the bar."""
    return (
        found.status in ("degraded", "invalid")
        and found.coverage <= 1 - 0.9 * EDGE_HOLE_S / SECONDS
        and abs(error) * (found.joules or 0.0) <= (found.uncertainty_joules or 0.0)
    )


def _warned(found: Reading, error: float) -> bool:
    return "power" in (found.reason or "")


def _reading(source: Source, info: DeviceInfo) -> Reading:
    found = virtual_time.record(source, START_S, END_S, info, PERIOD_S / 3)
    return window.reading(found, info, START_S, END_S)


def _outlier(watts: float, limit_watts: Optional[float]) -> Callable[[], Reading]:
    """A board at steady power, one sample of which shows these watts instead."""

    def reading() -> Reading:
        shown: List[float] = []

        def sample(t: float) -> Sample:
            if t < MIDDLE_S or shown:
                return Sample(watts=BOARD_W)
            shown.append(t)
            return Sample(watts=watts)

        info = virtual_time.info(period_s=PERIOD_S, limit_watts=limit_watts)
        return _reading(sample, info)

    return reading


def _jump() -> Reading:
    """A counter that something before us took for wrapped when it had begun anew."""

    def sample(t: float) -> Sample:
        wrapped = counter_wrap.RANGE_UJ * 1e-6 - BEFORE_J if t >= MIDDLE_S else 0.0
        return Sample(joules=CHIP_W * t + wrapped)

    return _reading(sample, virtual_time.info(period_s=PERIOD_S, sensing="counter"))


def _restart() -> Reading:
    """The register of a processor that begins anew, through the adapter and its files."""
    with tempfile.TemporaryDirectory() as root:
        zone, clock = counter_wrap.zone(root), _Moment()
        counter_wrap.write(zone, _register_uj(START_S))
        device = rapl.open(root=root, clock=clock)

        def sample(t: float) -> Sample:
            clock.now_s = t
            counter_wrap.write(zone, _register_uj(t))
            return device.read()[-1]

        try:
            return _reading(sample, device.info())
        finally:
            device.close()


def _register_uj(t: float) -> int:
    if t >= MIDDLE_S:
        return int(CHIP_W * (t - MIDDLE_S) * 1e6)
    return int((BEFORE_J + CHIP_W * (t - START_S)) * 1e6)


def _restart_elsewhere() -> Dict[str, float]:
    """What CodeCarbon makes of the same restart."""
    if not codecarbon.installed():
        return {}
    with tempfile.TemporaryDirectory() as root:
        zone = counter_wrap.zone(root)
        counter_wrap.write(zone, _register_uj(START_S))
        return {
            "codecarbon": codecarbon.rapl(
                zone, lambda: counter_wrap.write(zone, _register_uj(END_S))
            )
        }


def _hole(start_s: float, end_s: float) -> Callable[[], Reading]:
    """A counter that answers with an old value from one moment to another."""

    def reading() -> Reading:
        register = Register(HOLED, UPDATE_S, UPDATE_S / 3)

        def sample(t: float) -> Sample:
            if start_s <= t < end_s:
                return Sample(joules=register.joules(start_s - STALE_S), time_s=start_s - STALE_S)
            return Sample(joules=register.joules(t))

        info = virtual_time.info(period_s=UPDATE_S / 4, update_s=UPDATE_S, sensing="counter")
        return _reading(sample, info)

    return reading


def _disagreement() -> Reading:
    """A counter that misses much of the power which the same sensor shows."""
    return _reading(
        lambda t: Sample(watts=AROUND_W, joules=SHARE_COUNTED * AROUND_W * t),
        virtual_time.info(period_s=PERIOD_S, sensing="counter"),
    )


class _Moment(Clock):
    """A clock that stands where a sample is taken."""

    now_s = START_S

    def now(self) -> float:
        """The moment, in seconds."""
        return self.now_s


BOARD_J = constant(BOARD_W).joules(SECONDS)
HOLED_J = HOLED.joules(END_S) - HOLED.joules(START_S)
ONE_DROPPED = "one dropped, degraded"
FAULTS = (
    Fault(
        "RAPL counter restarted, as after suspend",
        "degraded, within 5 %",
        CHIP_W * SECONDS,
        _restart,
        _degraded(0.05),
        _restart_elsewhere,
    ),
    Fault(
        "counter that jumps by 261 kJ between reads",
        "degraded, within 5 %",
        CHIP_W * SECONDS,
        _jump,
        _degraded(0.05),
    ),
    Fault(
        "one sample of 163.8 W on a 4.4 W board",
        ONE_DROPPED,
        BOARD_J,
        _outlier(FULL_SCALE_W, BOARD_LIMIT_W),
        _one_dropped,
    ),
    Fault(
        "one sample of 0xFFFFFFFF mW",
        ONE_DROPPED,
        BOARD_J,
        _outlier(UNKNOWN_W, BOARD_LIMIT_W),
        _one_dropped,
    ),
    Fault(
        "the same, the board's limit unknown",
        ONE_DROPPED,
        BOARD_J,
        _outlier(UNKNOWN_W, None),
        _one_dropped,
    ),
    Fault(
        "counter silent for 4 s inside the window",
        "ok, within 0.1 %",
        HOLED_J,
        _hole(START_S + 20.0, START_S + 20.0 + HOLE_S),
        _exact,
    ),
    Fault(
        "counter silent for the last 2 s",
        "not ok, truth in the bar",
        HOLED_J,
        _hole(END_S - EDGE_HOLE_S, END_S + STALE_S),
        _edge_is_lost,
    ),
    Fault(
        "counter 43 % below the power beside it",
        "a warning",
        SHARE_COUNTED * AROUND_W * SECONDS,
        _disagreement,
        _warned,
    ),
)
