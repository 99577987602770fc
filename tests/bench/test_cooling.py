"""The wait for a cool board: by degrees and drift, on a clock that only the test moves."""

import pytest
from rigs.hand_clock import HandClock

from edgejoule.bench.nights import cooling


class Board:
    """A board whose hottest zone follows `degrees(seconds)` on a clock of its own."""

    def __init__(self, degrees):
        self.degrees, self.clock = degrees, HandClock()

    def zones(self):
        degrees = self.degrees(self.clock.now())
        return {} if degrees is None else {"cpu": degrees, "gpu": degrees - 3, "PMIC-Die": 100.0}

    def wait(self, limit=45.0, minutes=10.0, idle=None):
        patience = cooling.Patience(60 * minutes, limit).with_idle(idle)
        return cooling.wait(self.zones, patience, self.clock)


def test_a_cool_steady_board_waits_for_one_window():
    ended = Board(lambda t: 40.0).wait()
    assert ended.ready and ended.celsius == 40.0
    assert cooling.WINDOW_S <= ended.waited_s <= cooling.WINDOW_S + cooling.STEP_S


def test_a_warm_board_waits_until_it_is_cool_and_not_longer():
    board = Board(lambda t: 30.0 + 40.0 * 0.5 ** (t / 60.0))
    ended = board.wait()
    assert ended.ready and ended.celsius <= 45.0
    drop = board.degrees(board.clock.now() - cooling.WINDOW_S) - ended.celsius
    assert drop / cooling.WINDOW_S * 60 < cooling.DRIFT_C_PER_MIN
    before = board.clock.now() - cooling.STEP_S
    assert (
        board.degrees(before - cooling.WINDOW_S) - board.degrees(before)
        >= cooling.DRIFT_C_PER_MIN * cooling.WINDOW_S / 60
    )


def test_cool_but_warming_is_not_ready():
    ended = Board(lambda t: 20.0 + 2.0 * t / 60).wait(minutes=10)
    assert not ended.ready and "+2.0 C/min" in ended.sentence


def test_too_warm_is_refused_after_the_patience_and_says_so():
    ended = Board(lambda t: 62.0).wait(minutes=5)
    assert not ended.ready and ended.coolest == 62.0 and 300 <= ended.waited_s <= 306
    assert "62.0 C" in ended.sentence and "--cool-to" in ended.sentence


@pytest.mark.parametrize("idle, ready", [(None, False), (50.0, False), (58.0, True)])
def test_a_board_that_idles_warm_need_only_come_near_its_idle(idle, ready):
    assert Board(lambda t: 62.0).wait(idle=idle).ready is ready


def test_without_a_zone_it_says_so_and_goes_on():
    ended = Board(lambda t: None).wait()
    assert ended.ready and ended.celsius is None and ended.waited_s == 0.0
    assert "no thermal zone" in ended.sentence
    assert Board(lambda t: 60.0 if t < 20 else None).wait().ready


def test_without_patience_it_looks_once():
    ended = Board(lambda t: 40.0).wait(minutes=0)
    assert not ended.ready and ended.waited_s == 0.0


def test_a_zone_that_never_changes_is_not_the_hottest():
    assert cooling.hottest({"PMIC-Die": 100.0, "BCPU-therm": 41.5}) == 41.5
    assert cooling.hottest({"PMIC-Die": 100.0}) is None
