"""Pruning schedules against the numbers of their papers."""
import pytest

from edgejoule.prune import schedules


def test_snip_it_s_seven_events():
    shares, note = schedules.kappas(.98, 5)
    assert shares == pytest.approx([.5, .74, .86, .92, .95, .965, .98]) and not note


def test_no_intermediate_steps():
    assert schedules.kappas(.9, 0)[0] == [.5, .9]


@pytest.mark.parametrize("final", [0., .3, .5])
def test_guard_against_overshoot(final):
    shares, note = schedules.kappas(final, 5)
    assert shares == [final] and "one event" in note


def test_kappas_ascend():
    for final in (.51, .7, .999):
        shares, _ = schedules.kappas(final, 6)
        assert shares == sorted(shares) and shares[-1] == final


def test_geometric_rounds():
    density = [1 - gone for gone in schedules.geometric(1 - .8 ** 20, 20)]
    assert density[:3] == pytest.approx([.8, .64, .512])
    assert density[9] == pytest.approx(.1074, abs=1e-4)
    assert density[19] == pytest.approx(.0115, abs=1e-4)
    assert schedules.geometric(.37, 1) == [.37]


def test_half_rate():
    gone = schedules.geometric(1 - .8 ** 3, 3, .5)
    assert gone == pytest.approx([.1, .19, .271])


def test_two_cycles_keep_the_root_each():
    assert schedules.geometric(.5, 2) == pytest.approx([1 - .5 ** .5, .5])


def test_events():
    assert schedules.events("before", 3, None, None, 5) == [0, 0, 0]
    assert schedules.events("during", 7, None, None, 80) == [8, 12, 16, 20, 24, 28, 32]
    assert schedules.events("during", 2, 1, 1, 3) == [1, 2]


@pytest.mark.parametrize("call, word", [
    (lambda: schedules.kappas(1., 5), "lies in"), (lambda: schedules.kappas(.9, -1), "from 0"),
    (lambda: schedules.geometric(.5, 0), "rounds start"),
    (lambda: schedules.events("after", 1, None, None, 9), "before, during"),
    (lambda: schedules.events("before", 1, 4, None, 9), "no effect"),
    (lambda: schedules.events("during", 7, None, None, 32), "end at epoch 32"),
    (lambda: schedules.events("during", 2, 0, 1, 9), "lower")])
def test_refuses(call, word):
    with pytest.raises(ValueError, match=word):
        call()
