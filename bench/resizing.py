"""Pictures brought to another size, as Pillow's bilinear filter does it.

torch's own interpolation averages nothing when it makes pictures smaller (its `antialias` came
with torch 1.11), so the filter is written out as one matrix for the rows and one for the columns.
Deviation: Pillow rounds to whole bytes after rows and after columns, here nothing is rounded.
"""

from functools import lru_cache

import torch
from torch import Tensor


def resized(x: Tensor, side: int) -> Tensor:
    """Pictures [..., h, w] of floats as [..., side, side], whatever their sides were."""
    rows, columns = (_weights(length, side).to(x) for length in x.shape[-2:])
    return rows @ x @ columns.t()


@lru_cache(maxsize=8)
def _weights(length: int, side: int) -> Tensor:
    """How much each of `length` pixels counts in each of `side` pixels [side, length]."""
    scale = length / side
    middles = (torch.arange(side, dtype=torch.float64) + 0.5) * scale
    pixels = torch.arange(length, dtype=torch.float64) + 0.5
    # a triangle as wide as a pixel of the coarser of the two grids
    apart = (pixels - middles[:, None]).abs() / max(scale, 1.0)
    weights = (1 - apart).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)
