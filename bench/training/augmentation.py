"""Random changes of a training batch [n, c, h, w], on its own device.

Each draws with the generator it is given, so a seed fixes every picture. Batches are normalised
already: what stands for black is the value that a black pixel has after normalisation.
"""

from typing import Sequence

import torch
from torch import Tensor

from edgejoule.bench.data import Augment


def crops_and_flips(
    pad: int, flip: float, mean: Sequence[float], std: Sequence[float], scale: float = 1.0
) -> Augment:
    """Shifts by up to `pad` pixels, then mirrors a share `flip`; as a data set's `augment`.

    Pictures that were resized have `scale` pixels for each of `pad`, so that a crop of the picture
    as it is stored and one of the resized show the same.
    """
    black = -torch.tensor(mean).view(-1, 1, 1) / torch.tensor(std).view(-1, 1, 1)

    def augment(x: Tensor, generator: torch.Generator) -> Tensor:
        return mirrored(shifted(x, generator, pad, black.to(x.device), scale), generator, flip)

    return augment


def shifted(
    x: Tensor, generator: torch.Generator, pad: int, black: Tensor, scale: float = 1.0
) -> Tensor:
    """Each picture moved by up to `pad` pixels along both sides; black [c, 1, 1] comes in.

    The same as a random crop of the picture padded by `pad`. One step is `scale` pixels, rounded.
    """
    if pad == 0:
        return x
    n, _, h, w = x.shape
    # Drawn on the generator's device and not on x's: a seed moves pictures alike on CPU and GPU.
    moves = torch.randint(-pad, pad + 1, (2, n, 1), generator=generator, device=generator.device)
    down, right = (moves.to(x.device).float() * scale).round().long()
    rows = torch.arange(h, device=x.device) + down
    columns = torch.arange(w, device=x.device) + right
    inside = _inside(rows, h)[:, None, :, None] & _inside(columns, w)[:, None, None, :]
    # One gather for the whole batch; cropping picture by picture would start a kernel for each.
    # Positions outside are clamped only to be readable: `inside` replaces what they bring.
    pictures = torch.arange(n, device=x.device).view(n, 1, 1)
    moved = x.permute(0, 2, 3, 1)[
        pictures, rows.clamp(0, h - 1)[:, :, None], columns.clamp(0, w - 1)[:, None, :]
    ]
    return torch.where(inside, moved.permute(0, 3, 1, 2), black)


def _inside(positions: Tensor, length: int) -> Tensor:
    return (positions >= 0) & (positions < length)


def mirrored(x: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Each picture swapped left to right with probability `share`."""
    if share == 0:
        return x
    drawn = torch.rand(len(x), generator=generator, device=generator.device) < share
    return torch.where(drawn.view(-1, 1, 1, 1).to(x.device), x.flip(3), x)
