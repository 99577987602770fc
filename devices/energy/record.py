"""Everything a sensor said during a run: columns of samples, and the reads that failed.

One thread appends, others read; rows become visible all at once because `times_s` grows last.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from typing import Deque, Dict, List, NamedTuple, Optional, Tuple

from edgejoule.devices.energy.table import UNKNOWN, Table
from edgejoule.devices.reading import Sample

SPANS_KEPT = 64  # lengths of reads, from which the usual one is told


class Slice(NamedTuple):
    """Columns [n] of the samples round a window; NaN where a column has no value.

    `strays` are (time, watts) taken at random moments, for comparison only.
    """

    times_s: array
    watts: array
    joules: array
    rails: Dict[str, array]
    strays: Tuple[Tuple[float, float], ...]


class Failure(NamedTuple):
    """A run of reads that failed in the same way: its first and last moment, and how."""

    first_s: float
    last_s: float
    sentence: str


class Record:
    """Columns over samples: time, watts, joules, one per rail; and the failures between them."""

    def __init__(self, period_s: float):
        self.period_s = period_s
        self.times_s, self.watts, self.joules = array("d"), array("d"), array("d")
        self.rails = Table()
        self.failures: List[Failure] = []
        self.strays: List[Tuple[float, float]] = []
        self.rejected = 0
        self._spans: Deque[float] = deque(maxlen=SPANS_KEPT)

    def __len__(self) -> int:
        return len(self.times_s)

    def add(self, before_s: float, after_s: float, sample: Sample) -> bool:
        """True if the sample was kept.

        One whose read took three times as long as usual belongs to no moment and is dropped,
        and so is one that is no newer than the last.
        """
        if self._slow(after_s - before_s if sample.span_s is None else sample.span_s):
            self.rejected += 1
            return False
        time_s = (before_s + after_s) / 2 if sample.time_s is None else sample.time_s
        if self.times_s and time_s <= self.times_s[-1]:
            return False
        self._append(time_s, sample)
        return True

    def stray(self, before_s: float, after_s: float, sample: Sample) -> None:
        """Keep the watts of a random moment; they are no part of the trace.

        A value that is of another moment, such as a bench meter's line that waited to be read,
        says nothing about this one: it goes where it would have gone at the next regular read.
        """
        if sample.time_s is not None and not before_s <= sample.time_s <= after_s:
            self.add(before_s, after_s, sample)
        elif sample.watts is not None:
            self.strays.append(((before_s + after_s) / 2, sample.watts))

    def fail(self, time_s: float, sentence: str) -> None:
        """Note a read that failed; the same failure again only prolongs the last."""
        last = self.failures[-1] if self.failures else None
        if last and last.sentence == sentence and not self._good_since(last.first_s):
            self.failures[-1] = last._replace(last_s=time_s)
        else:
            self.failures.append(Failure(time_s, time_s, sentence))

    def failing(self, moment_s: float) -> Optional[str]:
        """The failure at that moment, if no later good sample has healed it."""
        count = bisect_right(self.times_s, moment_s)
        good = self.times_s[count - 1] if count else float("-inf")
        late = [each for each in self.failures if each.last_s > good and each.first_s <= moment_s]
        return late[-1].sentence if late else None

    def failures_in(self, start_s: float, end_s: float) -> List[str]:
        """Sentences of the failures inside a window, in order, each once."""
        inside = [f.sentence for f in self.failures if f.first_s <= end_s and f.last_s >= start_s]
        return list(dict.fromkeys(inside))

    def around(self, start_s: float, end_s: float, margin_s: float) -> Slice:
        """The samples of a window with `margin_s` on both sides and one more at each end."""
        count = len(self.times_s)  # once: the sampling thread may append meanwhile
        first = max(bisect_left(self.times_s, start_s - margin_s, 0, count) - 1, 0)
        last = min(bisect_right(self.times_s, end_s + margin_s, 0, count) + 1, count)
        begin, end = (start_s,), (end_s, float("inf"))  # tuples sort by their first, the moment
        return Slice(
            self.times_s[first:last],
            self.watts[first:last],
            self.joules[first:last],
            self.rails.columns(first, last),
            tuple(self.strays[bisect_left(self.strays, begin) : bisect_right(self.strays, end)]),
        )

    def without_counter(self) -> "Record":
        """The same samples of power alone: the second opinion on a counter."""
        copy = Record(self.period_s)
        copy.times_s, copy.watts, copy.failures = self.times_s, self.watts, self.failures
        copy.joules = array("d", [UNKNOWN]) * len(self.times_s)
        return copy

    def _good_since(self, moment_s: float) -> bool:
        return bool(self.times_s) and self.times_s[-1] > moment_s

    def _slow(self, span_s: float) -> bool:
        self._spans.append(span_s)
        if span_s <= self.period_s / 4:
            return False
        return span_s > 3 * sorted(self._spans)[len(self._spans) // 2]

    def _append(self, time_s: float, sample: Sample) -> None:
        """Times grow last, and each column by one: whoever reads meanwhile sees whole rows."""
        self.rails.append(sample.rails)
        self.watts.append(UNKNOWN if sample.watts is None else sample.watts)
        self.joules.append(UNKNOWN if sample.joules is None else sample.joules)
        self.times_s.append(time_s)
