"""Columns of samples and runs of failures."""

from edgejoule.devices.energy.record import Record
from edgejoule.devices.energy.table import Table
from edgejoule.devices.reading import Sample


def test_a_slow_read_is_dropped_and_counted():
    record = Record(0.1)
    for i in range(20):
        assert record.add(i * 0.1, i * 0.1 + 0.001, Sample(watts=1.0))
    assert not record.add(2.0, 2.08, Sample(watts=1.0))
    assert record.rejected == 1 and len(record) == 20


def test_a_value_no_newer_than_the_last_is_not_stored_twice():
    record = Record(0.1)
    assert record.add(1.0, 1.0, Sample(watts=1.0, time_s=0.9))
    assert not record.add(1.1, 1.1, Sample(watts=1.0, time_s=0.9))
    assert len(record) == 1


def test_a_value_that_waited_to_be_read_is_in_the_trace_though_the_moment_was_random():
    record = Record(0.1)
    record.stray(1.0, 1.001, Sample(watts=1.0))
    record.stray(1.1, 1.101, Sample(watts=2.0, time_s=1.1005, span_s=0.001))
    record.stray(1.2, 1.201, Sample(watts=3.0, time_s=1.15, span_s=0.0))
    assert [watts for _, watts in record.strays] == [1.0, 2.0]
    assert (list(record.times_s), list(record.watts)) == ([1.15], [3.0])


def test_a_rail_that_appears_late_is_unknown_before():
    record = Record(0.1)
    record.add(0.0, 0.0, Sample(watts=1.0))
    record.add(0.1, 0.1, Sample(watts=1.0, rails={"GPU": 0.5}))
    record.add(0.2, 0.2, Sample(watts=1.0))
    column = list(record.rails.columns(0, 3)["GPU"])
    assert column[0] != column[0] and column[1] == 0.5 and column[2] != column[2]


def test_a_table_is_cut_by_row_and_column():
    table = Table()
    for i in range(5):
        table.append({"a": float(i), "b": 10.0 * i})
    found = table.columns(1, 4)
    assert list(found["a"]) == [1.0, 2.0, 3.0] and list(found["b"]) == [10.0, 20.0, 30.0]
    table.append({"c": 7.0})
    assert list(table.columns(4, 6)["c"])[1] == 7.0 and list(table.columns(4, 6)["b"])[0] == 40.0


def test_the_same_failure_for_hours_is_one_entry():
    record = Record(0.1)
    for i in range(10000):
        record.fail(i * 0.125, "gone")
    assert record.failures == [(0.0, 1249.875, "gone")]
    assert record.failures_in(500.0, 501.0) == ["gone"]
    assert record.failing(600.0) == "gone"


def test_a_good_sample_heals():
    record = Record(0.1)
    record.fail(1.0, "gone")
    record.add(2.0, 2.0, Sample(watts=1.0))
    assert record.failing(1.5) == "gone"
    assert record.failing(2.5) is None
    assert record.failures_in(1.8, 3.0) == []


def test_slices_reach_one_sample_beyond_the_margin():
    record = Record(0.1)
    for i in range(100):
        record.add(float(i), float(i), Sample(watts=float(i)))
    part = record.around(50.5, 52.5, 1.0)
    assert part.times_s[0] <= 49.5 and part.times_s[-1] >= 53.5
    assert len(part.times_s) < 10
