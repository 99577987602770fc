"""ThiNet (Luo et al., 2017, arXiv:1707.06342): a channel's worth is what its readers lose.

Layerwise. Channels leave greedily so that the sampled outputs of the next layers change least; the
score is that order. This scores all layers at once; recipe "thinet" goes layer by layer and
rescales what is left, as the paper does. The paper takes about 10 images per class and 10 points
per image. Deviation: where several layers read a channel their points count together.
"""

import torch

from edgejoule.prune.cost import count
from edgejoule.prune.scoring import reconstruction

SCOPE = "layer"
BATCHES = 2


def scores(model, groups, batches, *, points=10):
    """Per group that something reads, the rank of each channel in the removal order [channels]."""
    check(points=points)
    found = reconstruction.grams(model, groups, batches, points, torch.initial_seed() % 2**32)
    return {
        name: torch.from_numpy(reconstruction.order(gram)[0].argsort()).double()
        for name, gram in found.items()
    }


def check(*, points=10):
    """Refuses to sample nothing."""
    if points < 1:
        raise ValueError("points={!r}; at least one point per image is sampled".format(points))


def flops(model, groups, batches, *, points=10):
    """FLOPs of one scoring: forward passes and the Gram matrices of the points."""
    images = sum(len(x) for x, _ in batches)
    forward = sum(len(x) * count(model, x[:1]).forward_macs for x, _ in batches)
    products = sum(
        group.channels**2 * len(reconstruction.readers(model, group)) for group in groups
    )
    return 2 * (forward + images * points * products)
