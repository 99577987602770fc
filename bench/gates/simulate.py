"""How often does this gate ring falsely, and what does it find? Noise through the real gate.

Nights: 60 with noise of 1.5 % (or 0.5 %), 3 % of them dearer by an exponential of mean 10 %, a
step at night 50; each night goes through `gate.ring`. Pairs: a machine with 1 % white noise, an
AR(1) drift of 2 % (0.95 from run to run) and the same spikes, run in the order of `abba.order`
and judged by `pairs.paired` and `pairs.verdict`. Seeds are fixed: the table is always the same.
"""

import math
from typing import List, NamedTuple, Optional

import numpy as np

from edgejoule.bench.gates import abba, confirm, judgement, pairs

NIGHTS, STEP_AT, IN_TIME = 60, 50, 4
SPIKES, SPIKE_SIZE = 0.03, 0.10  # share of nights or runs, mean size
DRIFT, MEMORY, WHITE = 0.02, 0.95, 0.01
TRIALS = 1000
BEYOND_95 = 1.96


class Line(NamedTuple):
    """One figure with its 95 % interval, and what was promised; SI: shares, not percents."""

    what: str
    value: float
    low: float
    high: float
    trials: int
    promised: Optional[str]  # "<= 0.003"
    kept: bool  # the figure keeps its promise, or nothing was promised


def table(trials: int, thresholds) -> List[Line]:
    """The whole acceptance table."""
    return (
        nightly(trials, thresholds)
        + many(max(1, trials // 5), thresholds)
        + compared(trials, thresholds)
        + tried(max(1, trials // 2), thresholds)
    )


def nightly(trials: int, thresholds) -> List[Line]:
    """False alarms and power of the nightly gate on a single series."""
    lines = []
    for noise, promise in ((0.015, 0.003), (0.005, None)):
        calm = [alarms(series(_random(trial), noise), thresholds) for trial in range(trials)]
        lines.append(_rate("false alarms per night, noise {:.1%}".format(noise), calm, promise))
        for step, wanted in ((0.05, 0.95 if noise == 0.015 else None), (0.03, None)):
            rung = [
                alarms(series(_random(trial), noise, step), thresholds, STEP_AT)
                for trial in range(trials)
            ]
            lines.append(
                _share(
                    "steps of {:.0%} found within {} nights, noise {:.1%}".format(
                        step, IN_TIME, noise
                    ),
                    [any(nights[:IN_TIME]) for nights in rung],
                    wanted,
                )
            )
    blessed = [
        alarms(series(_random(trial), 0.015), thresholds, blessed=20) for trial in range(trials)
    ]
    adrift = [alarms(wandering(_random(trial)), thresholds) for trial in range(trials)]
    return lines + [
        _rate("false alarms per night, noise 1.5%, night 20 blessed", blessed, 0.003),
        _rate("false alarms per night that wanders, noise 1% and 1%", adrift, None),
    ]


def many(trials: int, thresholds, methods: int = 10) -> List[Line]:
    """The same for a suite of several methods, of which one makes a step of 5 %."""
    rung = []
    for trial in range(trials):
        chance = _random(trial)
        steps = [0.05] + [0.0] * (methods - 1)
        several = [series(chance, 0.015, step) for step in steps]
        rung.append(
            [
                judgement.ring(
                    {
                        (i, "joules"): (values[: night + 1], None)
                        for i, values in enumerate(several)
                    },
                    thresholds,
                )
                for night in range(STEP_AT + IN_TIME)
            ]
        )
    calm = [[bool(keys) for keys in nights[:STEP_AT]] for nights in rung]
    found = [any((0, "joules") in keys for keys in nights[STEP_AT:]) for nights in rung]
    words = "{} methods, noise 1.5%".format(methods)
    return [
        _rate("false alarms per night of " + words, calm, None),
        _share("a step of 5% found within {} nights among {}".format(IN_TIME, words), found, None),
    ]


def compared(trials: int, thresholds) -> List[Line]:
    """False positives and power of the A/B verdict on a drifting machine."""
    count, floor = thresholds.pairs, thresholds.floors["joules"]
    lines = []
    for effect in (0.0, 0.02, 0.05):
        ratios = [
            pair_ratio(_random(trial), count, effect, thresholds.draws) for trial in range(trials)
        ]
        differ = [ratio.low is not None and (ratio.low > 1 or ratio.high < 1) for ratio in ratios]
        words = "of {:.0%} ".format(effect) if effect else ""
        lines.append(
            _share(
                "A/B of {} pairs: a difference {}is seen, no floor".format(count, words),
                differ,
                None,
                most=None if effect else 0.06,
            )
        )
        fails = [pairs.verdict(ratio, floor) == "FAIL" for ratio in ratios]
        lines.append(
            _share(
                "A/B of {} pairs: FAIL {}with the floor of {:.0%}".format(count, words, floor),
                fails,
                None,
                most=None if effect else 0.06,
            )
        )
    return lines


def tried(trials: int, thresholds) -> List[Line]:
    """What becomes of a suspect, whether the code is to blame for it or not."""
    floor = thresholds.floors["joules"] * thresholds.suspect
    lines = []
    for effect, words in ((0.0, "A/B of an innocent suspect"), (0.05, "A/B of a rise of 5%")):
        said = [_trial(_random(trial), effect, floor, thresholds) for trial in range(trials)]
        lines += [
            _share("{}: {}".format(words, name), [each == verdict for each in said], None)
            for name, verdict in (("confirmed", "FAIL"), ("dismissed", "PASS"))
        ]
    return lines


def _trial(chance, effect: float, floor: float, thresholds) -> str:
    """The verdict of as many rounds of pairs as `confirm.confirm` takes."""
    logs, said = machine(chance, 2 * confirm.ROUNDS * thresholds.pairs), ""
    for rounds in range(1, confirm.ROUNDS + 1):
        ratio = _ratio(logs, rounds * thresholds.pairs, effect, thresholds.draws)
        said = pairs.verdict(ratio, floor)
        if said != "INCONCLUSIVE":
            break
    return said


def series(chance, noise: float, step: float = 0.0) -> List[float]:
    """Joules of 60 nights."""
    logs = chance.normal(0, noise, NIGHTS) + _spikes(chance, NIGHTS)
    logs[STEP_AT:] += math.log1p(step)
    return [400.0 * math.exp(log) for log in logs]


def wandering(chance) -> List[float]:
    """Joules of 60 nights whose noise is half white, half a drift that remembers 0.9 of itself."""
    logs = _drift(chance, NIGHTS, 0.01, 0.9) + chance.normal(0, 0.01, NIGHTS)
    return [400.0 * math.exp(log) for log in logs + _spikes(chance, NIGHTS)]


def alarms(
    values: List[float], thresholds, first: int = 0, blessed: Optional[int] = None
) -> List[bool]:
    """Per night from `first` on: does the gate ring?"""
    key = ("method", "joules")
    return [
        bool(
            judgement.ring(
                {
                    key: (
                        values[: night + 1],
                        blessed if blessed is not None and night > blessed else None,
                    )
                },
                thresholds,
            )
        )
        for night in range(first, len(values))
    ]


def pair_ratio(chance, count: int, effect: float, draws: int) -> pairs.Ratio:
    """The ratio that `count` interleaved pairs on a drifting machine show."""
    return _ratio(machine(chance, 2 * count), count, effect, draws)


def _ratio(logs, count: int, effect: float, draws: int) -> pairs.Ratio:
    sides = {"A": [], "B": []}
    for number in range(count):
        for turn, side in enumerate(abba.order(number)):
            log = logs[2 * number + turn] + (math.log1p(effect) if side == "B" else 0.0)
            sides[side].append(math.exp(log))
    return pairs.paired(sides["A"], sides["B"], draws)


def machine(chance, runs: int):
    """Logarithms of what the same work costs in run after run [runs]."""
    return (
        _drift(chance, runs, DRIFT, MEMORY) + chance.normal(0, WHITE, runs) + _spikes(chance, runs)
    )


def words(lines: List[Line]):
    """The table as text."""
    yield "{:64} {:>8}  {:18} {:>7}  {}".format(
        "", "percent", "95 % interval", "trials", "promised"
    )
    for line in lines:
        promise = (
            ""
            if line.promised is None
            else "{} {}".format(line.promised, "kept" if line.kept else "BROKEN")
        )
        interval = "[{:.2f}, {:.2f}]".format(100 * line.low, 100 * line.high)
        yield "{:64} {:>8.2f}  {:18} {:>7}  {}".format(
            line.what, 100 * line.value, interval, line.trials, promise
        )


def _rate(what: str, nights: List[List[bool]], promise: Optional[float]) -> Line:
    """New alarms per night: an alarm that lasts rings once."""
    new = [sum(now and not before for before, now in zip([False] + rung, rung)) for rung in nights]
    count, total = sum(new), sum(len(rung) for rung in nights)
    spread = BEYOND_95 * math.sqrt(max(count, 1))
    value = count / total
    return Line(
        what,
        value,
        max(0.0, (count - spread) / total),
        (count + spread) / total,
        total,
        None if promise is None else "<= {:g} %".format(100 * promise),
        promise is None or value <= promise,
    )


def _share(
    what: str, hits: List[bool], least: Optional[float], most: Optional[float] = None
) -> Line:
    """A share of trials with Wilson's interval."""
    n, share, z = len(hits), sum(hits) / len(hits), BEYOND_95
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    promised = (
        None
        if least is None and most is None
        else "{} {:g} %".format(
            ">=" if least is not None else "<=", 100 * (least if least is not None else most)
        )
    )
    kept = (least is None or share >= least) and (most is None or share <= most)
    return Line(what, share, max(0.0, middle - half), min(1.0, middle + half), n, promised, kept)


def _drift(chance, count: int, size: float, memory: float):
    """AR(1) of a standard deviation [count]."""
    steps = chance.normal(0, size * math.sqrt(1 - memory**2), count)
    steps[0] = chance.normal(0, size)
    drift = [steps[0]]
    for step in steps[1:]:
        drift.append(memory * drift[-1] + step)
    return np.array(drift)


def _spikes(chance, count: int):
    return (chance.rand(count) < SPIKES) * chance.exponential(SPIKE_SIZE, count)


def _random(trial: int):
    """A stream of its own for every trial, the same on every machine."""
    return np.random.RandomState(20261121 + trial)
