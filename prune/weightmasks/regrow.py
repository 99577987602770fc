"""Which connections of a sparse layer go and which come: decisions on tensors alone.

Masks are bool tensors of the weight's shape, True is kept. Numbers of connections are floor(share *
n); of equal scores the earlier weight goes first and the earlier one comes first, where authors'
code adds noise of 1e-5 to the scores.
"""

import math
from typing import List, Sequence

import torch
from torch import Tensor

from edgejoule.prune.weightmasks import weight_mask
from edgejoule.prune.weightmasks.densities import apportioned
from edgejoule.prune.weightmasks.weight_mask import WeightMask


def share_of(count: int, share: float) -> int:
    """How many of `count` a share is, rounded down; 0.29 of 100 is 29."""
    return int(math.floor(share * count + 1e-9))


def lowest(scores: Tensor, among: Tensor, count: int) -> Tensor:
    """True for the `count` lowest scores among the flagged.

    Raises:
        ValueError: fewer are flagged, or a score is NaN or infinite.
    """
    left = weight_mask.lowest({"": scores}, WeightMask({"": among}), count)[""]
    return among & ~left


def by_magnitude(weight: Tensor, kept: Tensor, share: float) -> Tensor:
    """True for the share of the kept weights that is closest to zero."""
    return lowest(weight.abs(), kept, share_of(int(kept.sum()), share))


def by_magnitude_of_each_sign(weight: Tensor, kept: Tensor, share: float) -> Tensor:
    """True for the share of positive and of negative kept weights that is closest to zero."""
    return by_magnitude(weight, kept & (weight > 0), share) | by_magnitude(
        weight, kept & (weight < 0), share
    )


def below(weight: Tensor, kept: Tensor, threshold: float) -> Tensor:
    """True for kept weights smaller than a threshold; the largest stays if all of them are."""
    gone = kept & (weight.abs() < threshold)
    if kept.any() and bool((gone == kept).all()):
        gone = kept & ~lowest(-weight.abs(), kept, 1)
    return gone


def steepest(gradient: Tensor, kept: Tensor, count: int) -> Tensor:
    """True for the `count` absent weights on which the loss depends most."""
    return lowest(-gradient.abs(), ~kept, count)


def by_chance(kept: Tensor, dropped: Tensor, count: int, chance: torch.Generator) -> Tensor:
    """True for `count` absent weights, all equally likely, but not those that were just dropped.

    Where there are fewer others, some of those come back. Never more than are absent.
    """
    free = _drawn(~kept & ~dropped, count, chance)
    missing = count - int(free.sum())
    return free | _drawn(dropped & ~kept, missing, chance) if missing > 0 else free


def allotted(count: int, survivors: Sequence[int], room: Sequence[int]) -> List[int]:
    """How many of `count` new connections each layer gets, in proportion to its survivors.

    A layer takes no more than it has room for; what is left is shared out again among the others
    (where none of those has a survivor, equally).
    """
    found = [0] * len(survivors)
    while count and any(free > had for free, had in zip(room, found)):
        able = [place for place, free in enumerate(room) if free > found[place]]
        weights = [survivors[place] for place in able]
        weights = weights if sum(weights) else [1] * len(able)
        shares = apportioned(count, [count * each / sum(weights) for each in weights])
        for place, share in zip(able, shares):
            taken = min(share, room[place] - found[place])
            found[place] += taken
            count -= taken
    return found


def _drawn(among: Tensor, count: int, chance: torch.Generator) -> Tensor:
    """`count` of the flagged, or all if there are fewer; drawn on the CPU, as all chance is."""
    places = among.flatten().nonzero().flatten()
    order = torch.randperm(len(places), generator=chance)[:count].to(places.device)
    found = torch.zeros(among.numel(), dtype=torch.bool, device=among.device)
    found[places[order]] = True
    return found.view(among.shape)
