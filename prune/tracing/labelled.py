"""Tensors that carry labels instead of values, and nests of tensors.

A labelled tensor has a shape but no data of its own: all its entries are the same single number
in memory (as after torch's `expand`). So running a model on labelled tensors multiplies nothing
and needs no memory for activations, however large the input. The number is NaN: whatever is
computed from it where no rule looks on becomes NaN too, and is recognised by that. Only integer
tensors (indices) and single numbers are `solid`, that is, they keep their true values.
"""

from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch

Vector = Optional[np.ndarray]  # the labels along an axis [size]; None: nothing of it may leave
Axes = Tuple[Vector, ...]  # one per axis of a tensor

SAMPLE = 0.7310585786300049  # any number that no operation treats specially
_BASES: Dict[torch.dtype, torch.Tensor] = {}


class Labelled(torch.Tensor):
    """A tensor of labels; every operation on it is answered by the tracer that made it."""

    answer: Callable[[Callable, tuple, dict], Any]  # what (function, args, kwargs) result in
    axes: Axes
    learned: bool  # it is a parameter or buffer, or computed from these alone
    zero: List[bool]  # one flag shared by all views: the mask makes removed channels zero here
    source: Optional[str]  # the weight whose layer put this out
    solid: bool  # its values are true ones

    @classmethod
    def __torch_function__(
        cls,
        func: Callable,
        types: Any,
        args: tuple = (),
        kwargs: Optional[dict] = None,
    ) -> Any:
        first = args[0] if args and type(args[0]) is cls else None
        if first is None:
            first = next(t for t in tensors_in((args, kwargs)) if type(t) is cls)
        return first.answer(func, args, kwargs or {})


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


def replaced(value: Any, swap: Callable[[torch.Tensor], Any]) -> Any:
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
    """A tensor of this shape on the CPU whose entries are all one number in memory: NaN, or 1."""
    if dtype not in _BASES:
        value = float("nan") if dtype.is_floating_point else 1
        _BASES[dtype] = torch.full((), value, dtype=dtype)
    return _BASES[dtype].expand(tuple(shape))


def axes_of(tensor: torch.Tensor) -> Axes:
    """The labels per axis; a plain tensor has none."""
    return tensor.axes if isinstance(tensor, Labelled) else (None,) * tensor.dim()


def is_zero(tensor: Any) -> bool:
    """Whether the mask makes removed channels of this tensor zero."""
    return isinstance(tensor, Labelled) and tensor.zero[0]
