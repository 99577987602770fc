"""The meter's error on power whose joules are known exactly, beside other tools' on the same.

Each row: many windows at random moments of one pattern, seen through one sensor. Windows read
from a counter are a random part of a register's update longer than their name says: lengths
that are whole updates would flatter whoever subtracts two readings.
"""

import random
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from edgejoule.devices.energy import window
from edgejoule.devices.energy.record import Record
from edgejoule.devices.proof import codecarbon, other_tools, synthetic, virtual_time, zeus
from edgejoule.devices.proof.percentiles import TIE, percentile
from edgejoule.devices.reading import DeviceInfo

POLL_S, UPDATE_S = 0.1, 0.1  # of a sensor that averages, of a counter
LOOK_S = 0.05  # of a sensor that shows instants
LAG_S, STEP_W = 0.42, 0.0765  # an INA3221 averaging 64 samples; 40 uV over 10 mOhm at 19 V
SEED = 20


class Row(NamedTuple):
    """A pattern, the sensor it is seen through, a window's seconds, and what is promised.

    `limit` holds for the 95th percentile of |error|, or for the worst where `always`;
    None promises nothing.
    """

    pattern: str
    sensor: str  # "power", "trailing" or "counter"
    seconds: float
    limit: Optional[float]
    always: bool = False


PATTERNS = {
    "constant": synthetic.constant(),
    "training": synthetic.training(),
}
# The limits are promises of docs/concepts/joules.md; a counter's are what the age of its register
# allows, a quarter of an update over the window, and the rest of a constant's is rounding. Those
# of training were 2 and 1 % on a grid, to which its 38 ms happened not to lock.
ROWS = (
    Row("constant", "power", 2.0, 1e-4, True),
    Row("constant", "power", 10.0, 1e-4, True),
    Row("training", "power", 10.0, 0.04),
    Row("training", "power", 60.0, 0.02),
    Row("training", "trailing", 1.0, 0.01),
    Row("training", "trailing", 10.0, 1e-3),
    Row("constant", "counter", 0.25, UPDATE_S / (4 * 0.25) + 1e-3, True),
    Row("constant", "counter", 1.0, UPDATE_S / 4 + 1e-3, True),
    Row("constant", "counter", 5.0, UPDATE_S / (4 * 5) + 1e-3, True),
    Row("training", "counter", 1.0, None),
    Row("training", "counter", 5.0, 0.008),
    Row("training", "counter", 30.0, None),
)


def measure(
    row: Row, trials: int, tick: Callable[[], Any] = lambda: None
) -> Dict[str, List[float]]:
    """Errors of every tool on one row: {tool: [relative error]}; `tick()` after each window."""
    dice, pattern = random.Random(SEED), PATTERNS[row.pattern]
    errors: Dict[str, List[float]] = {}
    for _ in range(trials):
        start = 100.0 + 50.0 * dice.random()
        extra = UPDATE_S * dice.random() if row.sensor == "counter" else 0.0
        end, phase = start + row.seconds + extra, dice.random()
        truth = pattern.joules(end) - pattern.joules(start)
        for tool, joules in _tools(row, pattern, start, end, phase).items():
            errors.setdefault(tool, []).append(joules / truth - 1)
        tick()
    return errors


def judged(row: Row, errors: Dict[str, List[float]]) -> Dict[str, Any]:
    """The row as plain JSON: percentiles in percent, whether the promise holds, who is nearer."""
    p95 = {tool: percentile(found, 0.95) for tool, found in errors.items()}
    ours, worst = p95.pop("ours"), percentile(errors["ours"], 1.0)
    return {
        "pattern": row.pattern,
        "sensor": row.sensor,
        "window_s": row.seconds,
        "trials": len(errors["ours"]),
        "mean_percent": 100 * sum(errors["ours"]) / len(errors["ours"]),
        "p95_percent": 100 * ours,
        "worst_percent": 100 * worst,
        "limit_percent": None if row.limit is None else 100 * row.limit,
        "limit_is_on": "worst" if row.always else "p95",
        "holds": row.limit is None or (worst if row.always else ours) <= row.limit,
        "others_p95_percent": {tool: 100 * value for tool, value in p95.items()},
        "nearer_than_all": all(ours <= value + TIE for value in p95.values()),
    }


def broken(rows: List[Dict[str, Any]]) -> List[str]:
    """A sentence for every promise that these rows break."""
    return [
        "{} through {}, {:g} s: {} {:.3g} %, at most {:g}".format(
            row["pattern"],
            row["sensor"],
            row["window_s"],
            row["limit_is_on"],
            row[row["limit_is_on"] + "_percent"],
            row["limit_percent"],
        )
        for row in rows
        if not row["holds"]
    ]


def _tools(
    row: Row, pattern: synthetic.Pattern, start: float, end: float, phase: float
) -> Dict[str, float]:
    """Joules of one window by tool; phase, 0 to 1, is where in its period a sampler stands."""
    if row.sensor == "counter":
        return _counters(pattern, start, end, phase)
    trailing = row.sensor == "trailing"
    period_s = POLL_S if trailing else LOOK_S
    sensor: synthetic.Sensor = pattern
    if trailing:
        sensor = synthetic.Trailing(pattern, LAG_S, STEP_W)
    info = virtual_time.info(
        period_s=period_s,
        lag_s=LAG_S if trailing else 0.0,
        step_watts=STEP_W if trailing else None,
        sensing="average" if trailing else "instant",
    )
    found = virtual_time.record(virtual_time.power(sensor), start, end, info, phase * period_s)
    joules = {
        "ours": _ours(found, info, start, end),
        "1 Hz mean x time": other_tools.mean_power(sensor, start, end, phase),
        "1 Hz sum of reading x dt": other_tools.reading_times_dt(sensor, start, end, phase),
    }
    if zeus.installed():
        joules["zeus rail"] = zeus.jetson(sensor, start, end, phase * zeus.RAIL_S)
        joules["zeus polled"] = zeus.polling(sensor, start, end, phase * zeus.POLL_S)
    if codecarbon.installed():
        joules["codecarbon"] = codecarbon.polled(sensor, start, end)
    return joules


def _counters(
    pattern: synthetic.Pattern, start: float, end: float, phase: float
) -> Dict[str, float]:
    register = synthetic.Register(pattern, UPDATE_S, phase * UPDATE_S)
    info = virtual_time.info(period_s=UPDATE_S / 4, update_s=UPDATE_S, sensing="counter")
    found = virtual_time.record(
        virtual_time.counter(register), start, end, info, phase * UPDATE_S / 4
    )
    joules = {
        "ours": _ours(found, info, start, end),
        "two readings": register.joules(end) - register.joules(start),
    }
    if zeus.installed():
        joules["zeus counter"] = zeus.counter(register, start, end)
    if codecarbon.installed():
        joules["codecarbon counter"] = codecarbon.counter(register, start, end)
    return joules


def _ours(found: Record, info: DeviceInfo, start: float, end: float) -> float:
    joules = window.reading(found, info, start, end).joules
    assert joules is not None  # virtual sensors do not fail
    return joules
