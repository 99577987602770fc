"""Pruning schedules against the numbers of their papers."""

import pytest

from edgejoule.prune import schedules


def test_snip_it_s_seven_events():
    shares, note = schedules.kappas(0.98, 5)
    assert shares == pytest.approx([0.5, 0.74, 0.86, 0.92, 0.95, 0.965, 0.98]) and not note


def test_no_intermediate_steps():
    assert schedules.kappas(0.9, 0)[0] == [0.5, 0.9]


@pytest.mark.parametrize("final", [0.0, 0.3, 0.5])
def test_guard_against_overshoot(final):
    shares, note = schedules.kappas(final, 5)
    assert shares == [final] and "one event" in note


def test_kappas_ascend():
    for final in (0.51, 0.7, 0.999):
        shares, _ = schedules.kappas(final, 6)
        assert shares == sorted(shares) and shares[-1] == final


def test_geometric_rounds():
    density = [1 - gone for gone in schedules.geometric(1 - 0.8**20, 20)]
    assert density[:3] == pytest.approx([0.8, 0.64, 0.512])
    assert density[9] == pytest.approx(0.1074, abs=1e-4)
    assert density[19] == pytest.approx(0.0115, abs=1e-4)
    assert schedules.geometric(0.37, 1) == [0.37]


def test_half_rate():
    gone = schedules.geometric(1 - 0.8**3, 3, 0.5)
    assert gone == pytest.approx([0.1, 0.19, 0.271])


def test_two_cycles_keep_the_root_each():
    assert schedules.geometric(0.5, 2) == pytest.approx([1 - 0.5**0.5, 0.5])


def test_events():
    assert schedules.events("before", 3, None, None, 5) == [0, 0, 0]
    assert schedules.events("during", 7, None, None, 80) == [8, 12, 16, 20, 24, 28, 32]
    assert schedules.events("during", 2, 1, 1, 3) == [1, 2]


def test_the_events_of_algorithm_1_and_of_the_authors_code():
    named = {
        name: schedules.events("during", 7, None, None, 80, name) for name in schedules.TIMINGS
    }
    assert named["code"] == schedules.events("during", 7, None, None, 80)
    assert named["code"] == [8, 12, 16, 20, 24, 28, 32]
    assert named["algorithm"] == [4, 8, 12, 16, 20, 24, 24]
    assert schedules.events("during", 2, 3, None, 80, "algorithm") == [3, 3], "no step between"
    assert schedules.events("during", 1, None, None, 80, "algorithm") == [4], (
        "the guard's one event"
    )
    assert schedules.events("during", 7, None, None, 25, "algorithm")[-1] == 24


@pytest.mark.parametrize(
    "call, word",
    [
        (lambda: schedules.kappas(1.0, 5), "lies in"),
        (lambda: schedules.kappas(0.9, -1), "from 0"),
        (lambda: schedules.geometric(0.5, 0), "rounds start"),
        (lambda: schedules.events("after", 1, None, None, 9), "before, during"),
        (lambda: schedules.events("before", 1, 4, None, 9), "no effect"),
        (lambda: schedules.events("during", 7, None, None, 32), "end at epoch 32"),
        (lambda: schedules.events("during", 2, 0, 1, 9), "lower"),
        (lambda: schedules.events("during", 2, 0, None, 9, "algorithm"), "lower"),
        (lambda: schedules.events("during", 7, None, None, 24, "algorithm"), "end at epoch 24"),
        (lambda: schedules.events("during", 7, None, 8, 80, "algorithm"), "first_event=8 has no"),
        (lambda: schedules.events("before", 7, None, None, 80, "code"), "timing='code' has no"),
        (lambda: schedules.events("during", 7, None, None, 80, "paper"), "code, algorithm"),
    ],
)
def test_refuses(call, word):
    with pytest.raises(ValueError, match=word):
        call()
