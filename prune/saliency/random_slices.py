"""Random slices along the input axis (seed 003: random_S). Without a `seed` the run's decides."""

import torch

SCOPE = "layer"
BATCHES = 0
AXIS = 1


def scores(model, mask, batches, *, seed=None):
    """Per tensor, uniform numbers [in channels] that depend on the seed alone."""
    generator = torch.Generator()
    generator.manual_seed(torch.initial_seed() if seed is None else seed)
    return {
        name: torch.rand(flags.shape[AXIS], generator=generator) for name, flags in mask.items()
    }
