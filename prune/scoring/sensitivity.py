"""Sensitivities of provable filter pruning (Liebenwein et al., 2020, arXiv:1911.07412).

The share of an input in one response, W_ij a_j / sum_j' W_ij' a_j', taken over the positive and the
negative weights apart; an input channel's sensitivity is its largest share over images, positions,
kernel taps and filters. Bias excluded. Inputs that are negative somewhere count as two, their
positive and their negative part, as in the authors' code.
"""

from typing import Any, Callable, Dict, List, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgejoule.prune.groups import Group
from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.scoring.reconstruction import Plain, Reader, padded, readers
from edgejoule.prune.trainer import Batches

EPS = float(np.finfo(np.float32).eps)  # a response below it is shared by nobody
FILTERS = 16  # taken at once: memory is filters x inputs x positions


def sensitivities(model: nn.Module, groups: Sequence[Group], batches: Batches) -> Dict[str, Tensor]:
    """Per group with readers, each channel's largest share in any reader [channels], 0 to 1."""
    reading = {group.name: readers(model, group) for group in groups}
    layers = {each.tensor: each.module for some in reading.values() for each in some}
    largest: Dict[str, Tensor] = {}
    hooks = [
        module.register_forward_pre_hook(_observer(largest, tensor))
        for tensor, module in layers.items()
    ]
    try:
        with torch.no_grad(), in_mode(model, False):
            for x, _ in batches:
                model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: _of(largest, some) for name, some in reading.items() if some}


def shares(module: Plain, x: Tensor) -> Tensor:
    """The largest share of each input channel in any response to a batch [in]."""
    weight = module.weight.detach().flatten(1)
    found = weight.new_zeros(weight.shape[1])
    for image in x:  # one at a time: the shares of a batch would not fit
        columns = _columns(module, image[None])
        for half in (columns.relu(), (-columns).relu()):
            if bool(half.any()):
                for rows in (weight.relu(), (-weight).relu()):
                    found = torch.max(found, _largest(rows, half))
    taps = found.view(module.weight.shape[1], -1)
    return taps.max(1)[0]


def _of(largest: Dict[str, Tensor], some: List[Reader]) -> Tensor:
    each = [largest[one.tensor].cpu()[one.positions].max(1)[0] for one in some]
    return torch.stack(each).max(0)[0].double()


def _columns(module: Plain, x: Tensor) -> Tensor:
    """What the filters see at every position of one image [in * taps, positions]."""
    if isinstance(module, nn.Linear):
        return x.reshape(-1, x.shape[-1]).t()
    return functional.unfold(
        padded(module, x), module.kernel_size, module.dilation, 0, module.stride
    )[0]


def _largest(rows: Tensor, columns: Tensor) -> Tensor:
    """The largest share of every input tap over filters and positions [in * taps]."""
    found = rows.new_zeros(rows.shape[1])
    for some in rows.split(FILTERS):
        sums = some @ columns
        inverse = torch.where(sums > EPS, 1 / sums, torch.zeros_like(sums))
        over_positions = (columns[None] * inverse[:, None]).max(2)[0]
        found = torch.max(found, (over_positions * some).max(0)[0])
    return found.clamp(max=1)  # rounding may lift a lone contributor's share above 1


def _observer(largest: Dict[str, Tensor], tensor: str) -> Callable[[Any, Any], None]:
    def hook(module: Any, inputs: Any) -> None:
        found = shares(module, inputs[0])
        largest[tensor] = torch.max(largest[tensor], found) if tensor in largest else found

    return hook
