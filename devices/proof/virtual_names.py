"""Other people's code in virtual time: a clock for it, and names of its modules replaced."""

from types import ModuleType
from typing import Any


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self, now_s: float):
        self.now_s = now_s

    def time(self) -> float:
        """The moment, in seconds."""
        return self.now_s

    monotonic = perf_counter = time

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


class Replaced:
    """Names of a module, other values while the block runs."""

    def __init__(self, module: ModuleType, **values: Any):
        self._module, self._values = module, values

    def __enter__(self) -> None:
        self._kept = {name: getattr(self._module, name) for name in self._values}
        self._module.__dict__.update(self._values)

    def __exit__(self, *_: Any) -> None:
        self._module.__dict__.update(self._kept)
