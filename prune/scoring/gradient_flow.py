"""Gradient flow ||g||^2 and its derivative 2 Hg, by backpropagating twice (Pearlmutter, 1994).

GraSP (Wang, Zhang & Grosse, 2020, arXiv:2002.07376): g is the gradient of the loss with respect to
the weights that may be pruned, H its Hessian; both are means over two halves of a few images of
every class, and the logits are divided by a temperature first. Removing a weight w changes the
gradient flow by -2 w (Hg) to first order (eq. 7 and 8).
"""

from typing import Callable, Dict, Iterable, List, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgejoule.prune.cost import count
from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.trainer import Batch, Batches


def halves(batches: Batches, per_class: int) -> List[Batch]:
    """Two batches [n, ...], the first `per_class` images of each class dealt between them.

    Classes of which the batches hold fewer images give what there is; `shortage` says so.

    Raises:
        ValueError: there are fewer than two images.
    """
    x, y = torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
    order = torch.tensor(_by_turns(y.tolist(), per_class), device=y.device, dtype=torch.long)
    if len(order) < 2:
        raise ValueError(
            "{} images for the two halves of GraSP's sample; raise train.batch_size".format(
                len(order)
            )
        )
    middle = len(order) // 2
    return [(x[part], y[part]) for part in (order[:middle], order[middle:])]


def shortage(batches: Batches, per_class: int) -> str:
    """Which share of the images asked for the batches lack, in a sentence; "" for none."""
    labels = [int(label) for _, y in batches for label in y]
    lacking = sum(max(0, per_class - labels.count(each)) for each in set(labels))
    if not lacking:
        return ""
    return (
        "{} of the {} images of {} classes that GraSP asked for are not among the {} drawn; "
        "raise score_batches for classes of equal size".format(
            lacking, per_class * len(set(labels)), len(set(labels)), len(labels)
        )
    )


def hessian_gradient(
    model: nn.Module,
    parts: Sequence[Batch],
    tensors: Sequence[Tensor],
    temperature: float,
    train_mode: bool,
) -> List[Tensor]:
    """Hg of the mean loss over the parts, like `tensors`; logits are divided by `temperature`."""

    def loss_of(part: Batch) -> Callable[[], Tensor]:
        return lambda: functional.cross_entropy(model(part[0]) / temperature, part[1])

    with in_mode(model, train_mode):
        return products([loss_of(part) for part in parts], tensors)


def products(losses: Sequence[Callable[[], Tensor]], tensors: Sequence[Tensor]) -> List[Tensor]:
    """Hg of the mean of several losses with respect to `tensors`, each loss computed twice."""
    stopped = _sum(_gradient(loss(), tensors) for loss in losses)
    # one loss at a time: the graph of a gradient takes several times a forward pass's memory
    found = _sum(_product(loss(), tensors, stopped) for loss in losses)
    return [each / len(losses) ** 2 for each in found]


def flops(model: nn.Module, parts: Sequence[Batch]) -> int:
    """FLOPs of `hessian_gradient`: a forward and a backward pass, then both and their derivative.

    Backpropagating through a pass of n MACs takes 2 n, so the second sweep is that of three passes.
    """
    per_image = count(model, parts[0][0][:1]).train_macs
    return 2 * sum(len(x) for x, _ in parts) * 4 * per_image


def _by_turns(labels: List[int], per_class: int) -> List[int]:
    """Places of the first image of each class, then of the second, up to `per_class` of each.

    So either half of the list has every class as often. The authors' code goes class by class,
    which gives each half only one half of the classes.
    """
    places: Dict[int, List[int]] = {}
    for place, label in enumerate(labels):
        places.setdefault(label, []).append(place)
    return [
        places[label][turn]
        for turn in range(per_class)
        for label in sorted(places)
        if turn < len(places[label])
    ]


def _product(loss: Tensor, tensors: Sequence[Tensor], stopped: Sequence[Tensor]) -> List[Tensor]:
    """The derivative of g . stop_grad(g), this loss's share of Hg."""
    gradient = _gradient(loss, tensors, create_graph=True)
    flow = torch.stack([(g * s).sum() for g, s in zip(gradient, stopped)]).sum()
    # without a graph nothing of the gradient depends on these weights: the loss is linear in them
    return (
        _gradient(flow, tensors) if flow.requires_grad else [torch.zeros_like(t) for t in tensors]
    )


def _gradient(value: Tensor, tensors: Sequence[Tensor], create_graph: bool = False) -> List[Tensor]:
    given = torch.autograd.grad(value, tensors, create_graph=create_graph, allow_unused=True)
    return [torch.zeros_like(t) if g is None else g for g, t in zip(given, tensors)]


def _sum(lists: Iterable[List[Tensor]]) -> List[Tensor]:
    return [sum(each[1:], each[0]) for each in zip(*lists)]
