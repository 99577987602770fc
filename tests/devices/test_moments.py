"""Moments of sampling: strata, draws, grids; and what their scatter says."""

import math
import random

import pytest

from edgejoule.devices.energy import moments, scatter
from edgejoule.devices.energy.moments import EDGE, LENGTHS, SEQUENCES, Dither, Grid
from edgejoule.devices.energy.scatter import Draws
from edgejoule.devices.reading import DeviceInfo

INFO = DeviceInfo("fake", "fake")


def strata(count, period_s=0.05, seed=1, begun_s=10.0):
    plan, now = Dither(period_s, random.Random(seed)), begun_s
    plan.begin(begun_s)
    for _ in range(count):
        found = plan.next(now)
        now = found.at_s
        yield found


def test_every_stratum_is_looked_at_once_and_the_sequences_take_turns():
    for number, stratum in enumerate(strata(2000)):
        assert stratum.start_s == pytest.approx(10.0 + 0.05 * number)
        assert 0.0 <= stratum.at_s - stratum.start_s < 0.05 + 1e-9
        assert stratum.sequence == number % SEQUENCES


def test_a_sequence_steps_by_the_golden_mean_until_it_is_drawn_anew():
    looks = list(strata(SEQUENCES * sum(LENGTHS)))
    fresh = [number for number, stratum in enumerate(looks) if stratum.fresh]
    assert fresh == [SEQUENCES * sum(LENGTHS[:k]) for k in range(len(LENGTHS))]
    parts = [(s.at_s - s.start_s) / 0.05 for s in looks[: SEQUENCES * LENGTHS[0]]]
    for early, late in zip(parts, parts[SEQUENCES:]):
        assert (late - early) % 1.0 == pytest.approx(moments.GOLDEN, abs=1e-6)


def test_moments_fill_the_stratum_evenly():
    parts = [(s.at_s - s.start_s) / 0.05 for s in strata(40000)]
    for k in range(10):
        share = sum(k / 10 <= part < (k + 1) / 10 for part in parts) / len(parts)
        assert share == pytest.approx(0.1, abs=0.005)


def test_what_was_missed_is_left_out_and_an_edge_begins_anew():
    plan = Dither(0.1, random.Random(2))
    plan.begin(0.0)
    plan.next(0.0)
    late = plan.next(5.03)
    assert late.at_s >= 5.03 and late.start_s in (pytest.approx(5.0), pytest.approx(5.1))
    plan.begin(7.77)
    first = plan.next(7.77)
    assert first.start_s == 7.77 and first.fresh and first.sequence == 0


def test_two_meters_look_at_different_moments():
    assert [s.at_s for s in strata(4, seed=1)] != [s.at_s for s in strata(4, seed=2)]
    state = random.getstate()
    moments.plan(INFO, 0.1).next(0.0)
    assert random.getstate() == state  # the caller's own dice stay where they are


@pytest.mark.parametrize(
    "info,kind",
    [
        (INFO, Dither),
        (INFO._replace(update_s=0.02), Dither),
        (INFO._replace(update_s=0.1), Grid),  # read as often as it is renewed: nothing to dither
        (INFO._replace(sensing="average"), Grid),
        (INFO._replace(sensing="counter"), Grid),
    ],
)
def test_how_a_sensor_senses_decides_how_it_is_sampled(info, kind):
    assert isinstance(moments.plan(info, 0.1), kind)


def test_a_grid_keeps_its_phase_only_where_the_register_is_slow():
    for slow in (False, True):
        grid = Grid(0.1, slow)
        grid.begin(0.0)
        assert grid.next(0.31).at_s == pytest.approx(0.4)
        grid.begin(0.35)
        assert grid.next(0.36).at_s == pytest.approx(0.4 if slow else 0.45)


def drawn(powers, fresh_every=40, looks=40, seconds=0.1):
    """Draws of looks whose sequence j always shows powers[j]."""
    found = Draws()
    for i in range(looks):
        start = seconds * i
        found.add(start, start + seconds, powers[i % SEQUENCES], i % SEQUENCES, not i % fresh_every)
    return found


def test_sequences_that_agree_leave_no_doubt():
    assert drawn([8.0] * SEQUENCES).scatter(0.0, 4.0) is None


def test_the_scatter_is_the_variance_of_the_sequences_mean():
    found = drawn([6.0, 10.0, 6.0, 10.0]).scatter(0.0, 4.0)
    variance = 16.0 / 3.0 / SEQUENCES * 4.0**2  # of four values round 8, over four, times s^2
    assert found.variance == pytest.approx(variance) and found.freedom == pytest.approx(3.0)


def test_draws_add_up_and_so_does_their_freedom():
    found = drawn([6.0, 10.0, 6.0, 10.0], fresh_every=40, looks=120).scatter(0.0, 12.0)
    one = 16.0 / 3.0 / SEQUENCES * 4.0**2
    assert found.variance == pytest.approx(3 * one) and found.freedom == pytest.approx(9.0)


def test_an_edge_weighs_nothing():
    found = drawn([6.0, 10.0, 6.0, 10.0])
    before = found.scatter(0.0, 4.0)
    found.add(4.0, 4.0, 99.0, EDGE, True)
    assert found.scatter(0.0, 4.0) == pytest.approx(before)


@pytest.mark.parametrize("freedom,truth", [(3, 3.182), (4, 2.776), (6, 2.447), (10, 2.228)])
def test_students_quantile(freedom, truth):
    assert scatter.quantile(freedom) == pytest.approx(truth, rel=0.008)
    assert scatter.quantile(1e9) == pytest.approx(1.96, abs=1e-3)


def test_a_locked_load_is_met_evenly():
    """A load of exactly the sampling period, on for half of it: a grid sees one of its levels."""
    looks = list(strata(1200))
    share = sum(math.fmod(s.at_s / 0.05, 1.0) < 0.5 for s in looks) / len(looks)
    assert share == pytest.approx(0.5, abs=0.03)
