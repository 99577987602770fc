"""Random weights: the control (`rand_us`; Lee et al., 2020; Frankle et al., 2021).

Exactly the asked number leaves; the reference draws each weight's fate on its own. Without a
`seed` the seed of the run decides.
"""

from typing import Optional

import torch
from torch import nn

from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "global"
BATCHES = 0
AXIS = None


def scores(
    model: nn.Module, mask: WeightMask, batches: Batches, *, seed: Optional[int] = None
) -> Scores:
    """Per tensor, uniform numbers in its shape that depend on the seed alone."""
    # a generator of our own: torch's global one would depend on what was drawn before
    generator = torch.Generator()
    generator.manual_seed(torch.initial_seed() if seed is None else seed)
    return {name: torch.rand(flags.shape, generator=generator) for name, flags in mask.items()}
