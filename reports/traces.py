"""A run's power trace: read with checks, thinned without losing a peak.

`trace.json` beside a record: {"schema": 1, "rail", "times_s", "watts"}, times on a monotonic clock.
"""

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from edgejoule.reports.words import plain

SCHEMA = 1
MOST_BYTES = 32 << 20  # of a file; larger ones are linked, not drawn
BUCKETS = 240  # along the time axis, a least and a largest value each: 1.5 pixels of a figure
GAP = 10.0  # times the usual period: no line is drawn across
SHORTEST_GAP_S = 1.0  # a pause that any scheduler may cause is not a gap


class Trace(NamedTuple):
    """Samples of one rail: `times_s` [n] from the first on, which was at `begun_s`; `watts` [n]."""

    times_s: np.ndarray
    watts: np.ndarray
    rail: str
    begun_s: float

    @property
    def seconds(self) -> float:
        """From the first to the last sample."""
        return float(self.times_s[-1])


def read(path: Path) -> Optional[Trace]:
    """The trace in a file, None if it holds no two samples at different times.

    Raises:
        ValueError: it is no trace, in one sentence.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ValueError("it is {:.0f} MB, larger than is drawn here".format(size / 1e6))
        document = json.loads(path.read_bytes().decode("utf8"))
    except OSError as error:
        raise ValueError(
            "it cannot be opened: {}".format(error.strerror or "no reason given")
        ) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError("it is not JSON: {}".format(plain(error)[:120])) from None
    return _trace(document)


def _trace(document: Any) -> Optional[Trace]:
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError("it is no power trace of schema {}".format(SCHEMA))
    times, watts = _numbers(document, "times_s"), _numbers(document, "watts")
    if len(times) != len(watts):
        raise ValueError("it has {} times and {} watts".format(len(times), len(watts)))
    if len(times) and (np.diff(times) < 0).any():
        raise ValueError("its times run backwards")
    if len(times) < 2 or times[-1] <= times[0]:
        return None
    return Trace(times - times[0], watts, plain(document.get("rail") or ""), float(times[0]))


def _numbers(document: Dict, name: str) -> np.ndarray:
    values = document.get(name)
    if not isinstance(values, list) or not all(type(each) in (int, float) for each in values):
        raise ValueError("{} is no list of numbers".format(name))
    try:
        found = np.array(values, float)
    except OverflowError:  # a whole number of 400 digits
        raise ValueError("{} holds a number beyond all measure".format(name)) from None
    if not (np.abs(found) < 1e15).all():  # written so that NaN, which is below nothing, fails too
        raise ValueError("{} holds a number beyond all measure".format(name))
    return found


def thinned(trace: Trace, buckets: int = BUCKETS) -> List[List[Tuple[float, float]]]:
    """Lines of (seconds, watts): of every bucket of time the least and the largest, in order.

    The first and the last sample of a line stay, so no line is shortened; a line ends at a gap in
    the samples. Peaks keep their exact place and height.
    """
    width = trace.seconds / buckets
    return [_line(trace, low, high, width) for low, high in _pieces(trace.times_s, buckets)]


def _pieces(times: np.ndarray, most: int) -> List[Tuple[int, int]]:
    """(first, one past the last) of every stretch without a gap; one if there are too many."""
    steps = np.diff(times)
    limit = max(GAP * float(np.median(steps)), SHORTEST_GAP_S)
    edges = [0] + [int(place) + 1 for place in np.flatnonzero(steps > limit)] + [len(times)]
    if len(edges) > most // 4:
        edges = [0, len(times)]
    return list(zip(edges, edges[1:]))


def _line(trace: Trace, low: int, high: int, width: float) -> List[Tuple[float, float]]:
    times, watts = trace.times_s[low:high], trace.watts[low:high]
    starts = np.flatnonzero(np.diff((times / width).astype(int), prepend=-1))
    kept = {0, len(times) - 1}
    for first, last in zip(starts, list(starts[1:]) + [len(times)]):
        kept.add(int(first + watts[first:last].argmin()))
        kept.add(int(first + watts[first:last].argmax()))
    return [(float(times[place]), float(watts[place])) for place in sorted(kept)]
