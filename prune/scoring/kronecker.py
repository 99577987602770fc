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
from edgejoule.prune.scoring import sample_gradients
from edgejoule.prune.scoring.sample_gradients import Call, Layer
from edgejoule.prune.trainer import Batches

TINY = 1e-30  # damping of factors that are zero: a layer without gradients, a layer of dead inputs


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


def work(model: nn.Module, tensors: Sequence[str], batches: Batches) -> int:
    """FLOPs of adding up the factors and inverting them, 2 n^3 each."""
    layers = sample_gradients.owners(model, tensors)
    rows = _rows(model, layers, batches)
    total = 0
    for name, layer in layers.items():
        for side, groups in _sides(layer):
            total += groups * (2 * rows[name] * side**2 + 2 * side**3)
    return total


def change_work(model: nn.Module, tensors: Sequence[str]) -> int:
    """FLOPs of S^-1 C A^-1 in every layer."""
    total = 0
    for layer in sample_gradients.owners(model, tensors).values():
        (inputs, groups), (outputs, _) = _sides(layer)
        total += 2 * groups * (outputs**2 * inputs + outputs * inputs**2)
    return total


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
    size = matrix.shape[1]
    mean = matrix.diagonal(dim1=1, dim2=2).mean(1)
    added = torch.diag_embed((share * mean).clamp(min=TINY)[:, None].expand(-1, size))
    try:
        return torch.linalg.inv(matrix + added)
    except RuntimeError:
        raise ValueError(
            "a factor of the Fisher information is singular: these images say nothing of some "
            "inputs; set damping above 0 or score more batches"
        )


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
