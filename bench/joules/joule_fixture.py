"""What `joules_benchmark` is: pytest-benchmark's fixture, which refuses what must be awaited."""

import inspect
from typing import Any, Callable

import pytest

AWAITED = (
    "joules_benchmark was given {!r}, which {}: the rounds would measure that a coroutine is made, "
    "not what it does; give it a function that runs it, such as lambda: asyncio.run({}(...))"
)


class JouleFixture:
    """pytest-benchmark's fixture in everything but coroutines, which it would not run."""

    def __init__(self, benchmark: Any):
        object.__setattr__(self, "_benchmark", benchmark)

    def __call__(self, function: Callable[..., Any], *args: Any, **settings: Any) -> Any:
        """What the function returns, after its rounds."""
        _check(function)
        return _checked(function, self._benchmark(function, *args, **settings))

    def pedantic(self, target: Callable[..., Any], *args: Any, **settings: Any) -> Any:
        """What the target returns, after so many rounds and iterations as asked for."""
        _check(target)
        return _checked(target, self._benchmark.pedantic(target, *args, **settings))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._benchmark, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._benchmark, name, value)


def _check(function: Any) -> None:
    """Refuses a coroutine function, before anything is run."""
    within = getattr(function, "func", None)  # of a functools.partial
    if any(map(_is_asynchronous, (function, within, function.__call__))):
        _refuse(function, "is a coroutine function")


def _is_asynchronous(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _checked(function: Callable[..., Any], result: Any) -> Any:
    """The result, unless somebody would still have to await it."""
    if inspect.isawaitable(result) or inspect.isasyncgen(result):
        if inspect.iscoroutine(result):
            result.close()  # else Python warns that it was never awaited
        _refuse(function, "returns something to be awaited")
    return result


def _refuse(function: Callable[..., Any], what: str) -> None:
    name = getattr(function, "__name__", type(function).__name__)
    pytest.fail(AWAITED.format(name, what, name), pytrace=False)
