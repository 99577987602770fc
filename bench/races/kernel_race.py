"""Contestants timed in turns within one process, in processor time, so that a busy machine is fair.

Round by round every contestant of a contest runs once; what slows one round down slows all of them.
Kept are all seconds; shown are the least (what the kernel can do) and the median.
"""

import time
from statistics import median
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

ROUNDS = 7

Entrant = Tuple[str, Callable[[], Any]]  # who, and what to call


class Contest(NamedTuple):
    """One task: its name, the work of one run in units of `unit`, and who runs it."""

    name: str
    unit: str
    work: float
    entrants: Tuple[Entrant, ...]
    ours: str  # the entrant that the others are compared with


class Result(NamedTuple):
    """Seconds of one contestant in one contest, and its rate, by its least and median seconds.

    `ratio` is our own rate over its; None where nobody of ours took part.
    """

    contest: str
    entrant: str
    unit: str
    best: float
    median: float
    seconds: List[float]
    ratio: Optional[float]


def race(
    contest: Contest, rounds: int = ROUNDS, timer: Callable[[], float] = time.process_time
) -> List[Result]:
    """Results of a contest's entrants, each of which runs once a round."""
    seconds: Dict[str, List[float]] = {name: [] for name, _ in contest.entrants}
    for _, call in contest.entrants:  # the first call pays for memory, caches and lazy imports
        call()
    for _ in range(rounds):
        for name, call in contest.entrants:
            start = timer()
            call()
            seconds[name].append(timer() - start)
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


def lines(results: Sequence[Result]) -> Iterator[str]:
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
            "" if each.ratio is None else "{:.2f}".format(each.ratio),
        )
        last = each.contest
