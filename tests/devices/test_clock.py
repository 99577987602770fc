"""The machine's clock, and the one that tests go by."""

import fcntl
import os
import resource
import signal
import threading
import time

import pytest
from rigs.virtual_clock import START_S, virtual_clock

from edgejoule.devices.clock import MACHINE


@pytest.fixture(params=["machine", "virtual"])
def either(request):
    """What holds for both clocks; on the machine's, long enough for one that stands still."""
    return MACHINE if request.param == "machine" else request.getfixturevalue("clock")


def test_time_passes_while_one_sleeps(either):
    begun = either.now()
    either.sleep(0.02)
    assert either.now() >= begun + 0.02
    either.sleep(-1.0)


def test_a_wait_ends_when_it_is_rung_and_not_before_its_deadline_otherwise(either):
    wakeup, begun = either.wakeup(), either.now()
    assert not wakeup.wait(begun + 0.02) and either.now() >= begun + 0.02
    either.thread(wakeup.ring, "ringer")
    assert wakeup.wait(either.now() + 30.0) and either.now() < begun + 29.0
    wakeup.ring()
    wakeup.ring()
    assert wakeup.wait(either.now() + 30.0)  # rung before it began, twice as good as once
    assert not wakeup.wait(either.now())
    wakeup.close()


def test_a_condition_is_waited_for_and_given_up(either):
    done = []
    thread = either.thread(lambda: done.append(either.now()), "worker")
    assert either.until(lambda: bool(done), 30.0)
    assert either.until(lambda: not thread.is_alive(), 30.0)
    begun = either.now()
    assert not either.until(lambda: False, 0.02) and either.now() >= begun + 0.02


def test_a_thread_does_not_outlive_the_process(either):
    assert either.thread(lambda: None, "worker").daemon


def test_the_machines_wall_clock_is_utc_and_it_was_not_suspended_for_a_negative_time():
    before = time.time()
    assert before <= MACHINE.wall() <= time.time()
    assert MACHINE.suspended() >= -1e-3  # two clocks are read one after the other


def test_a_look_that_is_interrupted_is_not_taken_for_sleep(monkeypatch):
    """The thread loses its core between two clocks that are compared."""
    moments, boots = iter([1.0, 9.0, 9.1, 9.1 + 2e-6]), iter([31.0, 39.1 + 1e-6])
    monkeypatch.setattr(time, "clock_gettime", lambda _: next(boots))
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    assert MACHINE.suspended() == pytest.approx(30.0, abs=1e-9)


def test_two_that_wait_for_one_bell_are_both_woken_and_none_dies():
    """As the threads of a process and its forked child, which has the same pipe."""
    wakeup, woken = MACHINE.wakeup(), []
    for _ in range(8):
        MACHINE.thread(lambda: woken.append(wakeup.wait(MACHINE.now() + 30.0)), "waiting")
    # a ring may wake one or several of those that wait, so it rings until all have woken
    assert MACHINE.until(lambda: not wakeup.ring() and len(woken) == 8, 30.0)
    assert all(woken)
    wakeup.close()


def test_a_wakeup_is_closed_once_and_rings_nobody_elses_file(tmp_path):
    wakeup = MACHINE.wakeup()
    wakeup.close()
    with (tmp_path / "a").open("wb") as one, (tmp_path / "b").open("wb") as other:
        one.write(b"mine")  # these two have the pipe's old numbers now
        other.write(b"mine")
        wakeup.ring()
        wakeup.close()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine", b"mine"]


def test_a_wakeup_of_a_process_with_a_thousand_open_files(monkeypatch):
    """`select` refuses descriptors from 1024 on."""
    kept = resource.getrlimit(resource.RLIMIT_NOFILE)
    real = os.pipe
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, kept[1]), kept[1]))
    try:

        def pipe():
            low = real()
            high = [fcntl.fcntl(each, fcntl.F_DUPFD, 1500) for each in low]
            for each in low:
                os.close(each)
            return high

        monkeypatch.setattr(os, "pipe", pipe)
        wakeup = MACHINE.wakeup()
        begun = MACHINE.now()
        assert not wakeup.wait(begun + 0.02) and MACHINE.now() >= begun + 0.02
        wakeup.ring()
        assert wakeup.wait(MACHINE.now() + 30.0) and MACHINE.now() < begun + 29.0
        wakeup.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, kept)


def test_virtual_time_is_what_was_waited_for(clock):
    begun = time.monotonic()
    clock.sleep(3600.0)
    assert clock.now() == START_S + 3600.0 and time.monotonic() - begun < 600.0


def test_virtual_threads_run_in_the_order_of_their_moments(clock):
    seen = []

    def work(name, period_s):
        for _ in range(4):
            seen.append((name, clock.now() - START_S))
            clock.sleep(period_s)

    clock.thread(lambda: work("a", 0.25), "a")
    clock.thread(lambda: work("b", 0.5), "b")
    assert seen == []  # not before somebody waits
    clock.sleep(1.0)
    assert seen == [
        ("a", 0.0),
        ("b", 0.0),
        ("a", 0.25),
        ("b", 0.5),
        ("a", 0.5),
        ("a", 0.75),
    ]


def test_hardware_follows_virtual_time(clock):
    seen = []
    clock.follow(seen.append)
    clock.sleep(0.5)
    clock.sleep(0.0)
    assert seen == [START_S, START_S + 0.5]


def test_the_wall_clock_is_stepped_alone(clock):
    clock.set_wall(7.0)
    clock.sleep(1.0)
    assert clock.wall() == 8.0 and clock.now() == START_S + 1.0


def test_a_pause_is_time_in_which_nobody_runs(clock):
    seen = []
    clock.thread(lambda: (clock.sleep(1.0), seen.append(clock.now() - START_S)), "worker")
    clock.sleep(0.5)
    clock.pause(10.0)
    assert seen == [] and clock.now() == START_S + 10.5
    clock.sleep(0.0)
    assert seen == [10.5]


def test_threads_left_behind_end_with_the_test():
    with virtual_clock() as clock:
        thread = clock.thread(lambda: clock.sleep(1e9), "hanging")
        never = clock.thread(lambda: None, "not begun")
        clock.sleep(0.0)
    assert not thread.is_alive() and not never.is_alive()


def test_waits_that_nobody_ends_are_a_deadlock():
    with pytest.raises(AssertionError, match="deadlock: 'MainThread', 'waiting' wait for each"):
        with virtual_clock() as clock:
            clock.thread(lambda: clock.wakeup().wait(float("inf")), "waiting")
            clock.wakeup().wait(float("inf"))


def test_a_thread_that_never_waits_is_named():
    going_on = [True]

    def busy():
        while going_on:
            pass

    with pytest.raises(AssertionError, match="thread 'busy' runs and does not wait on the clock"):
        with virtual_clock(limit_s=0.3) as clock:
            clock.thread(busy, "busy")
            try:
                clock.sleep(1.0)
            finally:
                going_on.clear()


def test_a_test_that_waits_for_the_machine_instead_is_told():
    held = threading.Event()
    with pytest.raises(AssertionError, match="thread 'MainThread' runs and does not wait"):
        with virtual_clock(limit_s=0.3) as clock:
            clock.thread(held.set, "setter")
            held.wait(30.0)  # the setter's turn comes when the test waits on the clock
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_stranger_is_told_to_take_part():
    with pytest.raises(AssertionError, match="'stranger' waits on a virtual clock that did not"):
        with virtual_clock() as clock:

            def intrude():
                with pytest.raises(RuntimeError, match="start it with clock.thread"):
                    clock.sleep(1.0)

            thread = threading.Thread(target=intrude, name="stranger")
            thread.start()
            thread.join()
