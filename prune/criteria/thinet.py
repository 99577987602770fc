"""ThiNet (Luo et al., 2017, arXiv:1707.06342): a channel is worth what the next layers would lose.

Layerwise. Channels leave greedily so that the sampled outputs of the layers that read them change
least; the score is that order. This scores all layers at once; recipe "thinet" goes layer by layer
and rescales what is left, as the paper does. The paper takes about 10 images per class and 10
points per image. Deviation: where several layers read a channel their points count together.
"""

from typing import Sequence

import torch
from torch import nn

from edgejoule.prune.cost import count
from edgejoule.prune.groups import Group
from edgejoule.prune.scoring import reconstruction
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "layer"
BATCHES = 2


def scores(
    model: nn.Module, groups: Sequence[Group], batches: Batches, *, points: int = 10
) -> Scores:
    """Per group that something reads, the rank of each channel in the removal order [channels]."""
    check(points=points)
    seed = torch.initial_seed() % 2**32  # NumPy takes no longer seeds
    found = reconstruction.grams(model, groups, batches, points, seed)
    return {
        # argsort turns the order of removal into each channel's place in it
        name: torch.from_numpy(reconstruction.order(gram)[0].argsort()).double()
        for name, gram in found.items()
    }


def check(*, points: int = 10) -> None:
    """Refuses to sample nothing."""
    if points < 1:
        raise ValueError("points={!r}; at least one point per image is sampled".format(points))


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches, *, points: int = 10) -> int:
    """FLOPs of one scoring: forward passes and the Gram matrices of the points."""
    images = sum(len(x) for x, _ in batches)
    forward = sum(len(x) * count(model, x[:1]).forward_macs for x, _ in batches)
    products = sum(
        group.channels**2 * len(reconstruction.readers(model, group)) for group in groups
    )
    return 2 * (forward + images * points * products)
