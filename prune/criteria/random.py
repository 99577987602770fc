"""Random channels: the control that every other criterion has to beat (Lee et al., 2020, `rand_s`).

Layerwise, so that each layer loses the same share. Without a `seed` the seed of the run decides.
"""

from typing import Optional, Sequence

import torch
from torch import nn

from edgejoule.prune.groups import Group
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "layer"
BATCHES = 0


def scores(
    model: nn.Module, groups: Sequence[Group], batches: Batches, *, seed: Optional[int] = None
) -> Scores:
    """Per group, uniform numbers [channels] that depend on the seed alone."""
    # a generator of our own: torch's global one would depend on what was drawn before
    generator = torch.Generator()
    generator.manual_seed(torch.initial_seed() if seed is None else seed)
    return {group.name: torch.rand(group.channels, generator=generator) for group in groups}
