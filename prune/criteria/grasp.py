"""Structured GraSP: a channel's score is the sum of w * Hg over its filters.

What SNIP-it's authors tried and gave up (Verdenius et al., 2020, arXiv:2006.00896, appendix E: it
"works", but "doesn't yield favourable results"); they published no code. Removing a filter is the
perturbation -w on all of its weights, so eq. 7 of GraSP (Wang et al., 2020, arXiv:2002.07376) sums
its weights' scores (`prune.saliency.grasp`). Unlike elasticities the sums have both signs: a dead
channel scores 0 and stays while others, whose loss would raise the gradient flow, leave first.
Deviation: biases and batch norms leave with their channel but are not scored, as GraSP has it.
"""

from functools import reduce
from typing import Any, List, Sequence

import torch
from torch import nn

from edgejoule.prune.groups import Group, Slice, Unit, rows
from edgejoule.prune.saliency import grasp
from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks import weight_mask
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "global"
BATCHES = grasp.BATCHES


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    *,
    per_class: int = 10,
    temperature: float = 200.0,
    train_mode: bool = True,
) -> Scores:
    """Per group whose filters are plain weights, the sum of w * Hg of each channel [channels]."""
    single = grasp.scores(
        model,
        _every_weight(model),
        batches,
        per_class=per_class,
        temperature=temperature,
        train_mode=train_mode,
    )
    found = {}
    for group in groups:
        parts = [part for unit in group.units for part in _filters(group, unit)]
        plain = [part for part in parts if part.tensor in single]
        # a group of which one layer cannot be judged stays whole
        if plain and len(plain) == len(group.units):
            sums = [rows(single[part.tensor], part.axis, part.indices).sum(1) for part in plain]
            found[group.name] = reduce(torch.add, sums)
    return found


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring, as for single weights."""
    return grasp.flops(model, _every_weight(model), batches, **options)


def notes(model: nn.Module, groups: Sequence[Group], batches: Batches, **options: Any) -> List[str]:
    """What could not be done as asked: classes of which too few images were drawn."""
    return grasp.notes(model, _every_weight(model), batches, **options)


def check(**options: Any) -> None:
    """Refuses values that mean nothing."""
    grasp.check(**options)


def _every_weight(model: nn.Module) -> WeightMask:
    """The mask over all plain weights: g and H are those of the whole network."""
    plain = dict(model.named_parameters())
    return weight_mask.full(model, [name for name in weight_mask.names(model) if name in plain])


def _filters(group: Group, unit: Unit) -> List[Slice]:
    """The part of the unit's weight that makes the group's channels, [] where there is none."""
    name = unit.weight or unit.producer + ".weight"
    return [part for part in group.slices if part.tensor == name and part.axis == unit.axis][:1]
