"""The parts of the proof: what each runs, about how long it takes, what it breaks."""

from typing import Any, Callable, Dict, List, NamedTuple

from edgejoule.devices.proof import (
    accuracy,
    counter_wrap,
    coverage,
    faults,
    load_accuracy,
    long_run,
    other_costs,
    overhead,
)
from edgejoule.devices.proof.progress import Progress

COVERAGE_TRIALS = 20  # to each window of a row: a share needs more of them than a percentile
LOAD_S, TRACE_S, NOISE_S, FAULTS_S, DAY_S = 0.030, 0.005, 0.001, 1.0, 25.0  # about, per piece

Figures = Dict[str, Any]


class Part(NamedTuple):
    """A part of the proof by name.

    `run(trials, seconds, progress)` gives its figures, {key of the JSON document: value};
    `expected_s(trials, seconds)` about how long it takes; `broken(figures)` a sentence for
    every promise that they break.
    """

    name: str
    text: str
    run: Callable[[int, float, Progress], Figures]
    expected_s: Callable[[int, float], float]
    broken: Callable[[Figures], List[str]]


def _loads(trials: int, seconds: float, progress: Progress) -> Figures:
    rows = []
    for row in load_accuracy.ROWS:
        name = "{} loads, {:g} Hz, {:g} s".format(row.loads, row.hertz, row.seconds)
        tick = progress.ticker(name, LOAD_S * row.seconds / 60)
        rows.append(load_accuracy.judged(row, load_accuracy.measure(row, trials, tick)))
    return {"loads": rows, "loads_coverage": load_accuracy.coverage(rows)}


def _traces(trials: int, seconds: float, progress: Progress) -> Figures:
    rows = []
    for row in accuracy.ROWS:
        tick = progress.ticker("{} through {}".format(row.pattern, row.sensor), TRACE_S)
        rows.append(accuracy.judged(row, accuracy.measure(row, trials, tick)))
    return {"rows": rows}


def _coverage(trials: int, seconds: float, progress: Progress) -> Figures:
    tick = progress.ticker("bars of a noisy sensor", NOISE_S)
    share = coverage.coverage(COVERAGE_TRIALS * trials, tick=tick)
    return {
        "interval_coverage": share,
        "interval_coverage_trials": COVERAGE_TRIALS * trials,
        "interval_coverage_limits": load_accuracy.COVERAGE,
    }


def _faults(trials: int, seconds: float, progress: Progress) -> Figures:
    tick = progress.ticker("faults", FAULTS_S / len(faults.FAULTS))
    rows = []
    for fault in faults.FAULTS:
        rows.append(faults.judged(fault))
        tick()
    return {"faults": rows, "rapl_wrap_joules_off": counter_wrap.joules_off()}


def _cost(trials: int, seconds: float, progress: Progress) -> Figures:
    each_s = seconds / overhead.RUNS + overhead.WARM_S
    return {
        "sampler": overhead.measure(seconds, progress.ticker("the thread's cost", each_s)),
        "others_cost": other_costs.measure(
            seconds, progress.ticker("other tools' cost", seconds + overhead.WARM_S)
        ),
    }


def _day(trials: int, seconds: float, progress: Progress) -> Figures:
    return {"day": long_run.measure(progress.ticker("a day", DAY_S / long_run.TICKS))}


def _cost_s(trials: int, seconds: float) -> float:
    ours = 2 * len(overhead.LIMITS) * (seconds + overhead.RUNS * overhead.WARM_S)
    return ours + other_costs.count() * (seconds + overhead.WARM_S)


PARTS = (
    Part(
        "loads",
        "two-level loads of any and of locked periods",
        _loads,
        lambda trials, _: sum(trials * LOAD_S * row.seconds / 60 for row in load_accuracy.ROWS),
        lambda found: load_accuracy.broken(found["loads"]),
    ),
    Part(
        "traces",
        "constant power and training, through power and counters",
        _traces,
        lambda trials, _: trials * TRACE_S * len(accuracy.ROWS),
        lambda found: accuracy.broken(found["rows"]),
    ),
    Part(
        "coverage",
        "bars of a noisy sensor",
        _coverage,
        lambda trials, _: COVERAGE_TRIALS * trials * NOISE_S,
        lambda found: load_accuracy.outside(
            "noisy sensor", found["interval_coverage_trials"], found["interval_coverage"]
        ),
    ),
    Part(
        "faults",
        "sensors that go wrong, and a RAPL wrap",
        _faults,
        lambda _, __: FAULTS_S,
        lambda found: (
            faults.broken(found["faults"]) + counter_wrap.broken(found["rapl_wrap_joules_off"])
        ),
    ),
    Part(
        "cost",
        "what the thread takes of a core",
        _cost,
        _cost_s,
        lambda found: overhead.broken(found["sampler"]),
    ),
    Part(
        "day",
        "memory and closing over 1.7 million samples",
        _day,
        lambda _, __: DAY_S,
        lambda found: long_run.broken(found["day"]),
    ),
)
