"""A mask over all layers that is drawn anew while a network is trained, whose filters all learn.

Global and dynamic pruning (Lin et al., 2018, IJCAI): the network computes with m * W, and W moves
by the gradient with respect to m * W, so that masked filters learn as well and may come back. A
channel's mask stands in front of its readers: there 0 is what a cut leaves, while a filter of
zeros in front of a batch norm in training has a gradient that is a hundred times too large. How
much a filter matters is Theta = |sum(g * W)| over its weights ("abs_of_sum"), or sum |g * W|
("sum_of_abs").
"""

from typing import Any, Dict, List, Sequence, Tuple

import torch
from torch import Tensor, nn

from edgejoule.prune.gates import readers
from edgejoule.prune.gates.readers import Reader
from edgejoule.prune.groups import Group, find_tensor, rows
from edgejoule.prune.mask import Mask

READINGS = ("abs_of_sum", "sum_of_abs")


class Masked(nn.Module):
    """A network in front of whose readers a mask stands; gradients pass as if there were none.

    `flags` [channels] by group are what is kept.

    Args:
        network: is trained in place; its layers keep their names within it.
        sites: the readers of each group.
        sizes: the number of channels of each group.
    """

    def __init__(
        self, network: nn.Module, sites: Sequence[Sequence[Reader]], sizes: Sequence[int]
    ) -> None:
        super().__init__()
        self.network, self._sites, self._count = network, sites, len(sizes)
        like = next(network.parameters())
        for place, size in enumerate(sizes):
            flags = torch.ones(size, dtype=torch.bool, device=like.device)
            self.register_buffer("flags_{}".format(place), flags)

    @property
    def flags(self) -> List[Tensor]:
        """What is kept of each group, bool [channels]."""
        return [self.get_buffer("flags_{}".format(place)) for place in range(self._count)]

    def forward(self, x: Tensor) -> Tensor:
        """The network's answers to x [n, ...] without the channels that are masked."""
        factors = [each.to(x.dtype) for each in self.flags]
        with readers.read_through(self.network, self._sites, factors, straight):
            return self.network(x)


def straight(x: Tensor, factors: Tensor) -> Tensor:
    """x * factors, of which the gradient is that of x alone."""
    return x + (x * factors - x).detach()


def importance(weights: Sequence[Tensor], gradients: Sequence[Tensor], reading: str) -> Tensor:
    """Theta [channels] of weights and their gradients, each [channels, d], all of one channel."""
    products = torch.cat([w * g for w, g in zip(weights, gradients)], 1)
    if reading == "sum_of_abs":
        return products.abs().sum(1)
    return products.sum(1).abs()


def judged(network: nn.Module, group: Group, reading: str) -> Tensor:
    """Theta [channels] of a group from the gradients that the network's parameters have now.

    Behind a batch norm the sum of g * W is 0 by itself, because a filter's length changes nothing
    there. Scale and shift of the norm then stand for the filter: gamma * dL/dgamma + beta *
    dL/dbeta is the derivative with respect to a factor on the channel, as the sum is without norm.
    """
    weights, gradients = [], []
    for name, axis in _tensors(group, reading):
        tensor = find_tensor(network, name)
        part = next(
            (p for p in group.slices if p.tensor == name and p.axis == axis),
            None,
        )
        if tensor is None or part is None:
            continue  # a layer without bias, a norm without scale
        slope = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
        weights.append(rows(tensor, axis, part.indices))
        gradients.append(rows(slope, axis, part.indices))
    return importance(weights, gradients, reading)


def _tensors(group: Group, reading: str) -> List[Tuple[str, int]]:
    """(name, axis) of what stands for a group's filters."""
    found = []
    for unit in group.units:
        if reading == "abs_of_sum" and unit.norm:
            found += [(unit.norm + ".weight", 0), (unit.norm + ".bias", 0)]
        else:
            found.append((unit.weight or unit.producer + ".weight", unit.axis))
            found += [(unit.producer + ".bias", 0)] * (reading == "abs_of_sum")
    return found


class Dynamics:
    """Follows Theta step by step, and draws the mask anew; can be kept and restored.

    Args:
        masked: the network whose parameters have just got their gradients.
        groups: the groups that its mask is over.
        reading: which Theta.
        smoothing: weight of what was seen before in the running mean of Theta, 0 to 1.
        normalize: whether a group's Theta is divided by its length, to compare all layers.
    """

    def __init__(
        self,
        masked: Masked,
        groups: Sequence[Group],
        reading: str = "abs_of_sum",
        smoothing: float = 0.9,
        normalize: bool = True,
    ) -> None:
        self._masked, self._groups, self._reading = masked, groups, reading
        self._smoothing, self._normalize = smoothing, normalize
        self.theta: Dict[str, Tensor] = {}
        self.refreshes: List[Dict[str, int]] = []

    def see(self) -> None:
        """Takes in the gradients of one step."""
        for group in self._groups:
            found = judged(self._masked.network, group, self._reading)
            before = self.theta.get(group.name, found)
            self.theta[group.name] = self._smoothing * before + (1 - self._smoothing) * found

    def scores(self) -> Dict[str, Tensor]:
        """Theta of every group [channels], comparable over groups if asked; 0 if never seen."""
        found = {}
        for group in self._groups:
            theta = self.theta.get(group.name, torch.zeros(group.channels))
            length = theta.norm() if self._normalize else theta.new_ones(())
            found[group.name] = theta / length if bool(length > 0) else theta
        return found

    def put(self, mask: Mask) -> None:
        """Masks the network from now on; counts what left and what came back."""
        left = came_back = 0
        for group, flags in zip(self._groups, self._masked.flags):
            wanted = mask[group.name].to(flags.device)
            left += int((flags & ~wanted).sum())
            came_back += int((wanted & ~flags).sum())
            flags.copy_(wanted)
        self.refreshes.append({"left": left, "came_back": came_back})

    def state(self) -> Tuple[Dict[str, Tensor], Dict[str, Any]]:
        """(Theta, what was counted) to keep."""
        return dict(self.theta), {"refreshes": self.refreshes}

    def restore(self, tensors: Dict[str, Tensor], facts: Dict[str, Any]) -> None:
        """Takes back what `state` gave in an earlier attempt."""
        self.theta, self.refreshes = dict(tensors), facts["refreshes"]
