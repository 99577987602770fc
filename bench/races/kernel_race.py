"""Contestants timed in turns within one process, in processor time, so that a busy machine is fair.

Round by round every contestant of a contest runs once; what slows one round down slows all of them.
Kept are all seconds; shown are the least (what the kernel can do) and the median.
"""

import time
from statistics import median
from typing import Callable, List, NamedTuple, Tuple

ROUNDS = 7


class Contest(NamedTuple):
    """One task: its name, the work of one run in units of `unit`, and (who, what to call) pairs."""

    name: str
    unit: str
    work: float
    entrants: Tuple[Tuple[str, Callable], ...]
    ours: str


class Result(NamedTuple):
    """Seconds of one contestant in one contest, and its rate, by its least and median seconds."""

    contest: str
    entrant: str
    unit: str
    best: float
    median: float
    seconds: List[float]
    ratio: float


def race(contest: Contest, rounds: int = ROUNDS, clock=time.process_time) -> List[Result]:
    """Results of a contest's entrants; `ratio` is the rate of our own entrant over theirs."""
    seconds = {name: [] for name, _ in contest.entrants}
    for _, call in contest.entrants:
        call()
    for _ in range(rounds):
        for name, call in contest.entrants:
            start = clock()
            call()
            seconds[name].append(clock() - start)
    least = min(seconds[contest.ours])
    return [
        Result(
            contest.name,
            name,
            contest.unit,
            contest.work / min(each),
            contest.work / median(each),
            each,
            min(each) / least,
        )
        for name, each in seconds.items()
    ]


def lines(results):
    """A table for a terminal, one line per contestant."""
    form = "{:34} {:26} {:>9} {:>9} {:8} {:>9}"
    yield form.format("contest", "who", "best", "median", "", "ours/it")
    last = None
    for each in results:
        yield form.format(
            each.contest if each.contest != last else "",
            each.entrant,
            "{:.4g}".format(each.best),
            "{:.4g}".format(each.median),
            each.unit,
            "{:.2f}".format(each.ratio),
        )
        last = each.contest
