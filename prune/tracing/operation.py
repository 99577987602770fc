"""One operation of a forward: as it is called, and as it is remembered."""

from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import torch

from edgejoule.prune.tracing.labelled import Axes

OPERATORS = (
    "add radd sub rsub mul rmul div rdiv truediv rtruediv floordiv rfloordiv mod rmod pow rpow "
    "matmul rmatmul and or xor invert neg abs eq ne lt le gt ge getitem setitem"
)
IN_PLACE_OPERATORS = "iadd isub imul idiv itruediv ifloordiv imod ipow iand ior ixor"


class Operation(NamedTuple):
    """What one operation did, with everything that a smaller model must repeat."""

    name: str
    site: str  # module path
    settings: tuple  # arguments that are no tensors and no sizes
    constants: Tuple[torch.Tensor, ...]  # tensors made inside the forward
    inputs: Tuple[Axes, ...]
    result: Any  # nest of Labelled
    outputs: Tuple[Tuple[Tuple[int, ...], Axes], ...]  # (shape, axes) of each


class Call:
    """A call of one operation: its plain name, whether it works in place, and its arguments."""

    def __init__(self, func: Callable, args: tuple, kwargs: dict) -> None:
        if not args and "input" in kwargs:
            kwargs = dict(kwargs)
            args = (kwargs.pop("input"),)
        self.func, self.args, self.kwargs = func, args, kwargs
        self.name, self.in_place = plain_name(func)
        self.in_place = self.in_place or kwargs.get("inplace") is True
        self._tensors: List[torch.Tensor] = []
        self._settings: List[Any] = []
        self._sorted = False  # most calls are answered without looking through the arguments

    def bound(self, names: str) -> Dict[str, Any]:
        """The arguments by name, None where neither position nor keyword gave one."""
        values: Dict[str, Any] = dict.fromkeys(names.split())
        values.update(zip(names.split(), self.args))
        values.update(self.kwargs)
        return values

    def tensors(self) -> List[torch.Tensor]:
        """Every tensor among the arguments, in order."""
        self._sort()
        return self._tensors

    def settings(self) -> tuple:
        """Every argument that is no tensor, in order, fit for comparison."""
        self._sort()
        return tuple(self._settings)

    def _sort(self) -> None:
        if not self._sorted:
            self._sorted = True
            _sort(self.args, self._tensors, self._settings)
            for key in sorted(self.kwargs):
                self._settings.append(key)
                _sort(self.kwargs[key], self._tensors, self._settings)


def _sort(value: Any, tensors: List[torch.Tensor], settings: List[Any]) -> None:
    """Append a nest's tensors to one list; all else, lengths of lists included, to another."""
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        settings.append("tensor")
    elif isinstance(value, (tuple, list)):
        settings.append(len(value))
        for item in value:
            _sort(item, tensors, settings)
    elif isinstance(value, dict):
        settings.append(len(value))
        for key in value:
            settings.append(key)
            _sort(value[key], tensors, settings)
    else:
        settings.append(value)


def plain_name(func: Any) -> Tuple[str, bool]:
    """A function's name without underscores ("add" of `add_` or `__iadd__`), True if in place.

    Properties read "get:NAME" and "set:NAME".
    """
    name = func.__name__
    if name in ("__get__", "__set__"):
        name = name.strip("_") + ":" + func.__self__.__name__
    if name not in _PLAIN:
        _PLAIN[name] = _stripped(name)
    return _PLAIN[name]


def _stripped(name: str) -> Tuple[str, bool]:
    if ":" in name:
        return name, False
    if name.startswith("__"):
        bare = name.strip("_")
        if bare in _IN_PLACE:
            return bare[1:], True
        return (bare if bare in _OPERATORS else name), False
    if name.startswith("_"):
        return name[1:], False
    return (name[:-1], True) if name.endswith("_") else (name, False)


_PLAIN: Dict[str, Tuple[str, bool]] = {}
_OPERATORS = frozenset(OPERATORS.split())
_IN_PLACE = frozenset(IN_PLACE_OPERATORS.split())
