"""Random channels: the control that every claim is read against (Lee et al., 2020, `rand_s`).

Layerwise, so that each layer loses the same share. Without a `seed` the seed of the run decides.
"""

import torch

SCOPE = "layer"
BATCHES = 0


def scores(model, groups, batches, *, seed=None):
    """Per group, uniform numbers [channels] that depend on the seed alone."""
    generator = torch.Generator()
    generator.manual_seed(torch.initial_seed() if seed is None else seed)
    return {group.name: torch.rand(group.channels, generator=generator) for group in groups}
