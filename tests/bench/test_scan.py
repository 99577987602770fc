"""The scan: finds what is there, keeps still for what is not, and places the first night right."""

import math
from statistics import median

import numpy as np
import pytest

from edgejoule.bench.gates import scan


def nights(step=1.0, at=40, count=60, cv=0.01, seed=1):
    """Joules of some nights, `step` times as much from night `at` on."""
    logs = np.random.RandomState(seed).normal(math.log(500), cv, count)
    return [math.exp(log) * (step if i >= at else 1) for i, log in enumerate(logs)]


def first_hit(values):
    """The night on which the scan first rings, and its step."""
    for night in range(len(values)):
        step = scan.scan(values[: night + 1])
        if step:
            return night, step
    return None, None


def test_a_step_is_found_within_four_nights_and_placed():
    night, step = first_hit(nights(1.06))
    assert 41 <= night <= 43 and step.index == 40
    assert step.ratio == pytest.approx(1.06, abs=0.02) and step.z > scan.Z
    assert step.before == pytest.approx(500, rel=0.02)


def test_less_is_found_as_well_as_more():
    _, step = first_hit(nights(0.9))
    assert step.ratio == pytest.approx(0.9, abs=0.02)


def test_a_calm_series_never_rings():
    assert first_hit([500.0] * 60) == (None, None)
    assert first_hit(nights(cv=0.005)) == (None, None)


def test_a_single_wild_night_does_not_ring():
    values = nights(cv=0.005)
    values[40] *= 1.5
    assert first_hit(values) == (None, None)


def test_a_change_below_the_floor_does_not_ring_however_clear():
    values = [500.0] * 40 + [505.0] * 20
    assert first_hit(values) == (None, None)
    assert scan.scan(values[:45], floor=0.005).ratio == pytest.approx(1.01)


def test_too_few_nights_say_nothing():
    values = [1.0] * (scan.LEAST - 1) + [2.0] * 3
    assert scan.scan(values) is None
    assert scan.scan([1.0] + values).index == scan.LEAST


def test_nights_without_a_measurement_keep_their_places():
    values = [500.0] * 30 + [None] * 3 + [600.0, None, 600.0, 600.0]
    assert scan.scan(values).index == 33
    assert scan.scan([None] * 60) is None and scan.scan([]) is None
    assert [step.index for step in scan.steps(values)] == [33]


def test_the_least_noise_is_believed():
    values = [500.0] * 20 + [515.0] * 3
    assert scan.scan(values) and scan.scan(values, noise=0.03) is None


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_the_unit_does_not_matter(factor):
    whole, scaled = nights(1.05), [value * factor for value in nights(1.05)]
    assert first_hit(scaled)[0] == first_hit(whole)[0]
    assert [s.index for s in scan.steps(scaled)] == [s.index for s in scan.steps(whole)]


def test_steps_tells_all_of_them_in_order():
    values = nights(1.06, 20) + [v * 1.06 * 0.9 for v in nights(seed=2, count=30)]
    found = scan.steps(values)
    assert [step.index for step in found] == [20, 60]
    assert found[0].ratio == pytest.approx(1.06, abs=0.01)
    assert found[1].ratio == pytest.approx(0.9, abs=0.01)


def test_steps_of_nothing_are_none():
    assert scan.steps([]) == [] and scan.steps([1.0] * 5) == []
    assert scan.steps([500.0] * 60) == [] and scan.steps(nights(cv=0.005)) == []


def test_steps_of_a_short_history():
    assert [step.index for step in scan.steps([10.0] * 6 + [12.0] * 4)] == [6]


def plain(values):
    """The scan from which this one grew: medians alone, noise by their absolute deviations."""
    logs = [math.log(value) for value in values]
    for count in range(scan.SHORTEST, scan.LONGEST + 1):
        old, new = logs[-count - scan.BEFORE : -count], logs[-count:]
        middle = median(old)
        noise = 1.4826 * median([abs(log - middle) for log in old])
        change = median(new) - middle
        z = abs(change) / (noise * math.sqrt(1.57 / count + 1.57 / len(old)))
        if z > scan.Z * (1 + 2.0 / len(old)) and abs(change) > math.log1p(scan.FLOOR):
            return True
    return False


def test_it_finds_more_than_a_scan_of_medians_and_rings_less():
    chance, found, false = np.random.RandomState(5), [0, 0], [0, 0]
    for _ in range(150):
        logs = chance.normal(0, 0.015, 54) + (chance.rand(54) < 0.03) * chance.exponential(0.1, 54)
        calm, risen = np.exp(logs).tolist(), np.exp(logs + 0.0488 * (np.arange(54) >= 50)).tolist()
        for which, rings in enumerate((scan.scan, plain)):
            found[which] += any(rings(risen[:night]) for night in range(51, 55))
            false[which] += sum(bool(rings(calm[:night])) for night in range(40, 51))
    assert found[0] > found[1] and false[0] < false[1]
    assert found[0] >= 140
