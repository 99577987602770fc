"""Filters that are set to zero after an epoch and go on being trained (soft filter pruning)."""

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from edgejoule.prune.computed_weights import layer_of, plain_name, undirected
from edgejoule.prune.groups import Group, find_tensor
from edgejoule.prune.mask import Mask, leaving


def zero_filters(model: nn.Module, groups: Sequence[Group], mask: Mask) -> None:
    """Sets the filters and the biases of a mask's removed channels to zero, in place.

    All else of these channels stays: batch norms and what reads them.
    """
    directions = undirected(model)
    filters = [group._replace(slices=_makers(group)) for group in groups]
    with torch.no_grad():
        for (name, axis), positions in leaving(filters, mask).items():
            tensor = find_tensor(model, name)
            # a direction without length is none; its length, a slice of its own, becomes zero
            if tensor is not None and directions.get(name) != axis:
                tensor.index_fill_(axis, torch.from_numpy(positions).to(tensor.device), 0)


def _makers(group: Group) -> tuple:
    """The slices that make a group's channels, without those that normalise and read them."""
    axes = {unit.producer: unit.axis for unit in group.units}
    found = []
    for part in group.slices:
        path, leaf = layer_of(part.tensor)
        if path in axes and (part.axis == axes[path] or plain_name(leaf) == "bias"):
            found.append(part)
    return tuple(found)


class Softening:
    """Zeroes the filters of a new mask after every `every` epochs; can be kept and restored.

    `mask` is the newest one and `last` the epoch after which it was drawn, None before the first.
    `rounds` says of each: the epoch, how many channels are zero, and how many of those that were
    zero before have come back.
    """

    def __init__(
        self, model: Callable[[], nn.Module], draw: Callable[[], Mask], groups: Any, every: int
    ) -> None:
        self._model, self._draw, self._groups, self._every = model, draw, groups, every
        self.mask: Optional[Mask] = None
        self.last: Optional[int] = None
        self.rounds: List[Dict[str, int]] = []

    def __call__(self, epoch: int) -> None:
        """Draws and zeroes, if it is time."""
        if (epoch + 1) % self._every:
            return
        before, self.mask, self.last = self.mask, self._draw(), epoch
        zero_filters(self._model(), self._groups, self.mask)
        came_back = [
            int((flags & ~before[name]).sum()) if before else 0 for name, flags in self.mask.items()
        ]
        zero = self.mask.channels - self.mask.kept
        self.rounds.append({"epoch": epoch, "zero": zero, "came_back": sum(came_back)})

    def state(self) -> Tuple[Dict[str, Tensor], Dict[str, Any]]:
        """(the newest mask, what was counted) to keep."""
        notes = list(self.mask.notes) if self.mask else []
        return dict(self.mask or {}), {"last": self.last, "rounds": self.rounds, "notes": notes}

    def restore(self, tensors: Dict[str, Tensor], facts: Dict[str, Any]) -> None:
        """Takes back what `state` gave in an earlier attempt."""
        self.mask = Mask(tensors, facts["notes"]) if tensors else None
        self.last, self.rounds = facts["last"], facts["rounds"]
