"""L1 norm of the filters (Li et al., 2017, "Pruning Filters for Efficient ConvNets", 1608.08710).

Layerwise. Deviation: where several layers write to one group, their filters count as one long
filter.
"""

from edgejoule.prune.groups import filters

SCOPE = "layer"
BATCHES = 0


def scores(model, groups, batches):
    """Per group, the sum of absolute weights of each channel [channels], unitless."""
    return {
        group.name: sum(rows.detach().abs().sum(1) for rows in filters(model, group))
        for group in groups
        if group.units
    }


def flops(model, groups, batches):
    """FLOPs of one scoring: an absolute value and an addition per weight."""
    return sum(2 * rows.numel() for group in groups for rows in filters(model, group))
