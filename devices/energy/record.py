"""Everything a sensor said during a run: samples, reads that failed, values that cannot be.

One thread adds at a time, and who reads asks under the same lock (`Sampler`).
"""

from collections import deque
from typing import Deque, List, NamedTuple, Optional, Tuple

from edgejoule.devices.energy.counter import Counter
from edgejoule.devices.energy.moments import Stratum
from edgejoule.devices.energy.pieces import Piece, Sampling, Tower, joined, of
from edgejoule.devices.energy.rows import PART, Rows, Slice
from edgejoule.devices.energy.scatter import Draws, Scatter
from edgejoule.devices.reading import DeviceInfo, Sample

SPANS_KEPT = 64  # lengths of reads, from which the usual one is told
GAP_PERIODS = 3  # a busy machine skips a tick now and then, and that is no gap yet
MARGIN = 16  # rows beyond a stretch, in which every rail has had its turn to be read
FAILURES_KEPT = 2000  # runs of failed reads; a sensor that fails every minute of a day has fewer
# Register noise, and what a supply's capacitors let through above the limit, stay below.
ALLOWED, ANY_WATTS = 3.0, 1e5
UNKNOWN = float("nan")


class Failure(NamedTuple):
    """A run of reads that failed in the same way: its first and last moment, and how."""

    first_s: float
    last_s: float
    sentence: str


class Record:
    """Samples of one sensor, and the failures between them.

    `info` says what the sensor cannot show and how often it is renewed; `dithered`, that every
    sample comes with the stratum it stands for.
    """

    def __init__(self, period_s: float, info: Optional[DeviceInfo] = None, dithered: bool = False):
        self.period_s, self.dithered = period_s, dithered
        self._limit_watts = info.limit_watts if info else None
        update_s = (info.update_s if info else None) or 0.0
        self.rows, self.draws = Rows(), Draws()
        self.counter = Counter(self._limit_watts, max(update_s, period_s))
        self.failures: List[Failure] = []
        self.dropped: List[Failure] = []  # values that no such device can have shown
        self.rejected = 0
        self._how = Sampling(GAP_PERIODS * period_s, dithered, update_s)
        self._tower = Tower(shared=0 if dithered else 1)
        self._spans: Deque[float] = deque(maxlen=SPANS_KEPT)
        self._last: Optional[Stratum] = None
        self._last_watts = UNKNOWN

    def __len__(self) -> int:
        return len(self.rows)

    def add(
        self, before_s: float, after_s: float, sample: Sample, stratum: Optional[Stratum] = None
    ) -> bool:
        """True if the sample was kept.

        One whose read took three times as long as usual belongs to no moment and is dropped,
        and so is one that is no newer than the last, or that shows more than the device can draw.
        """
        if self._slow(after_s - before_s if sample.span_s is None else sample.span_s):
            self.rejected += 1
            return False
        time_s = (before_s + after_s) / 2 if sample.time_s is None else sample.time_s
        newest_s = self.rows.last_s()
        if newest_s is not None and time_s <= newest_s:
            return False
        if self._impossible(time_s, sample.watts):
            return False
        if self.dithered and not before_s <= time_s <= after_s:
            self._by_its_own_moments()
        self._keep(time_s, self.counter.risen(time_s, sample), stratum)
        return True

    def fail(self, time_s: float, sentence: str) -> None:
        """Note a read that failed; the same failure again only prolongs the last."""
        last = self.failures[-1] if self.failures else None
        if last and last.sentence == sentence and not self._good_since(last.first_s):
            self.failures[-1] = last._replace(last_s=time_s)
        else:
            self.failures.append(Failure(time_s, time_s, sentence))
        if len(self.failures) > FAILURES_KEPT:
            # of two that follow each other in the middle one remains, from the first's beginning
            first = self.failures.pop(FAILURES_KEPT // 2)
            second = self.failures[FAILURES_KEPT // 2]
            self.failures[FAILURES_KEPT // 2] = second._replace(first_s=first.first_s)

    def failing(self, moment_s: float) -> Optional[str]:
        """The failure at that moment, if no later good sample has healed it."""
        count = self.rows.place(moment_s)
        good = self.rows.slice(count - 1, count).times_s[0] if count else float("-inf")
        late = [each for each in self.failures if each.last_s > good and each.first_s <= moment_s]
        return late[-1].sentence if late else None

    def failures_in(self, start_s: float, end_s: float) -> List[str]:
        """Sentences of the failures inside a window, in order, each once."""
        inside = [f.sentence for f in self.failures if f.first_s <= end_s and f.last_s >= start_s]
        return list(dict.fromkeys(inside))

    def dropped_in(self, start_s: float, end_s: float) -> List[Failure]:
        """Values inside a window that were dropped because no such device can have shown them."""
        return [each for each in self.dropped if start_s <= each.first_s <= end_s]

    def around(self, start_s: float, end_s: float, margin_s: float, more: int = 1) -> Slice:
        """The samples of a window with `margin_s` on both sides and `more` at each end."""
        first = self.rows.before(start_s - margin_s) - more
        return self.rows.slice(first, self.rows.place(end_s + margin_s) + more)

    def piece(self, start_s: float, end_s: float) -> Optional[Piece]:
        """Energy of a window by sampled power, and powers between ticks; None without a sample.

        Full parts inside it have their pieces already; only samples at its ends are looked at.
        """
        if not len(self.rows):
            return None
        first, last = self._whole_parts(start_s, end_s)
        if last <= first:
            return self._from_rows(start_s, end_s)
        begun_s, ended_s = self._border_s(first), self._border_s(last)
        middle = list(self._tower.between(first, last))
        pieces = [self._from_rows(start_s, begun_s)] if begun_s > start_s else []
        pieces += middle
        pieces += [self._from_rows(ended_s, end_s)] if end_s > ended_s else []
        return joined(pieces, 0 if self.dithered else len(pieces) - 1)

    def scatter(self, start_s: float, end_s: float) -> Optional[Scatter]:
        """By how much the sequences of a dithered sampling disagree about a window."""
        return self.draws.scatter(start_s, end_s) if self.dithered else None

    def _by_its_own_moments(self) -> None:
        """A meter that sends values with their times is not looked at where the dither says."""
        self.dithered = False
        self._how = self._how._replace(dithered=False)
        self._tower = Tower(shared=1)

    def _keep(self, time_s: float, sample: Sample, stratum: Optional[Stratum]) -> None:
        start_s = stratum.start_s if self.dithered and stratum is not None else time_s
        watts = UNKNOWN if sample.watts is None else sample.watts
        joules = UNKNOWN if sample.joules is None else sample.joules
        if self.dithered and self._last is not None and self._last_watts == self._last_watts:
            last = self._last  # it stands for the time until this one's begins
            self.draws.add(last.start_s, start_s, self._last_watts, last.sequence, last.fresh)
        self.rows.append(time_s, start_s, watts, joules, sample.rails)
        self._last, self._last_watts = stratum, watts
        # a part behind the last full one has neighbours on both sides, which its rails need
        while len(self._tower) < len(self.rows.firsts_s) - 1:
            number = len(self._tower)
            self._tower.append(self._from_rows(self._border_s(number), self._border_s(number + 1)))

    def _whole_parts(self, start_s: float, end_s: float) -> Tuple[int, int]:
        """Numbers (first, last + 1) of the parts inside a window that have their pieces."""
        first, last = self.rows.part_at(start_s), min(self.rows.part_at(end_s), len(self._tower))
        return (first + 1 if self._border_s(first) < start_s else first), last

    def _border_s(self, number: int) -> float:
        """Where the stretch that a part stands for begins."""
        return self.rows.slice(number * PART, number * PART + 1).starts_s[0]

    def _from_rows(self, start_s: float, end_s: float) -> Piece:
        first, last = self.rows.before(start_s) - MARGIN, self.rows.place(end_s) + MARGIN
        return of(self.rows.slice(first, last), start_s, end_s, self._how)

    def _good_since(self, moment_s: float) -> bool:
        newest_s = self.rows.last_s()
        return newest_s is not None and newest_s > moment_s

    def _impossible(self, time_s: float, watts: Optional[float]) -> bool:
        """True of more power than the device can draw, which is noted."""
        most = ANY_WATTS if self._limit_watts is None else ALLOWED * self._limit_watts
        if watts is None or abs(watts) <= most:
            return False
        sentence = "{:.4g} W, more than the {:.4g} W that can be".format(watts, most)
        self.dropped.append(Failure(time_s, time_s, sentence))
        return True

    def _slow(self, span_s: float) -> bool:
        self._spans.append(span_s)
        if span_s <= self.period_s / 4:
            return False
        return span_s > 3 * sorted(self._spans)[len(self._spans) // 2]
