"""Loads of known edges: what they are made of, when they turn, and that they end."""

import threading

import pytest
from rigs.hand_clock import HandClock

from edgejoule.devices import probe
from edgejoule.devices.calibration import staircase
from edgejoule.devices.clock import MACHINE


def test_a_staircase_tells_when_each_level_began():
    clock, turned = HandClock(7.0), []
    edges = staircase.climb(clock, (0.0, 0.5, 1.0), 2.0, turned.append)
    assert edges == [(7.0, 0.0), (9.0, 0.5), (11.0, 1.0)]
    assert clock.now() == 13.0
    assert turned == [0.0, 0.5, 1.0, 0.0], "it ends at rest"


def test_the_load_ends_at_rest_when_a_look_fails():
    turned = []
    with pytest.raises(ZeroDivisionError):
        staircase.play([(1.0, 5.0)], HandClock(), turned.append, lambda: 1 / 0)
    assert turned == [1.0, 0.0]


def test_a_late_look_moves_the_edge_that_is_told():
    clock = HandClock()
    edges = staircase.play(
        [(0.0, 1.0), (1.0, 1.0)], clock, lambda share: None, lambda: clock.sleep(0.7), 0.1
    )
    assert edges == [(0.0, 0.0), (pytest.approx(1.4), 1.0)]


@pytest.mark.parametrize("update_s, seconds", [(0.0066, 10.0), (0.1, 16.0), (2.0, 34.0)])
def test_pulses_have_lengths_of_all_orders(update_s, seconds):
    steps = staircase.pulses(update_s)
    assert steps == staircase.pulses(update_s), "the same every time"
    assert steps[:2] == [(0.0, 1.0), (1.0, 3.0)]
    lengths = sorted(length for _, length in steps[2:])
    assert lengths[0] >= 0.02 and lengths[-1] > 3 * lengths[0]
    assert seconds <= sum(length for _, length in steps) <= seconds + lengths[-1]
    assert [share for share, _ in steps[2:6]] == [0.0, 1.0, 0.0, 1.0]


def test_pulses_meet_every_phase_of_the_update():
    edges = staircase.play(staircase.pulses(0.1), HandClock(), lambda share: None)
    phases = sorted((moment % 0.1) / 0.1 for moment, _ in edges[2:])
    assert max(b - a for a, b in zip(phases, phases[1:])) < 0.15


def test_a_load_works_as_long_as_it_is_told():
    """In real time: units are counted, whose number is the machine's affair."""
    before, done = threading.active_count(), []
    load = probe.Load(0.0, lambda: done.append(1), threads=1)
    assert not done
    load.turn(1.0)
    assert MACHINE.until(lambda: len(done) > 10, 30.0)
    load.turn(0.0)
    load.stop()
    assert MACHINE.until(lambda: threading.active_count() == before, 30.0)


def test_a_part_of_the_full_load_pauses():
    """A tenth of the time: after a unit of 1 ms it sleeps nine."""
    done = []

    def unit():
        MACHINE.sleep(0.001)
        done.append(MACHINE.now())

    load = probe.Load(0.1, unit, threads=1)
    assert MACHINE.until(lambda: len(done) > 5, 30.0)
    load.stop()
    assert done[5] - done[0] > 5 * 0.009
