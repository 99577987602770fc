"""How many false alarms has this gate, and what does it find? Noise through the real gate.

Nights: 60 with noise of 1.5 % (or 0.5 %), 3 % of them dearer by an exponential of mean 10 %, a
step at night 50; each night goes through `judgement.standing_alarms`. Pairs: a machine with 1 %
white noise, an AR(1) drift of 2 % (0.95 from run to run) and the same spikes, run in the order of
`abba.order` and judged by `pairs.paired` and `pairs.verdict`. Seeds are fixed: the table is always
the same.
"""

import math
from typing import Dict, Iterator, List, NamedTuple, Optional

import numpy as np

from edgejoule.bench.gates import abba, confirm, judgement, pairs
from edgejoule.bench.gates.limits import Thresholds

NIGHTS, STEP_AT, IN_TIME = 60, 50, 4
SPIKES, SPIKE_SIZE = 0.03, 0.10  # share of nights or runs, mean size
DRIFT, MEMORY, WHITE = 0.02, 0.95, 0.01
TRIALS = 1000
BEYOND_95 = 1.96  # standard deviations on either side of 95 % of normal draws


class Line(NamedTuple):
    """One figure with its 95 % interval, and what was promised; SI: shares, not percents."""

    what: str
    value: float
    low: float
    high: float
    trials: int
    promised: Optional[str]  # "<= 0.003"
    kept: bool  # the figure keeps its promise, or nothing was promised


def table(trials: int, thresholds: Thresholds) -> List[Line]:
    """The whole acceptance table."""
    return (
        nightly(trials, thresholds)
        + many(max(1, trials // 5), thresholds)
        + compared(trials, thresholds)
        + tried(max(1, trials // 2), thresholds)
    )


def nightly(trials: int, thresholds: Thresholds) -> List[Line]:
    """False alarms and power of the nightly gate on a single series."""
    lines = []
    for noise, promise in ((0.015, 0.003), (0.005, None)):
        calm = [alarms(series(stream(trial), noise), thresholds) for trial in range(trials)]
        lines.append(_rate("false alarms per night, noise {:.1%}".format(noise), calm, promise))
        for step, wanted in ((0.05, 0.95 if noise == 0.015 else None), (0.03, None)):
            raised = [
                alarms(series(stream(trial), noise, step), thresholds, STEP_AT)
                for trial in range(trials)
            ]
            lines.append(
                _share(
                    "steps of {:.0%} found within {} nights, noise {:.1%}".format(
                        step, IN_TIME, noise
                    ),
                    [any(nights[:IN_TIME]) for nights in raised],
                    wanted,
                )
            )
    blessed = [
        alarms(series(stream(trial), 0.015), thresholds, blessed=20) for trial in range(trials)
    ]
    adrift = [alarms(wandering(stream(trial)), thresholds) for trial in range(trials)]
    return lines + [
        _rate("false alarms per night, noise 1.5%, night 20 blessed", blessed, 0.003),
        _rate("false alarms per night that wanders, noise 1% and 1%", adrift, None),
    ]


def many(trials: int, thresholds: Thresholds, methods: int = 10) -> List[Line]:
    """The same for a suite of several methods, of which one makes a step of 5 %."""
    raised = []
    for trial in range(trials):
        chance = stream(trial)
        steps = [0.05] + [0.0] * (methods - 1)
        several = [series(chance, 0.015, step) for step in steps]
        raised.append(
            [
                judgement.standing_alarms(
                    {
                        (str(i), "joules"): (values[: night + 1], None)
                        for i, values in enumerate(several)
                    },
                    thresholds,
                )
                for night in range(STEP_AT + IN_TIME)
            ]
        )
    calm = [[bool(keys) for keys in nights[:STEP_AT]] for nights in raised]
    found = [any(("0", "joules") in keys for keys in nights[STEP_AT:]) for nights in raised]
    words = "{} methods, noise 1.5%".format(methods)
    return [
        _rate("false alarms per night of " + words, calm, None),
        _share("a step of 5% found within {} nights among {}".format(IN_TIME, words), found, None),
    ]


def compared(trials: int, thresholds: Thresholds) -> List[Line]:
    """False positives and power of the A/B verdict on a drifting machine."""
    count, floor = thresholds.pairs, thresholds.floors["joules"]
    lines = []
    for effect in (0.0, 0.02, 0.05):
        ratios = [
            pair_ratio(stream(trial), count, effect, thresholds.draws) for trial in range(trials)
        ]
        differ = [_differs(ratio) for ratio in ratios]
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


def tried(trials: int, thresholds: Thresholds) -> List[Line]:
    """What an A/B makes of a suspect, whether the code is to blame for it or not."""
    floor = thresholds.floors["joules"] * thresholds.suspect
    lines = []
    for effect, words in ((0.0, "A/B of an innocent suspect"), (0.05, "A/B of a rise of 5%")):
        said = [_trial(stream(trial), effect, floor, thresholds) for trial in range(trials)]
        lines += [
            _share("{}: {}".format(words, name), [each == verdict for each in said], None)
            for name, verdict in (("confirmed", "FAIL"), ("dismissed", "PASS"))
        ]
    return lines


def _differs(ratio: pairs.Ratio) -> bool:
    """True if the interval of a ratio leaves 1 out."""
    low, high = ratio.low, ratio.high
    return low is not None and high is not None and (low > 1 or high < 1)


def _trial(
    chance: np.random.RandomState, effect: float, floor: float, thresholds: Thresholds
) -> str:
    """The verdict of as many rounds of pairs as `confirm.confirm` takes."""
    logs, said = machine(chance, 2 * confirm.ROUNDS * thresholds.pairs), ""
    for rounds in range(1, confirm.ROUNDS + 1):
        ratio = _ratio(logs, rounds * thresholds.pairs, effect, thresholds.draws)
        said = pairs.verdict(ratio, floor)
        if said != "INCONCLUSIVE":
            break
    return said


def series(chance: np.random.RandomState, noise: float, step: float = 0.0) -> List[float]:
    """Joules of 60 nights; `noise` and `step` are fractions."""
    logs = chance.normal(0, noise, NIGHTS) + _spikes(chance, NIGHTS)
    logs[STEP_AT:] += math.log1p(step)
    return [400.0 * math.exp(log) for log in logs]


def wandering(chance: np.random.RandomState) -> List[float]:
    """Joules of 60 nights whose noise is half white, half a drift that remembers 0.9 of itself."""
    logs = _drift(chance, NIGHTS, 0.01, 0.9) + chance.normal(0, 0.01, NIGHTS)
    return [400.0 * math.exp(log) for log in logs + _spikes(chance, NIGHTS)]


def alarms(
    values: List[float], thresholds: Thresholds, first: int = 0, blessed: Optional[int] = None
) -> List[bool]:
    """Per night from `first` on: does the gate raise an alarm?"""
    key = ("method", "joules")
    return [
        bool(
            judgement.standing_alarms(
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


def pair_ratio(chance: np.random.RandomState, count: int, effect: float, draws: int) -> pairs.Ratio:
    """The ratio that `count` interleaved pairs on a drifting machine show."""
    return _ratio(machine(chance, 2 * count), count, effect, draws)


def _ratio(logs: np.ndarray, count: int, effect: float, draws: int) -> pairs.Ratio:
    """The ratio of the first `count` pairs of runs [2 * count], of which B costs more."""
    sides: Dict[str, List[float]] = {"A": [], "B": []}
    for number in range(count):
        for turn, side in enumerate(abba.order(number)):
            log = logs[2 * number + turn] + (math.log1p(effect) if side == "B" else 0.0)
            sides[side].append(math.exp(log))
    return pairs.paired(sides["A"], sides["B"], draws)


def machine(chance: np.random.RandomState, runs: int) -> np.ndarray:
    """Logarithms of what the same work costs in run after run [runs]."""
    return (
        _drift(chance, runs, DRIFT, MEMORY) + chance.normal(0, WHITE, runs) + _spikes(chance, runs)
    )


def text(lines: List[Line]) -> Iterator[str]:
    """The table, line by line."""
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
    """New alarms per night: one that lasts for several nights counts once."""
    new = [sum(now and not before for before, now in zip([False] + each, each)) for each in nights]
    count, total = sum(new), sum(len(each) for each in nights)
    spread = BEYOND_95 * math.sqrt(max(count, 1))  # Poisson; of none, that of one
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
    promised = None
    if least is not None:
        promised = ">= {:g} %".format(100 * least)
    elif most is not None:
        promised = "<= {:g} %".format(100 * most)
    kept = (least is None or share >= least) and (most is None or share <= most)
    return Line(what, share, max(0.0, middle - half), min(1.0, middle + half), n, promised, kept)


def _drift(chance: np.random.RandomState, count: int, size: float, memory: float) -> np.ndarray:
    """AR(1) of a standard deviation [count]."""
    steps = chance.normal(0, size * math.sqrt(1 - memory**2), count)
    steps[0] = chance.normal(0, size)  # it begins anywhere, not at 0
    drift = [steps[0]]
    for step in steps[1:]:
        drift.append(memory * drift[-1] + step)
    return np.array(drift)


def _spikes(chance: np.random.RandomState, count: int) -> np.ndarray:
    """Logarithms of what a few wild runs cost more [count]."""
    return (chance.rand(count) < SPIKES) * chance.exponential(SPIKE_SIZE, count)


def stream(trial: int) -> np.random.RandomState:
    """A stream of its own for every trial, the same on every machine."""
    return np.random.RandomState(20261121 + trial)
