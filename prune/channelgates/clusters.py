"""Clusters of channels that are pulled together until they are one, and then merged exactly.

Centripetal SGD (Ding et al., 2019, arXiv:1904.03837, equation 3): within a cluster every filter
moves by the cluster's mean gradient, by weight decay, and towards the cluster's centre,

    F_j <- F_j - rate (mean gradient + decay F_j + strength (F_j - centre))

so that without weight decay the spread of a cluster shrinks by 1 - rate strength in each step.
Vectors (biases, gamma, beta) are pulled with a share of the strength. Channels whose filters and
vectors are equal have equal outputs; one of them is enough if the layers that read them add up
their weights.
"""

from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from edgejoule.prune.groups import Group, Slice, filters, find_tensor, tensor_of

Assignment = np.ndarray  # the cluster of each channel [channels]


class Sides(NamedTuple):
    """The slices that make a group's channels, and those that read them."""

    writing: Tuple[Slice, ...]
    reading: Tuple[Slice, ...]


def sides(model: nn.Module, group: Group) -> Optional[Sides]:
    """How a group's channels are made and read; None where merging them would not be exact.

    Convolutions, linear layers and batch norms can be merged. A layer norm, for example, would
    notice that a channel is missing, and a grouped convolution reads a part of the channels only.
    """
    writing: List[Slice] = []
    reading: List[Slice] = []
    for part in group.slices:
        kind = _side(model, part)
        if kind is None:
            return None
        (reading if kind == "reading" else writing).append(part)
    return Sides(tuple(writing), tuple(reading)) if group.units and reading else None


def _side(model: nn.Module, part: Slice) -> Optional[str]:
    if find_tensor(model, part.tensor) is None:  # an index that a cut would put there
        return None
    path, _, leaf = part.tensor.rpartition(".")
    module = model.get_submodule(path)
    if isinstance(module, _BatchNorm):
        return "writing"
    if not isinstance(module, (_ConvNd, nn.Linear)) or leaf not in ("weight", "bias"):
        return None
    groups, reads = getattr(module, "groups", 1), part.axis == 1
    if isinstance(module, _ConvTransposeNd):
        reads = leaf == "weight" and not reads
    if groups == 1:
        return "reading" if reads else "writing"
    # depthwise: the one filter of a channel makes what it reads
    return "writing" if groups == module.weight.shape[0] and part.axis == 0 else None


def k_means(points: np.ndarray, count: int, seed: int, rounds: int = 100) -> Assignment:
    """The cluster of each point [n, d]; none of the `count` clusters is empty.

    Centres begin at points far from each other, drawn as k-means++ does.
    """
    random = np.random.RandomState(seed)
    centres = points[[random.randint(len(points))]]
    for _ in range(count - 1):
        nearest = _distances(points, centres).min(1)
        weights = nearest / nearest.sum() if nearest.sum() > 0 else None
        centres = np.vstack([centres, points[random.choice(len(points), p=weights)]])
    found = np.full(len(points), -1)
    for _ in range(rounds):
        before, found = found, _filled(_distances(points, centres), count)
        if np.array_equal(before, found):
            break
        centres = np.stack([points[found == each].mean(0) for each in range(count)])
    return found


def even(size: int, count: int) -> Assignment:
    """The cluster of each of `size` channels: neighbours, in clusters of equal size up to one."""
    return np.arange(size) * count // size


def points(model: nn.Module, group: Group) -> np.ndarray:
    """What clusters are made of: the filters of a group's channels [channels, weights]."""
    parts = [each.detach().double().cpu() for each in filters(model, group)]
    return torch.cat(parts, 1).numpy()


class Centripetal:
    """Changes gradients so that clusters of channels draw together; runs as a penalty."""

    def __init__(
        self, chosen: Dict[str, Tuple[Sides, Assignment]], strength: float, vectors: float
    ) -> None:
        self._chosen, self._strength, self._vectors = chosen, strength, vectors

    def __call__(self, model: nn.Module) -> None:
        """Puts each cluster's mean gradient, and the pull to its centre, in place of gradients."""
        for both, clusters in self._chosen.values():
            for part in both.writing:
                tensor = tensor_of(model, part.tensor)
                if tensor.grad is None:  # a buffer, or frozen
                    continue
                share = self._strength * (self._vectors if tensor.dim() == 1 else 1)
                with torch.no_grad():
                    found = averaged(tensor.grad, part, clusters)
                    found += share * (tensor - averaged(tensor, part, clusters))
                    tensor.grad.copy_(found)


def averaged(tensor: Tensor, part: Slice, clusters: Assignment) -> Tensor:
    """A copy of a tensor in which each channel's entries are the mean of its cluster's."""
    index, merge = _places(part, tensor), _means(clusters).to(tensor)
    found = tensor.detach().clone().transpose(0, part.axis).contiguous()
    chosen = found[index]  # [channels, each, ...]
    mean = merge.mm(chosen.flatten(1)).view_as(chosen)
    found[index] = mean
    return found.transpose(0, part.axis)


def spread(model: nn.Module, both: Sides, clusters: Assignment) -> float:
    """How far filters lie from their cluster's centre, relative to all of them; 0 is met."""
    apart, whole = 0.0, 0.0
    for part in both.writing:
        tensor = tensor_of(model, part.tensor).detach()
        if tensor.dim() > 1:
            apart += float((tensor - averaged(tensor, part, clusters)).double().pow(2).sum())
            whole += float(tensor.double().pow(2).sum())
    return (apart / whole) ** 0.5 if whole else 0.0


def merge(model: nn.Module, both: Sides, clusters: Assignment) -> Tensor:
    """Makes the first channel of each cluster stand for all of it; which stay, bool [channels].

    Filters, vectors and statistics become their cluster's mean; readers add up their weights in
    the first channel's place, and read nothing of the others. Cut, the network is the same.
    """
    first = np.array([int(np.flatnonzero(clusters == each)[0]) for each in clusters])
    kept = torch.from_numpy(first == np.arange(len(first)))
    gathering = torch.from_numpy((np.arange(len(first))[:, None] == first[None]).astype("float64"))
    with torch.no_grad():
        for part in both.writing:
            tensor = tensor_of(model, part.tensor)
            if tensor.is_floating_point():
                tensor.copy_(averaged(tensor, part, clusters))
        for part in both.reading:
            tensor = tensor_of(model, part.tensor)
            index, found = _places(part, tensor), tensor.transpose(0, part.axis).contiguous()
            chosen = found[index].double()
            total = gathering.to(chosen.device).mm(chosen.flatten(1)).view_as(chosen)
            found[index] = total.to(found)
            tensor.copy_(found.transpose(0, part.axis))
    return kept


def _places(part: Slice, tensor: Tensor) -> Tensor:
    return torch.tensor([list(each) for each in part.indices], device=tensor.device)


def _means(clusters: Assignment) -> Tensor:
    """The matrix [channels, channels] that puts each cluster's mean in its channels' place."""
    same = (clusters[:, None] == clusters[None]).astype("float64")
    return torch.from_numpy(same / same.sum(1, keepdims=True))


def _distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distances [points, centres]."""
    return ((points[:, None] - centres[None]) ** 2).sum(2)


def _filled(distances: np.ndarray, count: int) -> Assignment:
    """The nearest centre of each point; a centre without any takes the farthest spare point."""
    found = distances.argmin(1)
    for empty in sorted(set(range(count)) - set(found)):
        sizes = np.bincount(found, minlength=count)
        own = np.where(sizes[found] > 1, distances[np.arange(len(found)), found], -1.0)
        found[own.argmax()] = empty
    return found
