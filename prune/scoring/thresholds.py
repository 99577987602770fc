"""Which channels stay by a threshold on their scores, given or found in a histogram."""

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor

from edgejoule.prune.groups import Group
from edgejoule.prune.mask import Mask

BINS = 100  # of [0, 1], as in the code of Zhuang et al. (2020)
WITHOUT_VALLEY = 0.01  # the authors' fixed threshold; their rule has no answer here


def valley(values: Sequence[float], bins: int = BINS) -> Optional[float]:
    """Where the histogram of values in [0, 1] first stops falling, None if it never does.

    The left edge of the first bin that is no higher than the one before it and no higher than the
    one after it.
    """
    counts, edges = np.histogram(np.asarray(values, float), bins=bins, range=(0, 1))
    slope = np.diff(counts)
    turns = np.flatnonzero((slope[:-1] <= 0) & (slope[1:] >= 0))
    return float(edges[turns[0] + 1]) if len(turns) else None


def of_groups(
    scores: Mapping[str, Tensor], threshold: Optional[float]
) -> Tuple[Dict[str, float], List[str]]:
    """({group: threshold}, notes): the same for all, or each group's valley where it is None."""
    if threshold is not None:
        return dict.fromkeys(scores, threshold), []
    found = {name: valley(each.double().cpu().tolist()) for name, each in scores.items()}
    notes = [
        "the histogram of group {!r} has no valley; its threshold is {}".format(
            name, WITHOUT_VALLEY
        )
        for name, each in found.items()
        if each is None
    ]
    return {n: WITHOUT_VALLEY if each is None else each for n, each in found.items()}, notes


def above(
    scores: Mapping[str, Tensor],
    groups: Sequence[Group],
    thresholds: Mapping[str, float],
    least: int = 1,
) -> Mask:
    """The mask that keeps channels whose score is above their group's threshold.

    Of a group that would keep fewer than `least` the best stay, and the notes say so. Groups
    without a score stay whole.

    Raises:
        ValueError: a score is NaN or infinite.
    """
    mask = Mask()
    for group in groups:
        if group.name not in scores:
            mask[group.name] = torch.ones(group.channels, dtype=torch.bool)
            continue
        found = scores[group.name].detach().cpu()
        if not bool(torch.isfinite(found).all()):
            raise ValueError("scores of group {!r} hold NaN or infinity".format(group.name))
        flags, wanted = found > thresholds[group.name], min(least, group.channels)
        if int(flags.sum()) < wanted:
            mask.notes += (
                "group {!r} was held at {} of {} channels; {} are above {:g}".format(
                    group.name, wanted, group.channels, int(flags.sum()), thresholds[group.name]
                ),
            )
            order = sorted(range(group.channels), key=lambda c: (-float(found[c]), c))
            flags[order[:wanted]] = True
        mask[group.name] = flags
    return mask
