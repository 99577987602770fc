"""First-order Taylor importance of channels (Molchanov et al., 2019, arXiv:1906.10771).

Without a channel the loss changes by the sum of g w over its weights, to first order; the square is
its importance, averaged over mini-batches. `taken_on` says which weights:
    "gates"     one factor 1 on the channel behind its batch norm: (dL/dc)^2, the paper's best
    "filters"   the weights that make the channel, as one: (sum of g w)^2
    "weights"   the same weights one by one: sum of (g w)^2
Layers that write one channel count together. With a batch norm behind them "filters" score near
zero in train mode, which cancels the scale of a filter; hence eval mode unless `train_mode`.
Deviation: the authors gather the squares while the network is trained.
"""

from functools import reduce
from typing import Any, Dict, List, Sequence, Tuple

import torch
from torch import Tensor, nn

from edgejoule.prune.computed_weights import effective
from edgejoule.prune.cost import count
from edgejoule.prune.groups import Group, find_tensor, rows
from edgejoule.prune.scoring.gate_gradients import derivatives
from edgejoule.prune.scoring.gradients import mean_gradients
from edgejoule.prune.scoring.hyperplanes import writes
from edgejoule.prune.trainer import Batch, Batches, Scores

SCOPE = "global"
BATCHES = 10  # mini-batches between two removals, as the authors' settings have it
TAKEN_ON = ("gates", "filters", "weights")

Parts = Dict[str, List[Tuple[nn.Parameter, int, Sequence[Sequence[int]]]]]


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    *,
    taken_on: str = "gates",
    train_mode: bool = False,
) -> Scores:
    """Per group with units, the importance of each channel [channels], the mean over batches."""
    check(taken_on=taken_on)
    total: Scores = {}
    for batch in batches:
        if taken_on == "gates":
            found, _ = derivatives(model, groups, [batch], train_mode)
            squares = {name: each**2 for name, each in found.items()}
        else:
            squares = _of_weights(model, groups, batch, train_mode, taken_on == "filters")
        total = {name: total[name] + each if total else each for name, each in squares.items()}
    return {name: each / len(batches) for name, each in total.items()}


def check(*, taken_on: str = "gates", train_mode: bool = False) -> None:
    """Refuses what importance cannot be taken on."""
    if taken_on not in TAKEN_ON:
        raise ValueError(
            "taken_on={!r}; importance is taken on: {}".format(taken_on, ", ".join(TAKEN_ON))
        )


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring: a forward and a backward pass over the batches."""
    return 2 * sum(len(x) * count(model, x[:1]).train_macs for x, _ in batches)


def _of_weights(
    model: nn.Module, groups: Sequence[Group], batch: Batch, train_mode: bool, together: bool
) -> Scores:
    """Per group, (sum of g w)^2 of each channel's weights together, or the sum of (g w)^2."""
    parts = _parts(model, groups)
    tensors = list({id(t): t for each in parts.values() for t, _, _ in each}.values())
    if not tensors:
        return {}
    found, _ = mean_gradients(model, [batch], tensors, train_mode)
    changes = {id(t): t.detach() * gradient for t, gradient in zip(tensors, found)}
    scored = {}
    for name, each in parts.items():
        of_units = [rows(changes[id(tensor)], axis, indices) for tensor, axis, indices in each]
        if together:
            scored[name] = _sum([unit.sum(1) for unit in of_units]) ** 2
        else:
            scored[name] = _sum([(unit**2).sum(1) for unit in of_units])
    return scored


def _parts(model: nn.Module, groups: Sequence[Group]) -> Parts:
    """Per group that a layer writes, (weight, axis, positions of each channel) of its layers."""
    found: Parts = {}
    for group in groups:
        for unit in group.units:
            name = unit.weight or unit.producer + ".weight"
            tensor = find_tensor(model, name)
            # a weight norm's direction: its length is free, so g w of it is always zero
            if effective(model, name) is not None or not isinstance(tensor, nn.Parameter):
                raise ValueError(
                    "{} is computed from other tensors and has no gradient of its own; choose "
                    "taken_on='gates'".format(name)
                )
            if writes(model, unit):
                part = next(s for s in group.slices if s.tensor == name and s.axis == unit.axis)
                found.setdefault(group.name, []).append((tensor, part.axis, part.indices))
    return found


def _sum(parts: Sequence[Tensor]) -> Tensor:
    return reduce(torch.add, parts)
