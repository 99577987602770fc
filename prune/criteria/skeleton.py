"""Relevance of units (skeletonization: Mozer & Smolensky, 1989), rebuilt from abstract and SNNS.

A factor alpha = 1, its attentional strength, multiplies what a unit tells the layers that read it.
Removing the unit sets alpha to 0 and costs E(0) - E(1), estimated by its relevance -dE/dalpha at
alpha = 1. The error is the linear one, sum_j |t_j - p_j| of the softmax p, because the slope of
a quadratic error vanishes near the targets; `loss` "ce" takes the cross-entropy, which makes
it SNAP's score with its sign. Units with negative relevance harm and leave first; `absolute` ranks
by |relevance| like SNNS. Estimates of batches are low-passed, `smoothing` old + (1 - `smoothing`)
new, from 0 and divided by 1 - smoothing^k, so that a constant comes out as itself.

Deviations: the paper's constants are not known here, those of SNNS are; SNNS passes over units of
relevance 0, which here leave among the first; input units stay. A group that something else than
ungrouped convolutions and linear layers with plain weights reads is not judged.
"""

from functools import reduce
from typing import Any, List, NamedTuple, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from edgejoule.prune.computed_weights import effective
from edgejoule.prune.cost import count
from edgejoule.prune.groups import Group, rows
from edgejoule.prune.scoring.gradients import cross_entropy, mean_gradients
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "global"
BATCHES = 5
LOSSES = ("linear", "ce")


class Read(NamedTuple):
    """A weight that reads a group's channels, the axis of its inputs, each channel's positions."""

    weight: nn.Parameter
    axis: int
    indices: Sequence[Sequence[int]]


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    *,
    loss: str = "linear",
    absolute: bool = False,
    smoothing: float = 0.8,
) -> Scores:
    """Per group that something reads, the relevance of each unit [channels]."""
    check(loss=loss, smoothing=smoothing)
    reading = {group.name: readers(model, group) for group in groups}
    total = {name: torch.zeros(()) for name, each in reading.items() if each}
    for batch in batches:
        found = _relevance(model, reading, [batch], loss)
        total = {
            name: smoothing * total[name].to(each) + (1 - smoothing) * each
            for name, each in found.items()
        }
    whole = 1 - smoothing ** len(batches)
    means = {name: each / whole for name, each in total.items()}
    return {name: each.abs() if absolute else each for name, each in means.items()}


def check(*, loss: str = "linear", absolute: bool = False, smoothing: float = 0.8) -> None:
    """Refuses a loss that does not exist and a filter that forgets nothing."""
    if loss not in LOSSES:
        raise ValueError("no loss called {!r}; there are: {}".format(loss, ", ".join(LOSSES)))
    if not 0 <= smoothing < 1:
        raise ValueError("smoothing={!r}; the share of the old lies in [0, 1)".format(smoothing))


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches, **options: Any) -> int:
    """FLOPs of one scoring: a forward and a backward pass over the batches."""
    return 2 * sum(len(x) * count(model, x[:1]).train_macs for x, _ in batches)


def readers(model: nn.Module, group: Group) -> List[Read]:
    """The weights that read a group's channels; none if one of them is not known to be linear.

    A filter of a depthwise convolution moves with its channel and counts as no reader.
    """
    found = []
    for part in group.slices:
        layer = model.get_submodule(part.tensor.rpartition(".")[0])
        axis = 0 if isinstance(layer, _ConvTransposeNd) else 1
        if part.axis != axis:
            continue
        plain = isinstance(layer, (nn.Linear, _ConvNd)) and getattr(layer, "groups", 1) == 1
        if not plain or effective(model, part.tensor) is not None:
            return []
        found.append(Read(model.get_parameter(part.tensor), axis, part.indices))
    return found


def linear_error(outputs: Tensor, labels: Tensor) -> Tensor:
    """The sum of |t - p| over images and classes: 2 (1 - p of the label) for each image."""
    return 2 * (1 - outputs.softmax(1).gather(1, labels[:, None])).sum()


def _relevance(model: nn.Module, reading: Any, batches: Batches, loss: str) -> Scores:
    """-dE/dalpha of the mean error: alpha scales what readers read as it would scale their weights.

    So the derivative is the sum of w dE/dw over all weights that read the unit, whatever
    activation lies between.
    """
    every = [each for some in reading.values() for each in some]
    weights = list({id(each.weight): each.weight for each in every}.values())  # each once
    if not weights:
        return {}
    error = linear_error if loss == "linear" else cross_entropy
    found, _ = mean_gradients(model, batches, weights, loss_of=error)
    slopes = {id(weight): weight.detach() * each for weight, each in zip(weights, found)}
    return {
        name: -reduce(torch.add, (_of_channels(slopes[id(each.weight)], each) for each in some))
        for name, some in reading.items()
        if some
    }


def _of_channels(slope: Tensor, read: Read) -> Tensor:
    """The sum over everything that reads a channel [channels]."""
    return rows(slope, read.axis, read.indices).sum(1)
