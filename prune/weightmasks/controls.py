"""Controls that ask what a mask is good for (Frankle et al., 2021, arXiv:2009.08576).

"shuffle" permutes the mask inside every tensor, so only the amount per layer survives; "invert"
removes the highest scores instead of the lowest. Fresh weights are a treatment
(`prune.weightmasks.treatments`).
"""

import torch

from edgejoule.prune.trainer import Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

CONTROLS = ("none", "shuffle", "invert")


def check(control: str) -> None:
    """Refuses a control that does not exist."""
    if control not in CONTROLS:
        raise ValueError(
            "no control called {!r}; there are: {}".format(control, ", ".join(CONTROLS))
        )


def inverted(scores: Scores) -> Scores:
    """Scores that rank the weights in the opposite order."""
    return {name: -each for name, each in scores.items()}


def shuffled(mask: WeightMask, seed: int) -> WeightMask:
    """A mask that keeps as many weights of every tensor, drawn by chance."""
    # drawn on the CPU: a GPU's generator gives other numbers for the same seed
    generator, found = torch.Generator().manual_seed(seed), WeightMask()
    for name, flags in mask.items():
        order = torch.randperm(flags.numel(), generator=generator).to(flags.device)
        found[name] = flags.flatten()[order].view(flags.shape)
    return found
