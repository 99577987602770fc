"""What must hold after a cut, as numbers: parity, sizes, gradients, counts.

Parity is the largest difference between the masked and the shrunk model, relative to the largest
output, in eval() and train() alike; random numbers are drawn alike in both.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import torch
from torch import nn

from edgejoule.bench.zoo.net import answer, tensors
from edgejoule.prune import macs, parity, select
from edgejoule.prune.computed_weights import stored
from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.groups import Group, filters
from edgejoule.prune.mask import Mask, masked
from edgejoule.prune.shrink import keeping, shrink


class Cut(NamedTuple):
    """A model, its groups, a mask and what the cut left."""

    model: nn.Module
    groups: Sequence[Group]
    mask: Mask
    small: nn.Module


def cut(model: nn.Module, inputs: Any, groups: Sequence[Group], ratio: float, by: str) -> Cut:
    """The model cut at a ratio, by random scores or by the L2 norm of its filters."""
    mask = select.select(scores(model, groups, by), groups, ratio, scope="layer")
    return Cut(model, groups, mask, shrink(model, inputs, groups, mask))


def scores(model: nn.Module, groups: Sequence[Group], by: str) -> Dict[str, torch.Tensor]:
    """Random or L2 scores per group [channels]."""
    draw = torch.Generator().manual_seed(5)  # the same channels in every examination
    if by == "random":
        return {group.name: torch.rand(group.channels, generator=draw) for group in groups}
    return {group.name: _squares(model, group) for group in groups}


def _squares(model: nn.Module, group: Group) -> torch.Tensor:
    """The sum of squares of each channel's filters [channels], over all layers of the group."""
    squares = (rows.pow(2).sum(1) for rows in filters(model, group))
    return sum(squares, torch.zeros(group.channels))


def parity_of(case: Cut, inputs: Any, modes: Sequence[bool] = (False, True)) -> float:
    """The largest relative difference between masked and shrunk model over the modes."""
    return parity.parity(masked(case.model, case.groups, case.mask), case.small, inputs, modes)


def empty(model: nn.Module) -> List[str]:
    """Parameters and buffers without a single entry."""
    return [name for name, tensor in model.state_dict().items() if not tensor.numel()]


def untrained(model: nn.Module, inputs: Any) -> List[str]:
    """Parameters that require a gradient and get none in a training step.

    The step is taken, on a copy: an optimiser raises where a gradient has another shape.
    """
    model = duplicate(model).train()
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    torch.manual_seed(11)
    # Random weights, because a plain sum is blind to some layers: a softmax always sums to 1.
    parts = ((t * torch.rand_like(t)).sum() for t in tensors(answer(model, inputs)))
    sum(parts, torch.zeros(())).backward()
    optimiser.step()
    return [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]


def expected(case: Cut, inputs: Any) -> Dict[str, Optional[int]]:
    """params and MACs that a cut should leave, from the dense model and the plan alone.

    A layer's MACs are in proportion to its weight's entries. MACs are None where the inputs are
    not one tensor, which is all that `macs.observe` takes.
    """
    keep = keeping(case.model, case.groups, case.mask)
    sizes = {}
    for name, parameter in case.model.named_parameters():
        left = dict(enumerate(parameter.shape))
        left.update({axis: len(stay) for axis, stay in keep.get(name, {}).items()})
        sizes[id(parameter)] = 1
        for size in left.values():
            sizes[id(parameter)] *= size
    return {"params": sum(sizes.values()), "macs": _expected_macs(case.model, inputs, sizes)}


def _expected_macs(model: nn.Module, inputs: Any, sizes: Dict[int, int]) -> Optional[int]:
    if not isinstance(inputs, torch.Tensor):
        return None
    total = 0
    for call in macs.observe(model, inputs).calls:
        one = stored(call.layer, "weight")  # the lengths of a weight norm multiply no input
        # nor do biases
        weights = [p for p in call.layer.parameters() if p.dim() > 1] if one is None else [one]
        if call.forward and weights:
            left = sum(sizes[id(p)] for p in weights)
            total += call.forward * left // sum(p.numel() for p in weights)
    return total


def counted(model: nn.Module, inputs: Any) -> Dict[str, Optional[int]]:
    """params and MACs of a model by counting; MACs None where the inputs are not one tensor."""
    return {
        "params": parameters(model),
        "macs": forward_macs(model, inputs) if isinstance(inputs, torch.Tensor) else None,
    }


def parameters(model: nn.Module) -> int:
    """How many numbers the parameters of a model are, shared ones counted once."""
    return sum(p.numel() for p in model.parameters())


def forward_macs(model: nn.Module, inputs: torch.Tensor) -> int:
    """Multiply-accumulates of one evaluation of the whole batch."""
    return sum(call.forward for call in macs.observe(model, inputs).calls)
