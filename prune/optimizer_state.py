"""An optimiser's state, cut with its model: momentum and Adam's moments go on instead of
starting anew.
"""

from typing import Any, Dict, Sequence

import numpy as np
import torch
from torch import nn

from edgejoule.prune.groups import Group
from edgejoule.prune.mask import Mask
from edgejoule.prune.shrink import keeping, taken
from edgejoule.prune.tracing.skeleton import tensors


def sliced(
    optimiser: torch.optim.Optimizer,
    model: nn.Module,
    small: nn.Module,
    groups: Sequence[Group],
    mask: Mask,
) -> torch.optim.Optimizer:
    """A new optimiser of the same kind for the shrunk model, settings and state carried over.

    Every state tensor that has its parameter's shape is cut like the parameter; single numbers,
    such as step counts, are kept. Parameter groups keep their members.
    """
    keep = keeping(model, groups, mask)
    names = {id(parameter): name for name, parameter in tensors(model)}
    new = dict(tensors(small))
    fresh = type(optimiser)(_param_groups(optimiser, names, new))
    for parameter, state in optimiser.state.items():
        name = names.get(id(parameter))
        if name is not None:
            fresh.state[new[name]] = _state(state, parameter, keep.get(name, {}))
    return fresh


def _param_groups(optimiser, names: Dict[int, str], new: Dict[str, torch.Tensor]) -> list:
    result = []
    for group in optimiser.param_groups:
        strangers = [p for p in group["params"] if id(p) not in names]
        if strangers:
            raise ValueError(
                "the optimiser holds {} parameters that aren't the model's".format(len(strangers))
            )
        result.append(dict(group, params=[new[names[id(p)]] for p in group["params"]]))
    return result


def _state(
    state: Dict[str, Any], parameter: torch.Tensor, axes: Dict[int, np.ndarray]
) -> Dict[str, Any]:
    """One parameter's state, its tensors cut like the parameter."""
    return {key: _value(value, parameter.shape, axes) for key, value in state.items()}


def _value(value: Any, shape: torch.Size, axes: Dict[int, np.ndarray]) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    if value.shape != shape:
        return value.clone()
    for axis, stay in sorted(axes.items()):
        value = taken(value, axis, stay)
    return value.clone()
