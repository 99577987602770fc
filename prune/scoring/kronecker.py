"""The Fisher information of a layer as a Kronecker product S x A (K-FAC; Martens & Grosse, 2015).

A = E[a a'] of what the layer reads (patches of a convolution, a 1 behind them where there is a
bias), S = E[g g'] of the gradients of its outputs. A convolution with T positions (Grosse &
Martens, 2016): A is the sum over positions, S their mean, so that the product is comparable between
layers. Groups of a grouped convolution have factors of their own.
"""

from typing import Dict, List, NamedTuple, Sequence, Tuple

import torch
from torch import Tensor, nn

from edgejoule.prune import macs
from edgejoule.prune.scoring import curvature as curvatures
from edgejoule.prune.scoring import inverse_blocks, sample_gradients
from edgejoule.prune.scoring.sample_gradients import Call, Layer
from edgejoule.prune.trainer import Batches

EXACT, TURNS = 1e-8, 1000  # of conjugate gradients: residue against the first, most steps


class Factors(NamedTuple):
    """A [groups, inputs (+ 1), inputs (+ 1)] and S [groups, outputs, outputs], float64."""

    a: Tensor
    s: Tensor


def factors(
    model: nn.Module, tensors: Sequence[str], batches: Batches, fisher: str
) -> Dict[str, Factors]:
    """Per tensor, both factors of its layer's Fisher information, means over all images."""
    layers = sample_gradients.owners(model, tensors)
    images = sum(len(x) for x, _ in batches)
    found: Dict[str, Factors] = {}
    for seen in curvatures.passes(model, tensors, batches, fisher):
        for name, calls in seen.items():
            part = _of_batch(layers[name], calls, images)
            found[name] = (
                Factors(found[name].a + part.a, found[name].s + part.s) if name in found else part
            )
    return found


def inverses(found: Factors, damping: float) -> Factors:
    """Inverses of both factors, each damped by sqrt(damping) times its mean eigenvalue.

    That is pi-scaled damping (Martens & Grosse, 2015, 6.3), A + pi sqrt(l) I and S + sqrt(l) / pi I
    with pi = sqrt(mean A / mean S) and l = damping mean A mean S: the same however a common factor
    is shared between the two.
    """
    return Factors(*(_inverse(each, damping**0.5) for each in found))


def product(inverse: Factors, pull: Tensor) -> Tensor:
    """S^-1 C A^-1 [groups, outputs, inputs (+ 1)] of C = `pull` [groups, outputs, inputs]."""
    inputs = pull.shape[2]
    return inverse.s @ pull @ inverse.a[:, :inputs]


def solved(inverse: Factors, gone: Tensor, target: Tensor, prices: Tensor) -> Tuple[Tensor, int]:
    """(C, turns) with C zero outside `gone` and S^-1 C A^-1 equal to `target` on `gone`.

    Conjugate gradients with the diagonal, `prices`, as preconditioner: the matrix of one layer's
    weights among each other would not fit into memory. All are [groups, outputs, inputs].
    """
    found, rest = torch.zeros_like(target), target.clone()
    ready = rest / prices
    direction, slope = ready.clone(), float((rest * ready).sum())
    enough, turns = slope * EXACT**2, 0
    while slope > enough and turns < TURNS:
        ahead = product(inverse, direction)[:, :, : target.shape[2]] * gone
        step = slope / float((direction * ahead).sum())
        found, rest = found + step * direction, rest - step * ahead
        ready = rest / prices
        before, slope = slope, float((rest * ready).sum())
        direction, turns = ready + slope / before * direction, turns + 1
    return found, turns


def work(model: nn.Module, tensors: Sequence[str], batches: Batches) -> int:
    """FLOPs of adding up the factors and inverting them."""
    layers = sample_gradients.owners(model, tensors)
    rows = _rows(model, layers, batches)
    total = 0
    for name, layer in layers.items():
        for side, groups in _sides(layer):
            total += groups * (2 * rows[name] * side**2 + inverse_blocks.INVERSION * side**3)
    return total


def product_work(layer: Layer) -> int:
    """FLOPs of S^-1 C A^-1 of one layer."""
    (inputs, groups), (outputs, _) = _sides(layer)
    return 2 * groups * (outputs**2 * inputs + outputs * inputs**2)


def _of_batch(layer: Layer, calls: List[Call], images: int) -> Factors:
    """What a batch adds to the factors of a layer."""
    sides = []
    for call in calls:
        read = sample_gradients.patches(layer, call.read)
        if layer.bias is not None:
            read = torch.cat([read, torch.ones_like(read[..., :1])], 3)
        sides.append((read.double(), sample_gradients.by_position(layer, call.gradient).double()))
    positions = sum(read.shape[2] for read, _ in sides)
    a = torch.stack([torch.einsum("ngti,ngtj->gij", read, read) for read, _ in sides]).sum(0)
    s = torch.stack([torch.einsum("ngti,ngtj->gij", slope, slope) for _, slope in sides]).sum(0)
    return Factors(a / images, s / (images * positions))


def _inverse(matrix: Tensor, share: float) -> Tensor:
    """Inverses [groups, n, n] with a share of their mean eigenvalue added to the diagonal."""
    mean = matrix.diagonal(dim1=1, dim2=2).mean(1)
    return inverse_blocks.inverse(matrix, (share * mean).clamp(min=inverse_blocks.TINY))


def _sides(layer: Layer) -> Tuple[Tuple[int, int], Tuple[int, int]]:
    """(size of A, groups) and (size of S, groups) of a layer."""
    groups = getattr(layer, "groups", 1)
    outputs, inputs = layer.weight.shape[0] // groups, layer.weight[0].numel()
    return (inputs + (layer.bias is not None), groups), (outputs, groups)


def _rows(model: nn.Module, layers: Dict[str, Layer], batches: Batches) -> Dict[str, int]:
    """How many positions of how many images each layer sees."""
    names = {name.rpartition(".")[0]: name for name in layers}
    rows = dict.fromkeys(layers, 0)
    for x, _ in batches:
        for call in macs.observe(model, x[:1]).calls:
            if call.name in names:
                # each weight meets its input once for each position
                name = names[call.name]
                rows[name] += len(x) * call.forward // layers[name].weight.numel()
    return rows
