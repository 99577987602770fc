"""A tensor that carries a label per channel instead of values, and the call that reached it.

Its storage is one NaN seen through stride 0, so a trace costs no arithmetic and no memory;
only integer tensors (indices) and single numbers are `solid`, that is, keep their true values.
`axes` holds, per axis, a label vector or None: None means that nothing along this axis may ever
leave.
"""

from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch

Axes = Tuple[Optional[np.ndarray], ...]

SAMPLE = 0.7310585786300049  # any number that no operation treats specially
_BASES = {}


class Labelled(torch.Tensor):
    """See the module; every operation on it is answered by its tracer."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        first = args[0] if args and type(args[0]) is cls else None
        if first is None:
            first = next(t for t in tensors_in((args, kwargs)) if type(t) is cls)
        return first.tracer.operate(func, args, kwargs or {})


class Call:
    """One operation: its plain name, whether it works in place, and its arguments."""

    def __init__(self, func, args: tuple, kwargs: dict) -> None:
        if not args and "input" in kwargs:
            kwargs = dict(kwargs)
            args = (kwargs.pop("input"),)
        self.func, self.args, self.kwargs = func, args, kwargs
        self.name, self.in_place = plain_name(func)
        self.in_place = self.in_place or kwargs.get("inplace") is True
        self._tensors, self._settings = None, ()

    def bound(self, names: str) -> dict:
        """The arguments by name, None where neither position nor keyword gave one."""
        values = dict.fromkeys(names.split())
        values.update(zip(names.split(), self.args))
        values.update(self.kwargs)
        return values

    def tensors(self) -> List[torch.Tensor]:
        """Every tensor among the arguments, in order."""
        self._read()
        return self._tensors

    def settings(self) -> tuple:
        """Every argument that is no tensor, in order, fit for comparison."""
        self._read()
        return self._settings

    def _read(self) -> None:
        if self._tensors is None:
            self._tensors, found = [], []
            _sort(self.args, self._tensors, found)
            for key in sorted(self.kwargs):
                found.append(key)
                _sort(self.kwargs[key], self._tensors, found)
            self._settings = tuple(found)


def plain_name(func) -> Tuple[str, bool]:
    """The name without decoration, and whether the trailing or leading mark said 'in place'."""
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
        if bare in _IN_PLACE_WORDS:
            return bare[1:], True
        return (bare if bare in _OPERATORS else name), False
    if name.startswith("_"):
        return name[1:], False
    return (name[:-1], True) if name.endswith("_") else (name, False)


_PLAIN: Dict[str, Tuple[str, bool]] = {}
_IN_PLACE_WORDS = frozenset(
    ["iadd", "isub", "imul", "idiv", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor"]
)
_OPERATORS = frozenset(
    [
        "add",
        "radd",
        "sub",
        "rsub",
        "mul",
        "rmul",
        "div",
        "rdiv",
        "truediv",
        "rtruediv",
        "floordiv",
        "rfloordiv",
        "mod",
        "rmod",
        "pow",
        "rpow",
        "matmul",
        "rmatmul",
        "and",
        "or",
        "xor",
        "invert",
        "neg",
        "abs",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "getitem",
        "setitem",
    ]
)


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor inside nested tuples, lists and dicts, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)


def _sort(value: Any, tensors: list, settings: list) -> None:
    """Append the tensors of a nest to one list and everything else, sizes of lists included, to
    another.
    """
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


def replaced(value: Any, swap) -> Any:
    """The same nest of tuples, lists and dicts with every tensor passed through `swap`."""
    if isinstance(value, torch.Tensor):
        return swap(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[replaced(item, swap) for item in value])
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        items = [replaced(item, swap) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, dict):
        return {key: replaced(item, swap) for key, item in value.items()}
    return value


def hollow(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """A tensor of this shape without storage: one NaN seen through stride 0, on the CPU."""
    if dtype not in _BASES:
        value = float("nan") if dtype.is_floating_point else 1
        _BASES[dtype] = torch.full((), value, dtype=dtype)
    return _BASES[dtype].expand(tuple(shape))


def axes_of(tensor: torch.Tensor) -> Axes:
    """The labels per axis; a plain tensor has none."""
    return tensor.axes if type(tensor) is Labelled else (None,) * tensor.dim()
