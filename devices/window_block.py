"""`with` and `async with` round a piece of work that is measured."""

from contextlib import ContextDecorator
from inspect import iscoroutinefunction
from typing import Any, Callable, Optional, Tuple, TypeVar

from edgejoule.devices.windows import Window, Windows

Function = TypeVar("Function", bound=Callable[..., Any])


class WindowBlock(ContextDecorator):
    """A window round a block, or round every call of a function that it decorates.

    Its target is the `Window`, whose `reading` is there after the block, also if the work in it
    raised: what it cost until then was spent. With `async with` the wait for the last sample
    does not hold the event loop up.
    """

    def __init__(self, windows: Callable[[], Windows], name: Optional[str], default: str):
        self._windows, self._name, self._default = windows, name, default
        self._opened: Optional[Tuple[Windows, Window]] = None  # and where it was begun

    def __call__(self, function: Function) -> Function:
        """The function with a window round every call."""
        if iscoroutinefunction(function):
            raise ValueError(
                "window round {}: it returns before its work begins; write `async with "
                "meter.window():` inside it".format(function.__name__)
            )
        return super().__call__(function)

    def __enter__(self) -> Window:
        if self._opened is not None:
            raise ValueError(
                "window {!r}: this block is entered already; call meter.window() once for "
                "each".format(self._opened[1].name)
            )
        windows = self._windows()
        opened = windows.new(self._name, self._default)
        try:
            self._opened = windows, opened
            return windows.begin(opened)
        except BaseException:  # also Ctrl-C: there is no block, so nobody would close it
            windows.remove(opened)
            self._opened = None
            raise

    def __exit__(self, kind: Optional[type], *_: object) -> None:
        try:
            windows, opened = self._entered()
            if windows.remove(opened):  # not if it was ended or cancelled inside the block
                windows.end(opened)
        except Exception:
            if kind is None:  # else the work's own error is the one to tell; the reading has both
                raise
        finally:
            self._leave()

    async def __aenter__(self) -> Window:
        return self.__enter__()

    async def __aexit__(self, kind: Optional[type], *_: object) -> None:
        try:
            windows, opened = self._entered()
            if windows.remove(opened):
                await self._end(windows, opened)
        except Exception:
            if kind is None:
                raise
        finally:
            self._leave()

    async def _end(self, windows: Windows, opened: Window) -> None:
        import asyncio  # here: it takes longer to import than all that a meter needs

        failed = windows.mark_end(opened)
        # in a thread, which goes on if this task is cancelled: the window is closed either way
        await asyncio.get_event_loop().run_in_executor(None, opened.settle)
        if failed is not None:
            raise failed

    def _leave(self) -> None:
        """Forget the window, and close it if Ctrl-C came before its end had begun."""
        windows, opened = self._entered()
        self._opened = None
        if windows.remove(opened):
            opened.close()

    def _entered(self) -> Tuple[Windows, Window]:
        assert self._opened is not None, "a block is left that was not entered"
        return self._opened

    def _recreate_cm(self) -> "WindowBlock":
        """A block of its own for every call of a decorated function, as ContextDecorator asks."""
        return WindowBlock(self._windows, self._name, self._default)
