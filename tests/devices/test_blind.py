"""A sensor that looks part of the time: found by a load of known edges, and seen through."""

import random

import pytest
from rigs.blind_sensor import Machine, Sensor
from rigs.hand_clock import HandClock
from rigs.virtual_clock import virtual_clock

from edgejoule.devices.calibration import blind, experiment, shifted
from edgejoule.devices.meter import Meter
from edgejoule.devices.proof.synthetic import Pattern

# (update, mean over, time constant of a low-pass), seconds
ORDINARY = ((0.1, 0.1, None), (0.02, 0.02, None), (0.1, 1.0, None), (0.0066, None, 0.42))
SLOW = pytest.mark.slow
A100 = {"update_s": 0.1, "mean_s": 0.025}


def watched(seed, update_s, mean_s, tau_s=None, **options):
    """The response of a sensor of unknown phase, whose values are off by 1 % of the load's step."""
    clock = HandClock(5000.0 + random.Random(seed).random())
    machine = Machine(clock)
    device = Sensor(
        machine,
        update_s,
        mean_s,
        tau_s,
        phase=random.Random(seed + 1).random(),
        **dict({"noise": 2.0, "step": 0.1, "seed": seed, "read_s": 0.0005}, **options),
    )
    return experiment.watch(device, machine.turn, clock, update_s)


def holds(interval, truth):
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize("update_s, mean_s", [(0.1, 0.025), (0.02, 0.01), (0.1, 0.02)])
@pytest.mark.parametrize("seed", range(8))
def test_a_blind_window_is_found(update_s, mean_s, seed):
    found = watched(seed, update_s, mean_s, late_s=0.03 * (seed % 2))
    assert found.blind()
    assert abs(found.window_s.value - mean_s) < 0.005
    assert abs(found.update_s.value - update_s) < 0.005
    assert holds(found.window_s, mean_s) and found.window_s.high < mean_s + 0.005
    lag_s = 0.03 * (seed % 2) + (mean_s + update_s) / 2
    assert found.lag_s.value == pytest.approx(lag_s, abs=0.003)


@pytest.mark.parametrize(
    "seeds", [range(12)] + [pytest.param(range(n, n + 50), marks=SLOW) for n in range(0, 200, 50)]
)
def test_no_ordinary_sensor_is_called_blind(seeds):
    """Over 200 seeds; and their sizes lie in the intervals that are told for 95 %."""
    held = 0
    for seed in seeds:
        update_s, mean_s, tau_s = ORDINARY[seed % len(ORDINARY)]
        found = watched(seed, update_s, mean_s, tau_s)
        assert not found.blind()
        size = found.window_s if mean_s else found.rise_s
        assert size.value == pytest.approx(mean_s or tau_s, rel=0.05, abs=0.001)
        assert found.model == ("window" if mean_s else "first order")
        held += holds(size, mean_s or tau_s)
    assert held >= 0.89 * len(seeds)  # 95 % of 50, less two standard deviations


@pytest.mark.parametrize("seed", range(4))
def test_a_load_that_rises_slowly_is_no_longer_window(seed):
    """The machine's own watts follow its load by 10 ms; the sensor sees 25 of 100 ms of them."""
    found = watched(seed, 0.1, 0.025, rise_s=0.01)
    assert found.blind() and holds(found.window_s, 0.025)
    assert abs(found.window_s.value - 0.025) < 0.005


def test_a_load_that_does_not_show_is_given_up_early():
    clock = HandClock(5000.0)
    machine = Machine(clock, rest=60.0, full=60.4)
    begun = clock.now()
    assert experiment.watch(Sensor(machine, **A100), machine.turn, clock) is None
    assert clock.now() - begun < 5.0


def truth(pattern):
    return pattern.cycle_joules / pattern.period_s


def locked(chance):
    """A load in step with a sensor of 100 ms: 90 to 250 W, a period of 20 to 200 ms."""
    period_s = 0.1 * chance.choice((1.0, 1.0, 1.0, 0.5, 0.25, 2.0, 2 / 3))
    duty = chance.uniform(0.2, 0.8)
    return Pattern([(period_s * duty, 250.0), (period_s * (1.0 - duty), 90.0)])


def measured(seed, measure, **facts):
    """(error, Reading) of a locked load that `measure(meter, body)` measures; of phase unknown."""
    chance = random.Random(seed)
    pattern, phase = locked(chance), chance.random()
    seconds = pattern.period_s * round(0.4 / pattern.period_s)
    with virtual_clock() as clock:
        machine = Machine(clock)
        device = Sensor(machine, phase=phase, noise=2.0, step=0.1, seed=seed, **dict(A100, **facts))
        with Meter(device, clock=clock) as meter:
            clock.sleep(1.0)
            reading, times = measure(meter, lambda: machine.work(pattern, seconds))
    expected = truth(pattern) * seconds * times
    return reading.joules / expected - 1.0, reading


def polled(meter, body):
    """As any tool does it, as often as the shifted work is done."""
    with meter.window() as window:
        for _ in range(24):
            body()
    return window.reading, 24


LAG_S = 0.0625  # half the window, half the update


def test_shifted_work_is_measured_where_polling_is_far_off():
    """40 loads in step with the sensor, at random phases."""
    plain = [abs(measured(seed, polled, lag_s=LAG_S)[0]) for seed in range(40)]
    pairs = [measured(seed, shifted.repeat, lag_s=LAG_S, window_s=0.025) for seed in range(40)]
    wrong = [seed for seed in range(40) if plain[seed] > 0.1]
    assert len(wrong) >= 12 and max(plain) > 0.4
    assert max(abs(error) for error, _ in pairs) < 0.01
    inside = sum(
        abs(error) * reading.joules <= reading.uncertainty_joules for error, reading in pairs
    )
    assert inside >= 37  # 95 % of 40, within one of it
    assert {reading.status for _, reading in pairs} == {"ok"}
    assert all("72" not in (reading.reason or "") for _, reading in pairs)
    assert "sees 25 of every 100 ms" in pairs[0][1].reason


def test_an_ordinary_sensor_repeats_as_the_meter_does():
    error, reading = measured(3, shifted.repeat, mean_s=0.1, lag_s=0.1)
    assert abs(error) < 0.02 and reading.reason is None or "ms" not in reading.reason


@pytest.mark.parametrize(
    "window_s, update_s, number", [(0.025, 0.1, 8), (0.01, 0.02, 8), (0.02, 0.1, 10)]
)
def test_the_windows_at_all_phases_cover_the_update_evenly(window_s, update_s, number):
    assert shifted.shifts(window_s, update_s) == number
    assert window_s / update_s * number == pytest.approx(round(window_s / update_s * number))


def values(pattern, phase, seconds, noise=0.5, slip=0.0, seed=0):
    """What a sensor of the A100's kind shows of a pattern, a value for each update, W."""
    chance, found = random.Random(seed), []
    for number in range(int(seconds / 0.1)):
        end_s = 100.0 + (number + phase) * 0.1 * (1.0 + slip)
        joules = pattern.joules(end_s) - pattern.joules(end_s - 0.025)
        found.append(joules / 0.025 + chance.gauss(0.0, noise))
    return found


def doubted(seed, slip):
    """(error, two standard deviations), W, of the mean of a minute of a load."""
    chance = random.Random(seed)
    pattern, phase = locked(chance), chance.random()
    seen = values(pattern, phase, 60.0, slip=slip * chance.uniform(0.5, 2.0), seed=seed)
    error = abs(sum(seen) / len(seen) - truth(pattern))
    return error, 2.0 * blind.joules_in_doubt(seen, 0.025, 0.1, 60.0, 300.0) / 60.0


def test_what_is_in_doubt_holds_the_truth_of_loads_in_step():
    found = [doubted(seed, 0.0) for seed in range(200)]
    assert max(error for error, _ in found) > 60.0
    assert sum(error <= doubt for error, doubt in found) >= 190


def test_what_is_in_doubt_of_loads_that_drift_is_little():
    found = [doubted(seed, 0.013) for seed in range(200)]
    assert sum(error <= doubt for error, doubt in found) >= 190
    assert sorted(doubt for _, doubt in found)[100] < 20.0  # of 170 W


def test_a_steady_value_tells_nothing_of_what_is_unseen():
    seen = values(Pattern([(1.0, 150.0)]), 0.3, 60.0)
    assert blind.joules_in_doubt(seen, 0.025, 0.1, 60.0, 300.0) / 60.0 > 50.0
    # nobody knows the limit: it is taken to be twice the mean, which is the same here
    without = blind.joules_in_doubt(seen, 0.025, 0.1, 60.0)
    assert without == pytest.approx(blind.joules_in_doubt(seen, 0.025, 0.1, 60.0, 300.0), rel=0.05)


def test_values_read_twice_are_no_more_values():
    seen = values(locked(random.Random(5)), 0.3, 60.0, slip=0.013)
    twice = [value for value in seen for _ in range(2)]
    once = blind.joules_in_doubt(seen, 0.025, 0.1, 60.0, 300.0)
    assert blind.joules_in_doubt(twice, 0.025, 0.1, 60.0, 300.0) == pytest.approx(once)


@pytest.mark.parametrize("window_s, update_s", [(0.1, 0.1), (1.0, 0.1), (None, 0.1), (0.025, None)])
def test_nothing_is_in_doubt_of_a_sensor_that_sees_all(window_s, update_s):
    assert not blind.is_blind(window_s, update_s)
    assert blind.joules_in_doubt([100.0, 200.0], window_s, update_s, 60.0) == 0.0


def test_no_values_no_doubt():
    assert blind.joules_in_doubt([], 0.025, 0.1, 60.0) == 0.0


def test_the_reason_names_the_window():
    assert blind.reason(0.025, 0.1).startswith("the sensor sees 25 of every 100 ms; a load")
