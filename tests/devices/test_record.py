"""Columns of samples and runs of failures."""

import random

import pytest

from edgejoule.devices.energy import moments, pieces, recorded_trace, rows, window
from edgejoule.devices.energy.record import FAILURES_KEPT, Record
from edgejoule.devices.energy.rows import PART
from edgejoule.devices.energy.table import Table
from edgejoule.devices.proof import virtual_time
from edgejoule.devices.reading import DeviceInfo, Sample


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


def test_a_rail_that_appears_late_is_unknown_before():
    record = Record(0.1)
    record.add(0.0, 0.0, Sample(watts=1.0))
    record.add(0.1, 0.1, Sample(watts=1.0, rails={"GPU": 0.5}))
    record.add(0.2, 0.2, Sample(watts=1.0))
    column = list(record.rows.slice(0, 3).rails["GPU"])
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


def test_failures_that_come_and_go_for_days_stay_few():
    record = Record(0.1)
    for i in range(3 * FAILURES_KEPT):
        record.add(float(i), float(i), Sample(watts=1.0))
        record.fail(i + 0.5, "gone")
    assert len(record.failures) <= FAILURES_KEPT
    assert record.failures[0].first_s == 0.5 and record.failures_in(100.0, 101.0) == ["gone"]


def filled(count, dithered, rails=3):
    """A record of so many samples, and the same as (times, starts, watts, rails)."""
    info = virtual_time.info(period_s=0.05)
    record = Record(0.05, info, dithered)
    plan = moments.plan(info if dithered else info._replace(sensing="average"), 0.05)
    dice, now, kept = random.Random(4), 0.0, []
    plan.begin(now)
    for i in range(count):
        stratum = plan.next(now)
        now = stratum.at_s
        named = {"r{}".format(k): dice.random() for k in range(rails) if k == 0 or (i + k) % 3}
        sample = Sample(watts=4.0 + 8.0 * dice.random(), rails=named)
        assert record.add(now, now, sample, stratum)
        kept.append((now, stratum.start_s if dithered else now, sample))
    return record, kept, info


@pytest.mark.parametrize("dithered", [False, True])
def test_a_record_that_is_mostly_on_disk_gives_what_going_through_all_samples_does(dithered):
    """Windows of any length, from the pieces of full parts and from the samples at the ends."""
    record, kept, _ = filled(7 * PART, dithered)
    everything = record.rows.slice(0, len(record))
    dice, last_s = random.Random(8), kept[-1][0]
    for _ in range(60):
        start, end = sorted(dice.uniform(0.0, last_s) for _ in range(2))
        one = pieces.of(everything, start, end, pieces.Sampling(0.15, dithered, 0.0))
        two = record.piece(start, end)
        assert two.area.joules == pytest.approx(one.area.joules, rel=1e-9)
        assert two.area.peak_watts == one.area.peak_watts
        assert two.area.samples == pytest.approx(one.area.samples, abs=7 if dithered else 0)
        assert set(two.rails) == set(one.rails) == {"r0", "r1", "r2"}
        for name in one.rails:
            assert two.rails[name] == pytest.approx(one.rails[name], rel=1e-9)


def test_full_parts_are_not_kept_in_memory():
    record, kept, _ = filled(3 * PART + 5, True)
    assert len(record.rows.firsts_s) == 3 and record.rows.trouble is None
    part = record.rows.slice(PART - 2, PART + 2)
    assert list(part.times_s) == [time_s for time_s, _, _ in kept[PART - 2 : PART + 2]]
    assert list(part.rails["r0"]) == [s.rails["r0"] for _, _, s in kept[PART - 2 : PART + 2]]


def test_a_disk_that_takes_nothing_costs_no_sample(monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rows.os, "pwrite", refuse)
    record, kept, info = filled(2 * PART + 5, True)
    assert "No space left on device" in record.rows.trouble
    assert window.reading(record, info, 1.0, kept[-1][0]).coverage == 1.0


BOARD = DeviceInfo("fake", "fake", "IN", "module", period_s=0.1, limit_watts=15.0)


@pytest.mark.parametrize("watts", [163.8, 4294967.295, -200.0])
def test_a_value_that_no_such_board_can_show_is_dropped_and_told(watts):
    record = Record(0.1, BOARD)
    for i in range(601):
        record.add(0.1 * i, 0.1 * i, Sample(watts=watts if i == 300 else 4.4))
    reading = window.reading(record, BOARD, 0.0, 60.0)
    assert reading.joules == pytest.approx(4.4 * 60.0)
    assert reading.status == "degraded" and "1 sample dropped" in reading.reason
    assert window.reading(record, BOARD, 40.0, 60.0).status == "ok"


def test_a_board_without_a_known_limit_drops_what_no_device_draws():
    record = Record(0.1)
    assert record.add(0.0, 0.0, Sample(watts=900.0))
    assert not record.add(0.1, 0.1, Sample(watts=4294967.295))


def test_values_that_come_with_their_own_times_lie_on_a_line():
    """A bench meter's lines are read at dithered moments, and are of others."""
    record, plan, now = Record(0.05, BOARD, True), moments.Dither(0.05, random.Random(3)), 0.0
    plan.begin(now)
    for _ in range(3 * PART):
        stratum = plan.next(now)
        now = stratum.at_s
        record.add(now, now, Sample(watts=2.0 + 0.1 * (now - 0.3), time_s=now - 0.3), stratum)
    end = now - 0.3
    assert not record.dithered and record.scatter(1.0, end) is None
    piece = record.piece(1.0, end)
    assert piece.area.joules == pytest.approx(2.0 * (end - 1.0) + 0.05 * (end**2 - 1.0), rel=1e-9)


def test_a_look_at_an_edge_begins_when_it_was_asked_for_and_so_does_what_follows():
    """The read takes its time; strata that ran backwards made traces that cannot be played."""
    record, plan = Record(0.05, BOARD, True), moments.Dither(0.05, random.Random(3))
    for begun in (1.0, 1.3, 1.31, 2.0):
        plan.begin(begun)
        record.add(begun, begun + 0.004, Sample(watts=4.0), moments.edge(begun))
        for _ in range(3 if begun != 1.3 else 0):
            stratum = plan.next(begun + 0.004)
            record.add(stratum.at_s, stratum.at_s + 0.001, Sample(watts=4.0), stratum)
    trace = recorded_trace.trace(record, None)
    assert list(trace.times_s) == sorted(trace.times_s)
    assert trace.times_s[0] == 1.0 and trace.joules(1.0, 2.0) == pytest.approx(4.0)
