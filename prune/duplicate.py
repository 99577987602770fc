"""Copies of a model in which some tensors are replaced by others."""

import collections
import copy
from typing import Any, Dict, Optional

import torch
from torch import nn

SHARED = frozenset((type(None), bool, int, float, str, torch.dtype, torch.device, torch.Size))
OWN_WAYS = frozenset(
    ["__deepcopy__", "__copy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"]
)


def duplicate(model: nn.Module, instead: Optional[Dict[int, Any]] = None) -> nn.Module:
    """A deep copy of the model in which some tensors are replaced by others.

    `instead` maps id(tensor) to what stands in its place, wherever it occurs.

    Tensors that a module keeps as plain attributes, such as a weight recomputed before every
    run, are copied without their history, which deepcopy alone refuses. Modules are copied by
    hand, many times faster than by deepcopy, unless their class has its own way of being
    copied.
    """
    return _module(uncompiled(model), dict(instead or {}))


def uncompiled(model: nn.Module) -> nn.Module:
    """The model that torch.compile wrapped, or the model itself if it is not compiled."""
    inner = getattr(model, "_orig_mod", None)  # what torch.compile calls it, in every version
    return inner if isinstance(inner, nn.Module) else model


def _module(module: nn.Module, memo: Dict[int, Any]) -> nn.Module:
    if id(module) in memo:
        return memo[id(module)]
    if _own_way(type(module)):
        return copy.deepcopy(module, memo)
    # noted before its attributes are copied: a module may hold itself, by way of a child
    twin = memo[id(module)] = module.__new__(type(module))
    for key, value in vars(module).items():
        # compiled code runs the tensors of the module that it was compiled for
        twin.__dict__[key] = None if key == "_compiled_call_impl" else _attribute(value, memo)
    return twin


def _attribute(value: Any, memo: Dict[int, Any]) -> Any:
    kind = type(value)
    if kind in SHARED or (kind is tuple and SHARED.issuperset(map(type, value))):
        return value
    if kind is dict or kind is collections.OrderedDict:
        if id(value) not in memo:
            twin = memo[id(value)] = kind()
            for key in value:
                twin[key] = _attribute(value[key], memo)
        return memo[id(value)]
    if isinstance(value, nn.Module):
        return _module(value, memo)
    if isinstance(value, torch.Tensor) and not value.is_leaf:  # deepcopy refuses these
        memo.setdefault(id(value), value.detach().clone())
    return copy.deepcopy(value, memo)


def _own_way(kind: type) -> bool:
    """Whether a class, outside torch's own layers, defines how it is copied."""
    if kind not in _OWN:
        _OWN[kind] = any(
            OWN_WAYS.intersection(vars(each))
            for each in kind.__mro__
            if each is not object and not each.__module__.startswith("torch.nn.")
        )
    return _OWN[kind]


_OWN: Dict[type, bool] = {}
