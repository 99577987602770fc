"""A clock for tests: time stands still while anything runs, and jumps when everything waits.

Of the threads that take part (the test's own, which makes the clock, and those that the clock
starts) one runs at a time, until it waits. Then the one goes on whose wait ends first, at the
moment it ends; of several at one moment, the one that has waited longest. So waiting takes no
time, the numbers are the same every time, and no machine is too slow or too busy for a test.
"""

import itertools
import signal
import threading
from contextlib import contextmanager

from edgejoule.devices.clock import Clock
from edgejoule.devices.wakeup import Wakeup

START_S = 5000.0625  # not 0, which stands for "never" where moments are kept
WALL_S = 1.8e9  # some day in 2027
LIMIT_S = 60.0  # of real time; a test in virtual time needs a fraction of a second
END_S = 5.0  # of real time, for threads whose waits have been ended
NEVER_S = float("inf")


@contextmanager
def virtual_clock(limit_s=LIMIT_S):
    """A clock for as long as the block runs; one that gets stuck fails the test instead."""
    clock = VirtualClock()

    def give_up(*_):
        raise AssertionError(clock.stuck(limit_s))

    kept = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield clock
        clock.close()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, kept)
        clock.end_threads()


class Ended(BaseException):
    """Ends a thread that a test left behind; `except Exception` does not hold it up."""


class Wait:
    """A thread that waits: until when, and since when in the order of all waits."""

    def __init__(self, thread, deadline_s, order):
        self.thread, self.deadline_s, self.order = thread, deadline_s, order
        self.turn = threading.Lock()
        self.turn.acquire()


class VirtualClock(Clock):
    """Only the thread whose turn it is touches what is in here, so nothing needs a lock."""

    def __init__(self):
        self._now_s, self._wall_shift_s = START_S, WALL_S - START_S
        self._order = itertools.count()
        self._waits, self._threads, self._ended, self._followers = [], [], [], []
        self._test = self._running = threading.current_thread()
        self._closed, self._trouble = False, None

    def now(self):
        return self._now_s

    def wall(self):
        return self._now_s + self._wall_shift_s

    def suspended(self):
        return 0.0

    def sleep(self, seconds):
        self.carry_out(self.wait(self._now_s + max(seconds, 0.0)))

    def wakeup(self):
        return VirtualWakeup(self)

    def thread(self, work, name):
        """A thread whose turn comes when the one that starts it waits."""
        thread = threading.Thread(target=lambda: self._live(wait, work), name=name)
        thread.daemon = True
        wait = self._enqueued(thread, self._now_s)
        self._threads.append(thread)
        thread.start()
        return thread

    def pause(self, seconds):
        """Let that much time pass in which nothing runs, as in a guest that its host stops."""
        self._now_s += seconds

    def set_wall(self, seconds):
        """Step the wall clock."""
        self._wall_shift_s = seconds - self._now_s

    def follow(self, follower):
        """Call `follower(now)` at once and whenever time has moved: hardware's time goes along."""
        self._followers.append(follower)
        follower(self._now_s)

    def wait(self, deadline_s):
        """A wait of the thread that runs; `carry_out` waits."""
        if self._closed:
            raise Ended
        me = threading.current_thread()
        if me is not self._running:
            self._trouble = "thread {!r} waits on a virtual clock that did not start it".format(
                me.name
            )
            raise RuntimeError(self._trouble + "; start it with clock.thread()")
        return self._enqueued(me, deadline_s)

    def carry_out(self, wait):
        """Let others run until the wait's moment has come."""
        self._pass_on()
        wait.turn.acquire()
        self._go_on()

    def hasten(self, wait):
        """End a wait now; the thread goes on when its turn comes."""
        if wait in self._waits:
            wait.deadline_s = self._now_s

    def stuck(self, limit_s):
        """A sentence on a test that has taken too long."""
        return (
            "virtual time stands at {:.6f} s after {:g} s of real time: thread {!r} runs and "
            "does not wait on the clock, or waits there for what never comes".format(
                self._now_s, limit_s, self._running.name
            )
        )

    def close(self):
        """Complain of what went wrong in threads, where no test sees it."""
        self.end_threads()
        alive = [thread.name for thread in self._threads if thread.is_alive()]
        if alive:
            self._trouble = "thread {!r} runs on and does not wait on the clock".format(alive[0])
        if self._trouble:
            raise AssertionError(self._trouble)

    def end_threads(self):
        """End every thread that still waits."""
        self._closed = True
        while self._waits:
            self._waits.pop().turn.release()
        for thread in self._threads:
            thread.join(END_S)

    def _enqueued(self, thread, deadline_s):
        wait = Wait(thread, deadline_s, next(self._order))
        self._waits.append(wait)
        return wait

    def _live(self, wait, work):
        """What a thread of this clock does."""
        try:
            wait.turn.acquire()
            self._go_on()
            work()
        except Ended:
            pass
        finally:
            if not self._closed:
                self._ended.append(threading.current_thread())
                self._pass_on()

    def _pass_on(self):
        """Give the turn to the thread whose wait ends first, and move time there."""
        chosen = min(self._waits, key=lambda wait: (wait.deadline_s, wait.order))
        if chosen.deadline_s == NEVER_S:
            chosen = next(wait for wait in self._waits if wait.thread is self._test)
            names = ", ".join(repr(wait.thread.name) for wait in self._waits)
            self._trouble = "deadlock: {} wait for each other without an end".format(names)
        elif chosen.deadline_s > self._now_s:
            self._now_s = chosen.deadline_s
            for follower in self._followers:
                follower(self._now_s)
        self._waits.remove(chosen)
        chosen.turn.release()

    def _go_on(self):
        """Take the turn; what ended on the way here is dead before anybody looks."""
        if self._closed:
            raise Ended
        self._running = threading.current_thread()
        while self._ended:
            self._ended.pop().join()
        if self._trouble and self._running is self._test:
            raise AssertionError(self._trouble)


class VirtualWakeup(Wakeup):
    """A wait on a virtual clock that another of its threads can end."""

    def __init__(self, clock):
        self._clock, self._rung, self._wait = clock, False, None

    def ring(self):
        self._rung = True
        if self._wait is not None:
            self._clock.hasten(self._wait)

    def wait(self, deadline_s):
        if not self._rung:
            self._wait = self._clock.wait(deadline_s)
            self._clock.carry_out(self._wait)
        rung, self._rung, self._wait = self._rung, False, None
        return rung

    def close(self):
        pass
