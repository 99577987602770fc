"""The inverse of the curvature, whole or in blocks, of the weights that a mask keeps.

A network of up to 2000 weights has one block with all of them. Larger ones have blocks of `block`
consecutive weights of a tensor, between which the curvature counts as zero. A sheet is a row of
equal blocks [blocks, size, size], all in float64.
"""

from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import torch
from torch import Tensor, nn

from edgejoule.prune.scoring import curvature as curvatures
from edgejoule.prune.scoring import sample_gradients
from edgejoule.prune.scoring.sample_gradients import Call, Layer
from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

BLOCK = 128  # weights in a block where the whole is too large: 1 kB of matrix for each weight
LIMIT = 8 * 2**30  # bytes of all blocks
TINY = 1e-30  # damping where no weight has any curvature: all that is left to rank by is size
SINGULAR = 1e-12  # smallest against largest eigenvalue: float64 inverts nothing beyond
# FLOPs per n^3: eigenvalues and vectors (Golub & Van Loan, 8.3), and the product that follows
INVERSION = 9 + 2


class Sheet(NamedTuple):
    """Blocks over the weights of some tensors, one after the other, and what they are for.

    `inverse` is [blocks, size, size], `kept` and `weights` [blocks, size]; the last block is
    filled up with weights 0 that count as gone.
    """

    names: Sequence[str]
    inverse: Tensor
    kept: Tensor
    weights: Tensor


def sheets(
    model: nn.Module,
    mask: WeightMask,
    batches: Batches,
    curvature: str,
    damping: float,
    block: Optional[int] = None,
) -> List[Sheet]:
    """The inverse of the mean curvature plus `damping` times its mean diagonal.

    Curvature below zero counts as none: around a minimum there is none.

    Raises:
        ValueError: the blocks need too much memory, or are singular.
    """
    names, size = _layout(mask, block)
    flat = [_sheet(mask, some, size) for some in names]
    if curvature == "hessian":
        found = [curvatures.hessian(model, list(mask), batches).double()[None]]
    else:
        found = _products(model, names, size, batches, curvature)
    # a weight that is gone cannot make up for another: its rows become those of a diagonal matrix
    found = [each * (k[:, :, None] & k[:, None, :]) for each, k in zip(found, flat)]
    trace = sum(float(each.diagonal(dim1=1, dim2=2).sum()) for each in found)
    mean = trace / max(1, mask.kept)
    added = max(damping * mean, TINY)
    # whatever stands on a lonely diagonal, its block can be inverted
    alone = [torch.diag_embed(~k * (mean or TINY)) for k in flat]
    found = [inverse(each + diagonal, added) for each, diagonal in zip(found, alone)]
    values = {name: model.get_parameter(name).detach().double() for name in mask}
    return [
        Sheet(some, each, k, _sheet(values, some, size))
        for some, each, k in zip(names, found, flat)
    ]


def inverse(matrix: Tensor, added: Union[float, Tensor]) -> Tensor:
    """Inverses of symmetric matrices [n, size, size] plus `added` (one, or [n]) times identity.

    Eigenvalues below zero count as zero.

    Raises:
        ValueError: next to nothing is added, and a matrix is singular.
    """
    values, vectors = torch.linalg.eigh((matrix + matrix.transpose(1, 2)) / 2)
    more = torch.as_tensor(added, dtype=values.dtype, device=values.device).reshape(-1, 1)
    values = values.clamp(min=0) + more
    flat = (values.min(1)[0] <= SINGULAR * values.max(1)[0]) & (more[:, 0] <= TINY)
    if bool(flat.any()):
        # some weights could change for nothing, and the others' prices would be noise
        raise ValueError(
            "the curvature is singular: these images say nothing of some weights; set "
            "damping above 0 or score more batches"
        )
    return (vectors / values[:, None, :]) @ vectors.transpose(1, 2)


def diagonals(found: Sequence[Sheet], mask: WeightMask) -> Scores:
    """Per tensor, the diagonal of the inverse in the tensor's shape, float64."""
    return _apart(found, [each.inverse.diagonal(dim1=1, dim2=2) for each in found], mask)


def changes(found: Sequence[Sheet], after: WeightMask, joint: bool = True) -> Scores:
    """Per tensor, what the weights must change by so that those not in `after` become zero.

    `joint`: of all such changes the one that raises the quadratic model of the loss least,
    -H^-1[:, S] (H^-1[S, S])^-1 w[S] for the set S of the weights that leave. Otherwise the sum of
    the changes for each of them alone, which makes up twice for what they have in common.
    """
    parts = []
    for each in found:
        stay = _sheet(after, each.names, each.inverse.shape[1])
        leave = (each.kept & ~stay).to(each.weights)
        if joint:
            inner = each.inverse * leave[:, :, None] * leave[:, None, :]
        else:
            inner = torch.diag_embed(each.inverse.diagonal(dim1=1, dim2=2) * leave)
        inner = inner + torch.diag_embed(1 - leave)
        pull = torch.linalg.solve(inner, (leave * each.weights)[:, :, None])
        parts.append(-(each.inverse @ pull)[:, :, 0] * each.kept)
    return _apart(found, parts, after)


def work(mask: WeightMask, rows: int, block: Optional[int]) -> int:
    """FLOPs of adding up the blocks of `rows` gradients of single images, and of inverting them."""
    names, size = _layout(mask, block)
    blocks = sum(_count(mask, some, size) for some in names)
    return blocks * (2 * rows * size**2 + INVERSION * size**3)


def change_work(mask: WeightMask, block: Optional[int]) -> int:
    """FLOPs of `changes`: a linear system 2/3 n^3 and a product 2 n^2 in each block."""
    names, size = _layout(mask, block)
    blocks = sum(_count(mask, some, size) for some in names)
    return blocks * (2 * size**3 // 3 + 2 * size**2)


def _layout(mask: WeightMask, block: Optional[int]) -> Tuple[List[List[str]], int]:
    """(the names of each sheet's tensors, the size of its blocks)."""
    if block is None and mask.weights <= curvatures.WHOLE:
        return [list(mask)], mask.weights
    size = min(block or BLOCK, max(flags.numel() for flags in mask.values()))
    names = [[name] for name in mask]
    needed = 8 * size**2 * sum(_count(mask, some, size) for some in names)
    if needed > LIMIT:
        raise ValueError(
            "block={} over {} weights takes {:.0f} GiB; up to {:.0f} are allowed: choose a smaller "
            "block".format(size, mask.weights, needed / 2**30, LIMIT / 2**30)
        )
    return names, size


def _count(mask: WeightMask, names: Sequence[str], size: int) -> int:
    """Blocks of a sheet."""
    return -(-sum(mask[name].numel() for name in names) // size)


def _sheet(values: Mapping[str, Tensor], names: Sequence[str], size: int) -> Tensor:
    """Values of some tensors one after the other [blocks, size], zeros at the end."""
    flat = torch.cat([values[name].reshape(-1) for name in names])
    return _filled(flat[None], size)[0]


def _filled(rows: Tensor, size: int) -> Tensor:
    """Rows [n, weights] as [n, blocks, size]."""
    missing = -rows.shape[1] % size
    return torch.cat([rows, rows.new_zeros(len(rows), missing)], 1).view(len(rows), -1, size)


def _products(
    model: nn.Module, names: Sequence[Sequence[str]], size: int, batches: Batches, curvature: str
) -> List[Tensor]:
    """The mean over images of the outer products of their gradients, within the blocks."""
    every = [name for some in names for name in some]
    layers = sample_gradients.owners(model, every)
    total: Dict[int, Tensor] = {}
    for found in curvatures.passes(model, every, batches, curvature):
        for place, some in enumerate(names):
            for rows in _together(layers, found, some):
                apart = _filled(rows.double(), size).transpose(0, 1)  # [blocks, images, size]
                product = apart.transpose(1, 2) @ apart
                total[place] = total[place] + product if place in total else product
    images = sum(len(x) for x, _ in batches)
    return [total[place] / images for place in range(len(names))]


def _together(
    layers: Dict[str, Layer], found: Dict[str, List[Call]], names: Sequence[str]
) -> Iterator[Tensor]:
    """Gradients of single images over some tensors [images, weights], a few images at a time."""
    images = max(len(call.read) for name in names for call in found[name])
    weights = sum(layers[name].weight.numel() for name in names)
    step = max(1, curvatures.CHUNK // weights)
    for first in range(0, images, step):
        few = slice(first, first + step)
        yield torch.cat(
            [
                sample_gradients.of_images(layers[name], found[name], few).detach().flatten(1)
                for name in names
            ],
            1,
        )


def _apart(found: Sequence[Sheet], values: Sequence[Tensor], mask: WeightMask) -> Scores:
    """Values [blocks, size] of each sheet, by tensor in its shape."""
    parts: Scores = {}
    for each, value in zip(found, values):
        sizes = [mask[name].numel() for name in each.names]
        flat = value.reshape(-1)[: sum(sizes)].split(sizes)
        parts.update((name, v.view(mask[name].shape)) for name, v in zip(each.names, flat))
    return parts
