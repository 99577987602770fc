"""Masks that keep the weights above a threshold, absolute or in standard deviations of a layer."""

from typing import Optional

import torch
from torch import nn

from edgejoule.prune.weightmasks.weight_mask import WeightMask

ABSOLUTE = 1e-4  # DeepHoyer (Yang et al., 2020)


def check(threshold: Optional[float], deviations: Optional[float]) -> None:
    """Refuses both at once, and thresholds below 0."""
    if threshold is not None and deviations is not None:
        raise ValueError(
            "threshold={!r} and deviations={!r}; give one of them".format(threshold, deviations)
        )
    for name, value in (("threshold", threshold), ("deviations", deviations)):
        if value is not None and not value >= 0:
            raise ValueError("{}={!r}; thresholds start at 0".format(name, value))


def above(
    model: nn.Module,
    mask: WeightMask,
    threshold: Optional[float] = None,
    deviations: Optional[float] = None,
    least: int = 0,
) -> WeightMask:
    """The mask without the weights whose absolute value is at most a threshold.

    It is `threshold` (1e-4 if neither is given), or `deviations` times the standard deviation of
    the weights that the layer has left. `least` weights of largest value stay in every tensor.

    Raises:
        ValueError: a weight is NaN or infinite.
    """
    check(threshold, deviations)
    found = WeightMask()
    for name, flags in mask.items():
        values = model.get_parameter(name).detach().abs().masked_fill(~flags, -1.0)
        if not bool(torch.isfinite(values).all()):
            raise ValueError("{} holds NaN or infinity; the training has diverged".format(name))
        limit = ABSOLUTE if threshold is None else threshold
        if deviations is not None:
            left = model.get_parameter(name).detach()[flags]
            # of all weights, not of a sample of them: one weight alone has deviation 0
            limit = deviations * float(left.std(unbiased=False)) if left.numel() else 0.0
        stay = values > limit
        wanted = min(least, int(flags.sum()))
        if int(stay.sum()) < wanted:
            stay.view(-1)[values.flatten().topk(wanted).indices] = True
        found[name] = stay
    return found
