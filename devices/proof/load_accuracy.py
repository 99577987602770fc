"""The meter's error and error bar on two-level loads of known joules, beside other tools'.

A limit is judged only when there are enough windows for it to mean something; with fewer its
figure is printed all the same. One window that is off by more than three bars is always one.
"""

from random import Random
from typing import Any, Callable, Dict, List, NamedTuple

from edgejoule.devices.energy import window
from edgejoule.devices.proof import codecarbon, loads, virtual_time, zeus
from edgejoule.devices.proof.percentiles import TIE, percentile
from edgejoule.devices.reading import Reading

WORST_BARS = 3.0  # how many bars a window may be off at most
COVERAGE = (0.93, 0.97)  # of 95 % bars that hold the truth
# Ten windows lie above a 95th percentile of 200; the share of 1000 that bars of 95 % hold is
# within 93 to 97 % by more than chance needs (one standard deviation is 0.7 %).
ENOUGH_FOR_P95, ENOUGH_FOR_SHARE = 200, 1000
ROUNDING_J = 1e-9
# A sensor says what its steps are, as NVML and a Jetson's rails do. One that does not is taken
# for one whose steps are as large as the smallest it was seen to take: here all 8 W.
STEP_W = 1e-3
SEED = 20
GRID = "fixed grid"  # the meter itself as it samples a sensor that averages: no other tool


class Row(NamedTuple):
    """A set of loads, the sampling rate, a window's seconds, and the limit of its p95 error."""

    loads: str
    hertz: float
    seconds: float
    limit: float


ROWS = (
    Row("any", 10.0, 60.0, 0.026),
    Row("any", 20.0, 60.0, 0.016),
    Row("any", 20.0, 10.0, 0.045),
    Row("locked", 10.0, 60.0, 0.030),
    Row("locked", 20.0, 60.0, 0.016),
    Row("locked", 20.0, 10.0, 0.045),
)


class Trial(NamedTuple):
    """One window: its true joules, what the meter read, joules of the others by tool."""

    truth: float
    reading: Reading
    others: Dict[str, float]

    def error(self) -> float:
        """The meter's relative error."""
        assert self.reading.joules is not None  # virtual sensors do not fail
        return self.reading.joules / self.truth - 1

    def bars(self) -> float:
        """By how many half-widths of its interval the meter is off."""
        assert self.reading.uncertainty_joules is not None  # nor do they guess
        off = max(abs(self.error()) * self.truth - ROUNDING_J, 0.0)
        return off / max(self.reading.uncertainty_joules, ROUNDING_J)


def measure(row: Row, trials: int, tick: Callable[[], Any] = lambda: None) -> List[Trial]:
    """Windows of a row [trials], each with a load of its own; `tick()` after each."""
    dice, period_s = Random(SEED), 1.0 / row.hertz
    found = []
    for _ in range(trials):
        load = loads.SETS[row.loads](dice, period_s, row.seconds)
        found.append(_trial(load, period_s, row.seconds, dice.random()))
        tick()
    return found


def judged(row: Row, found: List[Trial]) -> Dict[str, Any]:
    """The row as plain JSON: percentiles in percent, the bars, which promises are broken."""
    ours = [trial.error() for trial in found]
    others = {
        tool: percentile([t.others[tool] / t.truth - 1 for t in found], 0.95)
        for tool in found[0].others
    }
    p95, rivals = percentile(ours, 0.95), [v for tool, v in others.items() if tool != GRID]
    figures = dict(
        row._asdict(),
        trials=len(found),
        p50_percent=100 * percentile(ours, 0.5),
        p95_percent=100 * p95,
        worst_percent=100 * percentile(ours, 1.0),
        limit_percent=100 * row.limit,
        others_p95_percent={tool: 100 * value for tool, value in others.items()},
        nearer_than_all=all(p95 <= value + TIE for value in rivals),
        **_bars(found),
    )
    return dict(figures, holds=not broken_by(figures))


def _bars(found: List[Trial]) -> Dict[str, Any]:
    """What is to be said of the error bars of some windows, as plain JSON."""
    bars = [trial.bars() for trial in found]
    believed = [trial for trial in found if trial.reading.status == "ok"]
    return {
        "coverage": sum(each <= 1.0 for each in bars) / len(found),
        "worst_bars": max(bars),
        "ok_share": len(believed) / len(found),
        "ok_but_outside": sum(trial.bars() > 1.0 for trial in believed) / len(found),
        "bar_p50_percent": 100
        * percentile([(t.reading.uncertainty_joules or 0.0) / t.truth for t in found], 0.5),
    }


def coverage(rows: List[Dict[str, Any]]) -> Dict[str, Dict[str, float]]:
    """{set: {"windows", "coverage"}}: the share of bars that hold the truth in all its rows."""
    found = {}
    for name in sorted({row["loads"] for row in rows}):
        mine = [row for row in rows if row["loads"] == name]
        windows = sum(row["trials"] for row in mine)
        held = sum(row["trials"] * row["coverage"] for row in mine)
        found[name] = {"windows": windows, "coverage": held / windows}
    return found


def broken(rows: List[Dict[str, Any]]) -> List[str]:
    """A sentence for every promise that these rows break, each alone or all of a set."""
    found = [sentence for row in rows for sentence in broken_by(row)]
    for name, each in coverage(rows).items():
        found += outside(name + " loads", each["windows"], each["coverage"])
    return found


def broken_by(row: Dict[str, Any]) -> List[str]:
    """A sentence for every promise that a row breaks by itself."""
    name = "{} loads, {:g} Hz, {:g} s".format(row["loads"], row["hertz"], row["seconds"])
    found = []
    if row["trials"] >= ENOUGH_FOR_P95 and row["p95_percent"] > row["limit_percent"]:
        found.append(
            "{}: p95 {:.2f} %, at most {:g}".format(name, row["p95_percent"], row["limit_percent"])
        )
    if row["worst_bars"] > WORST_BARS:
        found.append("{}: a window is off by {:.3g} bars".format(name, row["worst_bars"]))
    return found + outside(name, row["trials"], row["coverage"])


def outside(name: str, windows: float, share: float) -> List[str]:
    """A sentence if bars of that many windows hold the truth too seldom, or too often."""
    if windows < ENOUGH_FOR_SHARE or COVERAGE[0] <= share <= COVERAGE[1]:
        return []
    return ["{}: bars hold the truth in {:.1f} %, not in 93 to 97".format(name, 100 * share)]


def _trial(load: loads.Load, period_s: float, seconds: float, phase: float) -> Trial:
    """One load seen by every tool; phase, 0 to 1, is where in its period a sampler stands."""
    start, end = loads.START_S, loads.START_S + seconds
    others = {GRID: _metered(load, "average", period_s, start, end, phase).joules}
    if zeus.installed():
        others["zeus rail"] = zeus.jetson(load, start, end, phase * zeus.RAIL_S)
        others["zeus polled"] = zeus.polling(load, start, end, phase * zeus.POLL_S)
    if codecarbon.installed():
        others["codecarbon"] = codecarbon.polled(load, start, end)
    return Trial(
        load.joules(end) - load.joules(start),
        _metered(load, "instant", period_s, start, end, phase),
        {tool: joules for tool, joules in others.items() if joules is not None},
    )


def _metered(
    load: loads.Load, sensing: str, period_s: float, start: float, end: float, phase: float
) -> Reading:
    info = virtual_time.info(period_s=period_s, sensing=sensing, step_watts=STEP_W)
    found = virtual_time.record(virtual_time.power(load), start, end, info, phase * period_s)
    return window.reading(found, info, start, end)
