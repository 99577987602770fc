"""Gain, offset and lag from two traces: right, robust, honest; and what is refused."""

import random

import pytest
from rigs import staircases

from edgejoule.devices.calibration import fit, straight
from edgejoule.devices.trace import PowerTrace

SEEDS = range(1000, 1400)
COVERED = (0.93, 0.97)


def compare(stairs, reference, sensor):
    return fit.compare(reference, sensor, stairs.steps, stairs.end_s)


def assert_right(found, gain=1.07, offset=-0.4, lag_s=0.2):
    assert found.gain.value == pytest.approx(gain, rel=0.005)
    assert found.offset_watts.value == pytest.approx(offset, abs=0.05)
    assert found.lag_s.value == pytest.approx(lag_s, rel=0.1, abs=0.012)


def test_the_intervals_hold_the_truth_in_95_of_100_comparisons():
    """Of 1500 seeds 95.1 % (gain), 94.7 % (offset) and 95.6 % (lag) do."""
    hits = {"gain": 0, "offset_watts": 0, "lag_s": 0}
    for seed in SEEDS:
        found = compare(*staircases.pair(seed))._asdict()
        for name, truth in (("gain", 1.07), ("offset_watts", -0.4), ("lag_s", 0.2)):
            hits[name] += found[name].low <= truth <= found[name].high
    shares = {name: count / len(SEEDS) for name, count in hits.items()}
    assert all(COVERED[0] <= share <= COVERED[1] for share in shares.values()), shares


@pytest.mark.parametrize("lag_s", [0.05, 0.3, -0.2])
@pytest.mark.parametrize("hertz", [(10.0, 10.0), (3.0, 20.0), (50.0, 7.0)])
def test_lags_of_either_sign_and_different_rates(lag_s, hertz):
    found = compare(*staircases.pair(5, lag_s=lag_s, hertz=hertz, rounds=5))
    assert found.gain.value == pytest.approx(1.07, rel=0.005)
    assert abs(found.lag_s.value - lag_s) < 1.5 * found.lag_s.half() < 0.07


def test_misreads_are_left_out():
    stairs, reference, sensor = staircases.pair(2, rounds=4)
    dice = random.Random(3)
    watts = [dice.choice((0.0, 327.67)) if dice.random() < 0.01 else w for w in sensor.watts]
    assert watts != sensor.watts
    assert_right(compare(stairs, reference, sensor._replace(watts=watts)))


def test_a_plateau_on_which_something_else_ran_is_left_out():
    stairs, reference, sensor = staircases.pair(2, rounds=4)
    begun, ended = stairs.moments[8], stairs.moments[9]
    watts = [w + 3.0 * (begun < t < ended) for t, w in zip(reference.times_s, reference.watts)]
    found = compare(stairs, reference._replace(watts=watts), sensor)
    assert_right(found)
    assert "1 of 24 plateaus lay far off the line" in found.notes


def test_gaps_cost_their_plateaus_only():
    stairs = staircases.Staircase(random.Random(4), rounds=4)

    def away(moment_s):
        return 112.0 < moment_s < 124.0

    sensor = stairs.trace(10.0, lambda t: 1.07 * stairs.followed(t, 0.2) - 0.4, drop=away)
    found = compare(stairs, stairs.trace(10.0, stairs.watts), sensor)
    assert_right(found)
    assert found.plateaus < 24 and any("were not seen by both" in note for note in found.notes)


def test_a_power_that_rises_with_the_heat_is_no_error():
    stairs = staircases.Staircase(random.Random(6), rounds=4)

    def warm(moment_s):
        return 0.01 * (moment_s - staircases.BEGUN_S)

    reference = stairs.trace(10.0, lambda t: stairs.watts(t) + warm(t))
    sensor = stairs.trace(10.0, lambda t: 1.07 * (stairs.followed(t, 0.2) + warm(t - 0.2)) - 0.4)
    found = compare(stairs, reference, sensor)
    assert_right(found)
    assert found.notes == ()


def test_a_sensor_that_drifts_as_it_warms_says_so_and_its_interval_holds():
    stairs, reference, sensor = staircases.pair(7, rounds=4)
    spent = stairs.end_s - staircases.BEGUN_S
    watts = [
        w + 0.2 * (t - staircases.BEGUN_S) / spent for t, w in zip(sensor.times_s, sensor.watts)
    ]
    found = compare(stairs, reference, sensor._replace(watts=watts))
    assert "drifted by +0.1" in found.notes[0] or "drifted by +0.2" in found.notes[0]
    assert found.offset_watts.low < -0.4 and found.offset_watts.high > -0.2
    assert found.gain.low < 1.07 < found.gain.high


def test_a_bent_sensor_is_told_with_wider_intervals():
    stairs, reference, sensor = staircases.pair(8, rounds=4)
    straight_one = compare(stairs, reference, sensor)
    watts = [w + 0.01 * (w - 3.0) * (w - 14.0) for w in sensor.watts]
    bent = compare(stairs, reference, sensor._replace(watts=watts))
    assert "no straight line" in bent.notes[0]
    assert bent.gain.half() > 3 * straight_one.gain.half()


def test_a_moving_average_trails_by_half_its_length():
    stairs = staircases.Staircase(random.Random(9), rounds=4, hold_s=6.0)

    def averaged(moment_s):
        return sum(stairs.watts(moment_s - (n + 0.5) / 50) for n in range(50)) / 50

    found = compare(stairs, stairs.trace(20.0, stairs.watts), stairs.trace(20.0, averaged))
    assert_right(found, 1.0, 0.0, 0.5)


def test_levels_too_close_are_refused():
    with pytest.raises(RuntimeError, match=r"moved the meter by 0\.\d+ W only .* told apart"):
        compare(*staircases.pair(1, low=10.0, high=10.6))


def test_a_silent_device_is_refused():
    stairs, reference, sensor = staircases.pair(1)
    with pytest.raises(RuntimeError, match="too little .* the sensor gave 0 values;"):
        compare(stairs, reference, PowerTrace((), ()))
    with pytest.raises(RuntimeError, match="the meter gave [0-9] values"):
        late = PowerTrace(reference.times_s[-15:], reference.watts[-15:])
        compare(stairs, late, sensor)


def test_a_sensor_that_stands_still_is_refused():
    stairs, reference, sensor = staircases.pair(1)
    stuck = sensor._replace(watts=[5.0] * len(sensor.watts))
    with pytest.raises(RuntimeError, match="the sensor stood at 5 W while the meter went from"):
        compare(stairs, reference, stuck)


def test_a_meter_of_something_else_is_refused():
    stairs, reference, sensor = staircases.pair(1)
    dice = random.Random(2)
    other = [dice.uniform(3.0, 14.0) for _ in reference.watts]
    with pytest.raises(RuntimeError, match="the meter did not follow the load"):
        compare(stairs, reference._replace(watts=other), sensor)


@pytest.mark.parametrize("shift_s,way", [(1.0, "behind"), (-1.2, "ahead of")])
def test_clocks_that_disagree_are_refused(shift_s, way):
    stairs, reference, sensor = staircases.pair(1)
    moved = [t + shift_s for t in reference.times_s]
    with pytest.raises(RuntimeError, match="the meter is .* s {} the load: its clock".format(way)):
        compare(stairs, reference._replace(times_s=moved), sensor)


def test_clocks_that_run_apart_are_refused():
    stairs, reference, sensor = staircases.pair(1, rounds=6)
    begun = staircases.BEGUN_S
    times = [begun + (t - begun) * 1.002 for t in reference.times_s]
    with pytest.raises(RuntimeError, match=r"run apart by 0\.1\d* s a minute"):
        compare(stairs, reference._replace(times_s=times), sensor)


def test_a_lag_too_long_for_the_steps_asks_for_longer_ones():
    with pytest.raises(RuntimeError, match="--hold"):
        compare(*staircases.pair(1, lag_s=0.6))


def test_students_t():
    """Against the table in Abramowitz and Stegun, 26.10."""
    table = {4: 2.776, 5: 2.571, 10: 2.228, 22: 2.074, 60: 2.000}
    for freedom, wanted in table.items():
        assert straight.student(freedom) == pytest.approx(wanted, abs=0.008)


def test_a_line_needs_three_points_at_two_places():
    with pytest.raises(ValueError, match="it takes 3"):
        straight.line([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="the same x"):
        straight.line([1.0] * 4, [1.0, 2.0, 3.0, 4.0])
