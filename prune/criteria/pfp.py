"""Provable filter pruning: a channel is worth its largest share (Liebenwein 2020, 1911.07412).

Layerwise; `prune.scoring.sensitivity` says what a share is. Recipe "pfp" also lets the
sensitivities decide how much each layer loses, as the paper does. The paper takes images of the
validation set, its code 128 of them; here they are from the training set. Deviation: where several
layers read a channel the largest of their shares counts.
"""

from typing import Sequence

from torch import nn

from edgejoule.prune import macs
from edgejoule.prune.groups import Group
from edgejoule.prune.scoring import reconstruction, sensitivity
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "layer"
BATCHES = 1


def scores(model: nn.Module, groups: Sequence[Group], batches: Batches) -> Scores:
    """Per group that something reads, the sensitivity of each channel [channels], 0 to 1."""
    return sensitivity.sensitivities(model, groups, batches)


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches) -> int:
    """FLOPs of one scoring: forward passes, and 6 per MAC of a reader.

    For each sign of the weights a response's sum takes 2 and a share 1. Readers whose inputs are
    negative somewhere take it twice, which is not counted.
    """
    reading = {id(each.module) for group in groups for each in reconstruction.readers(model, group)}
    total = 0
    for x, _ in batches:
        for call in macs.observe(model, x[:1]).calls:
            total += len(x) * call.forward * (8 if id(call.layer) in reading else 2)
    return total
