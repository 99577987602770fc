"""A power trace that is also a timeline: one file to open in ui.perfetto.dev and to play again.

The file is a JSON object of the Trace Event Format: power and temperatures as counters, windows
as slices. Behind the events stand the keys of a power trace (see `trace`), so that the file plays
with --fake-power. Times are those of the trace, in whole microseconds, so a slice that lies in
another lies in it after rounding too.

Two things keep Perfetto able to read it. "traceEvents" comes first: its tokenizer ends at the
first key of the object that it does not know. In every event "ph" and "ts" come first and no
character is escaped by its number: it looks for them with a scanner that knows no such escapes.
"""

import json
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence, TextIO, Tuple

from edgejoule.devices.trace import SCHEMA, PowerTrace

PID, TID = 1, 1  # of the one process and the one thread that a timeline has
MOST = 100000  # events of one counter; more makes the page slow and shows nothing more
CHUNK = 4096  # numbers turned into text at once: a day of samples must not stand in memory twice
MICROSECONDS = 1e6

Event = Dict[str, Any]


class Slice(NamedTuple):
    """A named stretch from `start_s` to `end_s`, with what is to be known of it."""

    name: str
    start_s: float
    end_s: float
    facts: Dict[str, Any] = {}


class Counter(NamedTuple):
    """A value over time: `times_s` [n], non-decreasing, and `values` [n] of that unit."""

    name: str
    unit: str
    times_s: Sequence[float]
    values: Sequence[float]


def write(
    file: TextIO,
    title: str,
    trace: PowerTrace,
    slices: Iterable[Slice] = (),
    counters: Iterable[Counter] = (),
) -> None:
    """Write a trace with its timeline; `counters` come on top of the trace's own power."""
    file.write('{"traceEvents": [')
    separator = "\n"
    for event in events(title, [power(trace)] + list(counters), slices):
        file.write(separator + json.dumps(event, ensure_ascii=False))
        separator = ",\n"
    file.write('\n],\n"schema": {}, "rail": {},\n'.format(SCHEMA, json.dumps(trace.rail)))
    # a read takes tens of microseconds, and a register's step is 1 mW at least
    _column(file, "times_s", trace.times_s, 6)
    file.write(",\n")
    _column(file, "watts", trace.watts, 4)
    file.write("}\n")


def power(trace: PowerTrace) -> Counter:
    """The counter of a trace's watts, named after its rail."""
    name = "power {}".format(trace.rail) if trace.rail else "power"
    return Counter(name, "W", trace.times_s, trace.watts)


def remark(trace: PowerTrace) -> str:
    """A sentence if the timeline shows a part of the samples, "" if it shows all."""
    if len(trace.times_s) <= MOST:
        return ""
    return (
        "the trace has {} samples, of which its timeline shows {} at most, every peak among them; "
        "played, it has them all".format(len(trace.times_s), MOST)
    )


def events(title: str, counters: Iterable[Counter], slices: Iterable[Slice]) -> Iterator[Event]:
    """Every event of a timeline: names, slices from the outermost in, counters by time."""
    yield _named("process_name", title)
    yield _named("thread_name", "windows")
    for name, start_us, end_us, facts in nested(slices):
        yield {
            "ph": "X",
            "ts": start_us,
            "dur": end_us - start_us,
            "pid": PID,
            "tid": TID,
            "name": name,
            "args": facts,
        }
    for counter in counters:
        for time_us, value in steps(thinned(counter.times_s, counter.values)):
            args = {counter.unit: value}
            yield {"ph": "C", "ts": time_us, "pid": PID, "name": counter.name, "args": args}


def nested(slices: Iterable[Slice]) -> List[Tuple[str, int, int, Dict[str, Any]]]:
    """(name, start, end, facts) in microseconds, in order, each inside or beside every other.

    What reaches beyond the slice that it begins in is cut there: Perfetto would drop it.
    """
    found: List[Tuple[str, int, int, Dict[str, Any]]] = []
    around: List[int] = []  # ends of the slices that the present one begins in
    ordered = sorted(slices, key=lambda each: (_us(each.start_s), -_us(each.end_s)))
    for name, start_s, end_s, facts in ordered:
        start, end = _us(start_s), max(_us(end_s), _us(start_s))
        while around and around[-1] <= start:
            around.pop()
        end = min([end] + around[-1:])
        around.append(end)
        found.append((name, start, end, facts))
    return found


def thinned(
    times_s: Sequence[float], values: Sequence[float], most: int = MOST
) -> Iterator[Tuple[float, float]]:
    """(time, value): all, or the least and the greatest of every bucket, and the last."""
    size = -(-2 * len(values) // most)  # samples a bucket, rounded up
    if size <= 2:
        yield from zip(times_s, values)
        return
    for first in range(0, len(values), size):
        bucket = range(first, min(first + size, len(values)))
        places = {min(bucket, key=values.__getitem__), max(bucket, key=values.__getitem__)}
        if bucket[-1] == len(values) - 1:
            places.add(bucket[-1])
        yield from ((times_s[place], values[place]) for place in sorted(places))


def steps(points: Iterable[Tuple[float, float]]) -> Iterator[Tuple[int, float]]:
    """(microseconds, value) of points at which a counter changes, and the last.

    A counter holds its value until the next event; of several at one moment the last counts.
    """
    shown, waiting = None, None
    for time_s, value in points:
        if value != value:  # NaN is no JSON
            continue
        point = (_us(time_s), round(value, 4))
        if waiting is not None and waiting[0] != point[0] and waiting[1] != shown:
            yield waiting
            shown = waiting[1]
        waiting = point
    if waiting is not None:
        yield waiting


def _named(kind: str, name: str) -> Event:
    return {"ph": "M", "ts": 0, "pid": PID, "tid": TID, "name": kind, "args": {"name": name}}


def _us(seconds: float) -> int:
    return int(round(seconds * MICROSECONDS))


def _column(file: TextIO, name: str, values: Sequence[float], digits: int) -> None:
    """A list of numbers of our own format, a chunk at a time."""
    file.write('"{}": ['.format(name))
    for first in range(0, len(values), CHUNK):
        text = ", ".join(repr(round(each, digits)) for each in values[first : first + CHUNK])
        file.write((", " if first else "") + text)
    file.write("]")
