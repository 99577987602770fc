"""Random slices along the input axis (seed 003: random_S). Without a `seed` the run's decides."""

from typing import Optional

import torch
from torch import nn

from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "layer"
BATCHES = 0
AXIS = 1


def scores(
    model: nn.Module, mask: WeightMask, batches: Batches, *, seed: Optional[int] = None
) -> Scores:
    """Per tensor, uniform numbers [in channels] that depend on the seed alone."""
    # a generator of our own: torch's global one would depend on what was drawn before
    generator = torch.Generator()
    generator.manual_seed(torch.initial_seed() if seed is None else seed)
    return {
        name: torch.rand(flags.shape[AXIS], generator=generator) for name, flags in mask.items()
    }
