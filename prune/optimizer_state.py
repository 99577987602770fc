"""An optimiser's state, cut with its model: momentum and Adam's moments go on after a cut."""

import inspect
from typing import Any, Callable, Dict, List, Sequence

import numpy as np
import torch
from torch import nn

from edgejoule.prune.groups import Group
from edgejoule.prune.mask import Mask
from edgejoule.prune.shrink import keeping, taken
from edgejoule.prune.tracing.skeleton import tensors


def carry_optimizer(
    optimizer: torch.optim.Optimizer,
    model: nn.Module,
    small: nn.Module,
    groups: Sequence[Group],
    mask: Mask,
) -> torch.optim.Optimizer:
    """A new optimiser of the same kind for the shrunk model, settings and state carried over.

    For a training loop of your own that cuts its model on the way:

        small = shrink(model, example, groups, mask)
        optimizer = carry_optimizer(optimizer, model, small, groups, mask)
        model = small

    Training the shrunk model on then equals training the masked one on. `small` is what
    `shrink` or `fold_constants` made of `model`, whose parameters `optimizer` trains; both are
    left as they are. State of a parameter's shape is cut like the parameter, and state that
    sums over an axis (size 1 there, as in Adafactor) along the others; numbers such as step
    counts are kept. Parameter groups keep their members and settings; a bias that only the
    shrunk model has joins its layer's weight and starts without state. A learning-rate schedule
    holds on to the old optimiser, so make it anew.

    Raises:
        ValueError: the optimiser trains other parameters too, or its state can't be cut.
    """
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError("LBFGS keeps one state for all parameters, which can't be cut")
    keep = keeping(model, groups, mask)
    names = {id(parameter): name for name, parameter in tensors(model)}
    new = dict(tensors(small))
    fresh = _alike(optimizer, _param_groups(optimizer, names, new))
    for parameter, state in optimizer.state.items():
        name = names.get(id(parameter))
        if name is not None:
            fresh.state[new[name]] = _state(state, parameter, keep.get(name, {}))
    return fresh


def _alike(optimizer: torch.optim.Optimizer, groups: List[dict]) -> torch.optim.Optimizer:
    """A new optimiser of the same kind, with the old one's defaults for groups added later."""
    kind: Callable[..., torch.optim.Optimizer] = type(optimizer)
    known = inspect.signature(kind).parameters  # Adam's defaults hold what AdamW doesn't take
    return kind(groups, **{key: v for key, v in optimizer.defaults.items() if key in known})


def _param_groups(
    optimizer: torch.optim.Optimizer, names: Dict[int, str], new: Dict[str, torch.Tensor]
) -> List[dict]:
    """The optimiser's parameter groups over the shrunk model's parameters."""
    added = set(new) - set(names.values())  # biases by folding, and indices, which nobody trains
    result = []
    for group in optimizer.param_groups:
        strangers = [p for p in group["params"] if id(p) not in names]
        if strangers:
            raise ValueError(
                "the optimiser holds {} parameters that aren't the model's".format(len(strangers))
            )
        members = [names[id(p)] for p in group["params"]]
        members += [bias for bias in map(_bias_of, members) if bias in added]
        result.append(dict(group, params=[new[name] for name in members]))
    return result


def _bias_of(name: str) -> str:
    """The name of the bias beside a weight."""
    path, _, leaf = name.rpartition(".")
    return (path + "." if path else "") + "bias" if leaf == "weight" else ""


def _state(
    state: Dict[str, Any], parameter: torch.Tensor, axes: Dict[int, np.ndarray]
) -> Dict[str, Any]:
    """One parameter's state, its tensors cut like the parameter."""
    return {key: _value(key, value, parameter.shape, axes) for key, value in state.items()}


def _value(key: str, value: Any, shape: torch.Size, axes: Dict[int, np.ndarray]) -> Any:
    """One entry of a parameter's state after the cut."""
    if not isinstance(value, torch.Tensor):
        return value
    if value.numel() == 1 or not axes:
        return value.clone()
    fits = [n in (1, size) for n, size in zip(value.shape, shape)]
    if value.dim() != len(shape) or not all(fits):
        raise ValueError(
            "the optimiser keeps {!r} of shape {} for a parameter of shape {}, which can't be "
            "cut; begin a new optimiser".format(key, list(value.shape), list(shape))
        )
    for axis, stay in sorted(axes.items()):
        if value.shape[axis] == shape[axis]:
            value = taken(value, axis, stay)
    return value.clone()
