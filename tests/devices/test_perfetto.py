"""Timelines: valid for Perfetto, playable for us, small however long the trace."""

import io
import json
import tracemalloc

import pytest
from rigs import trace_events

from edgejoule.devices.exports import perfetto
from edgejoule.devices.exports.perfetto import Counter, Slice
from edgejoule.devices.trace import PowerTrace

TRACE = PowerTrace((10.0, 11.0, 11.0, 12.0), (5.0, 5.0, 9.0, 9.0), "VDD_IN")


def written(trace=TRACE, slices=(), counters=(), title="a title"):
    file = io.StringIO()
    perfetto.write(file, title, trace, slices, counters)
    return file.getvalue()


def test_the_file_is_a_timeline_and_plays():
    text = written(slices=[Slice("run 1", 10.5, 11.5, {"joules": 7.0, "status": "ok"})])
    document = trace_events.checked(text)
    assert trace_events.slices(document) == [("run 1", 10.5, 11.5)]
    assert trace_events.counter(document, "power VDD_IN") == [(10.0, 5.0), (11.0, 9.0), (12.0, 9.0)]
    assert PowerTrace.from_json(text) == TRACE
    assert json.loads(TRACE.to_json()) == {
        key: value for key, value in document.items() if key != "traceEvents"
    }


def test_an_empty_trace_is_a_timeline_too():
    document = trace_events.checked(written(PowerTrace((), ()), [Slice("x", 1.0, 2.0)]))
    assert document["times_s"] == [] and len(document["traceEvents"]) == 3


def test_other_counters_stand_beside_the_power():
    document = trace_events.checked(written(counters=[Counter("hottest", "C", (10.0,), (45.5,))]))
    assert trace_events.counter(document, "hottest") == [(10.0, 45.5)]


def test_names_may_be_any_text():
    document = trace_events.checked(written(title='é "q" \\ \t', slices=[Slice("ü", 1.0, 2.0)]))
    assert document["traceEvents"][0]["args"]["name"] == 'é "q" \\ \t'


def test_slices_are_nested_after_rounding():
    found = perfetto.nested(
        [
            Slice("epoch 2", 1.5000004, 2.0000004),
            Slice("phase", 1.0, 2.0),
            Slice("epoch 1", 1.0, 1.5),
            Slice("late", 2.0, 3.0),
        ]
    )
    assert [each[:3] for each in found] == [
        ("phase", 1000000, 2000000),
        ("epoch 1", 1000000, 1500000),
        ("epoch 2", 1500000, 2000000),
        ("late", 2000000, 3000000),
    ]


def test_a_slice_that_sticks_out_is_cut():
    assert [each[2] for each in perfetto.nested([Slice("a", 0, 2), Slice("b", 1, 3)])] == [2e6, 2e6]


def test_the_checker_finds_what_is_wrong():
    for wrong in ('{"schema": 1, "traceEvents": []}', written().replace('"ts": 10', '"ts": -10')):
        with pytest.raises(AssertionError):
            trace_events.checked(wrong)
    beside = [Slice("a", 0, 2), Slice("b", 3, 4)]
    overlapping = written(slices=beside).replace('"dur": 2000000', '"dur": 3500000')
    with pytest.raises(AssertionError, match="overlap"):
        trace_events.checked(overlapping)


def test_thinning_keeps_every_peak_and_both_ends():
    values = [5.0] * 1000
    values[333], values[777], values[0], values[-1] = 99.0, 1.0, 6.0, 7.0
    points = list(perfetto.thinned(list(range(1000)), values, 100))
    assert len(points) <= 101 and points == sorted(points)
    assert {(333, 99.0), (777, 1.0), (0, 6.0), (999, 7.0)} <= set(points)
    assert list(perfetto.thinned((1, 2), (3, 4), 100)) == [(1, 3), (2, 4)]


class Ramp:
    """A sequence that takes no memory."""

    def __init__(self, count, step):
        self.count, self.step = count, step

    def __len__(self):
        return self.count

    def __getitem__(self, place):
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(self.count))]
        return place % 1000 * self.step if 0 <= place < self.count else [][0]


class Counted(io.TextIOBase):
    """Takes text and keeps its length."""

    def __init__(self):
        self.length = 0

    def write(self, text):
        self.length += len(text)
        return len(text)


def test_a_long_trace_is_written_as_it_goes():
    count = 300000
    trace = PowerTrace(range(count), Ramp(count, 0.01), "x")
    tracemalloc.start()
    file = Counted()
    perfetto.write(file, "long", trace)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert file.length > 4e6 and peak < 2e6
    assert "every peak" in perfetto.remark(trace) and not perfetto.remark(TRACE)
