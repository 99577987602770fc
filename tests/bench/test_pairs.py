"""Ratios with intervals: closed forms, known power, and verdicts that cannot be had for nothing."""

import math

import numpy as np
import pytest

from edgejoule.bench.gates import pairs

SAME = [10.0, 11.0, 9.0, 10.5, 9.5, 10.2, 9.9, 10.1]
noise = np.random.RandomState(4).normal


def times(values, factor):
    return [value * factor for value in values]


def test_a_constant_factor_is_found_exactly():
    ratio = pairs.paired(SAME, times(SAME, 1.12))
    assert ratio.median == pytest.approx(1.12) and ratio.low == pytest.approx(1.12)
    assert ratio.high == pytest.approx(1.12) and ratio.n == 8
    assert ratio.mde == pytest.approx(0, abs=1e-9)


def test_swapping_the_sides_inverts_the_ratio():
    other = [value * math.exp(n) for value, n in zip(SAME, noise(0.03, 0.02, 8))]
    there, back = pairs.paired(SAME, other), pairs.paired(other, SAME)
    assert there.median * back.median == pytest.approx(1)
    assert there.low * back.high == pytest.approx(1, rel=1e-3)


def test_the_same_samples_give_the_same_interval():
    other = [value * math.exp(n) for value, n in zip(SAME, noise(0, 0.02, 8))]
    assert pairs.paired(SAME, other) == pairs.paired(SAME, other)
    assert pairs.unpaired(SAME, other) == pairs.unpaired(SAME, other)


def test_pairs_with_an_unknown_side_are_left_out():
    ratio = pairs.paired([None, 0, 2, 4], [1, 1, 3, 6])
    assert ratio.n == 2 and ratio.median == pytest.approx(1.5)
    assert pairs.paired([None], [1]) == pairs.Ratio(None, None, None, 0, None)
    assert pairs.unpaired([], [1]).median is None


def test_samples_of_unlike_length_are_no_pairs():
    with pytest.raises(ValueError, match="2 values before and 1 after"):
        pairs.paired([1, 2], [1])


@pytest.mark.parametrize("freedom,point", [(4, 2.776), (5, 2.571), (7, 2.365), (19, 2.093)])
def test_student_is_students(freedom, point):
    assert pairs.student(freedom) == pytest.approx(point, rel=0.005)


def test_fewer_than_six_pairs_prove_nothing():
    five = pairs.paired([1] * 5, [2] * 5)
    assert five.low > 1 and pairs.verdict(five, 0.03) == "INCONCLUSIVE"
    assert pairs.verdict(pairs.paired([1], [2]), 0.03) == "INCONCLUSIVE"
    assert pairs.verdict(pairs.paired([None], [2]), 0.03) == "INCONCLUSIVE"


@pytest.mark.parametrize(
    "median,low,high,mde,said",
    [
        (1.05, 1.02, 1.08, 0.04, "FAIL"),
        (1.02, 1.01, 1.03, 0.01, "PASS"),
        (1.05, 0.99, 1.11, 0.08, "INCONCLUSIVE"),
        (1.00, 0.99, 1.01, 0.02, "PASS"),
        (0.50, 0.40, 0.60, 0.50, "PASS"),
        (1.02, 1.01, 1.06, 0.04, "INCONCLUSIVE"),
        (1.00, 0.90, 1.10, 0.20, "INCONCLUSIVE"),
    ],
)
def test_verdicts(median, low, high, mde, said):
    assert pairs.verdict(pairs.Ratio(median, low, high, 8, mde), 0.03) == said


def test_the_detectable_effect_is_detected_nine_times_in_ten():
    spread, trials = 0.01, noise(0, 0.01, (300, 8))
    mde = np.median([pairs.paired([1] * 8, np.exp(t)).mde for t in trials])
    seen = sum(pairs.paired([1] * 8, np.exp(t) * (1 + mde)).low > 1 for t in trials)
    assert 1.0 * spread < mde < 2.0 * spread
    assert 0.80 < seen / 300 < 0.97


def test_unpaired_medians():
    ratio = pairs.unpaired(SAME, times(SAME * 2, 1.5))
    assert ratio.median == pytest.approx(1.5) and ratio.n == 8
    assert ratio.low < 1.5 < ratio.high and pairs.verdict(ratio, 0.05) == "FAIL"


def test_students_percentiles_leave_out_the_truth_less_often_than_the_plain_ones():
    from edgejoule.bench.gates import simulate

    missed = [0, 0]
    for trial in range(400):
        logs = simulate.machine(simulate.stream(trial), 16)
        old, new = [0, 3, 4, 7, 8, 11, 12, 15], [1, 2, 5, 6, 9, 10, 13, 14]
        ours = pairs.paired(np.exp(logs[old]), np.exp(logs[new]))
        medians = pairs.bootstrap_medians(logs[new] - logs[old], 2000, 0)
        low, high = np.percentile(medians, [2.5, 97.5])
        missed[0] += not ours.low < 1 < ours.high
        missed[1] += not low < 0 < high
    assert missed[0] < missed[1] and missed[0] <= 0.06 * 400 and missed[1] > 0.06 * 400
