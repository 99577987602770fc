"""A call that is given so many seconds: a driver that hangs must not hang who asked it."""

from typing import Any, Callable, List, Optional, TypeVar

from edgejoule.devices.clock import MACHINE, Clock

T = TypeVar("T")


class Attempt:
    """A call in a thread of its own, begun at once; one that never ends is left behind.

    Nothing can stop such a thread. It is a daemon, so the program's end does not wait for it.
    """

    def __init__(self, name: str, function: Callable[[], Any], clock: Clock = MACHINE):
        self._name, self._function, self._clock = name, function, clock
        self._value: List[Any] = []
        self._error: Optional[BaseException] = None
        self._begun = clock.now()
        self._thread = clock.thread(self._work, "edgejoule-open")

    def result(self, limit_s: float) -> Any:
        """What the call returned, or whatever it raised.

        Raises:
            RuntimeError: it has not ended `limit_s` seconds after it began.
        """
        # Not thread.join(timeout): on Python 3.6 it waits for a moment of the wall clock.
        left_s = self._begun + limit_s - self._clock.now()
        self._clock.until(lambda: not self._thread.is_alive(), left_s)
        if self._error is not None:
            raise self._error
        if not self._value:
            raise RuntimeError("{}: no answer within {:g} s".format(self._name, limit_s))
        return self._value[0]

    def _work(self) -> None:
        try:
            self._value.append(self._function())
        except BaseException as error:  # raised in the thread of who asks for the result
            self._error = error


def within(seconds: float, name: str, function: Callable[[], T], clock: Clock = MACHINE) -> T:
    """The function's result, if it comes within that many seconds.

    Raises:
        RuntimeError: it does not; the message begins with `name`.
    """
    return Attempt(name, function, clock).result(seconds)
