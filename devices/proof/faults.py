"""Sensors that go wrong in the ways that were reported, and what a reading must say then."""

from typing import Any, Callable, Dict, List, NamedTuple

from edgejoule.devices.proof import failing
from edgejoule.devices.reading import Reading


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
        and found.coverage <= 1 - 0.9 * failing.EDGE_HOLE_S / failing.SECONDS
        and abs(error) * (found.joules or 0.0) <= (found.uncertainty_joules or 0.0)
    )


def _warned(found: Reading, error: float) -> bool:
    return "power" in (found.reason or "")


ONE_DROPPED = "one dropped, degraded"
FAULTS = (
    Fault(
        "RAPL counter restarted, as after suspend",
        "degraded, within 5 %",
        failing.CHIP_W * failing.SECONDS,
        failing.restart,
        _degraded(0.05),
        failing.restart_elsewhere,
    ),
    Fault(
        "counter that jumps by 261 kJ between reads",
        "degraded, within 5 %",
        failing.CHIP_W * failing.SECONDS,
        failing.jump,
        _degraded(0.05),
    ),
    Fault(
        "one sample of 163.8 W on a 4.4 W board",
        ONE_DROPPED,
        failing.BOARD_J,
        failing.outlier(failing.FULL_SCALE_W, failing.BOARD_LIMIT_W),
        _one_dropped,
    ),
    Fault(
        "one sample of 0xFFFFFFFF mW",
        ONE_DROPPED,
        failing.BOARD_J,
        failing.outlier(failing.UNKNOWN_W, failing.BOARD_LIMIT_W),
        _one_dropped,
    ),
    Fault(
        "the same, the board's limit unknown",
        ONE_DROPPED,
        failing.BOARD_J,
        failing.outlier(failing.UNKNOWN_W, None),
        _one_dropped,
    ),
    Fault(
        "counter silent for 4 s inside the window",
        "ok, within 0.1 %",
        failing.HOLED_J,
        failing.hole(*failing.INSIDE),
        _exact,
    ),
    Fault(
        "counter silent for the last 2 s",
        "not ok, truth in the bar",
        failing.HOLED_J,
        failing.hole(*failing.AT_END),
        _edge_is_lost,
    ),
    Fault(
        "counter 43 % below the power beside it",
        "a warning",
        failing.SHARE_COUNTED * failing.AROUND_W * failing.SECONDS,
        failing.disagreement,
        _warned,
    ),
)
