"""The layers that read a group's channels: where a factor on a channel acts on all that it does.

A factor in front of every reader acts behind the batch norm and the ReLU of whoever makes the
channel, so that no norm cancels it and no ReLU holds its gradient back; and it can be folded into
the readers' weights. Factor 0 is what a cut leaves.
"""

from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune.groups import Group, Groups, Slice
from edgejoule.prune.mask import Mask

READING = (_ConvNd, nn.Linear)
UNREAD = "are not read by convolutions and linear layers alone"
Change = Callable[[Tensor, Tensor], Tensor]  # an input, and the factors on it -> what is read


class Reader(NamedTuple):
    """A layer and, for each of its input channels [in], the group's channel that it is.

    Input channels of no channel of the group have the number of channels, one past the last.
    """

    layer: str
    channels: Tensor


def readers(model: nn.Module, group: Group) -> Optional[List[Reader]]:
    """The layers that read a group's channels; None if others than these do.

    Makers and batch norms of the channels are no readers. Convolutions in several groups,
    transposed ones and weights that are computed are others: there a factor has no one place.
    """
    makers = {unit.producer for unit in group.units if unit.axis == 0}
    found = []
    for part in group.slices:
        path, _, leaf = part.tensor.rpartition(".")
        layer = model.get_submodule(path)
        if _reads(layer, leaf, part.axis):
            found.append(Reader(path, _channels(layer, part, group.channels)))
        elif part.axis != 0 or not (path in makers or isinstance(layer, _BatchNorm)):
            return None
    return found or None


def gateable(model: nn.Module, groups: Groups) -> Tuple[Groups, List[List[Reader]]]:
    """The groups whose channels have readers, and these by group; others stay whole.

    Raises:
        ValueError: there is no such group.
    """
    pairs = [(group, readers(model, group)) for group in groups]
    if not any(each for _, each in pairs):
        raise ValueError(
            "none of the {} channel groups of this model is read by convolutions and linear layers "
            "alone, where a gate on a channel has its place; choose a recipe without gates".format(
                len(groups)
            )
        )
    chosen = Groups([group for group, each in pairs if each], groups.whole, groups.recording)
    chosen.proof = groups.proof
    return chosen, [each for _, each in pairs if each]


def over_all(groups: Groups, mask: Mask, why: str = UNREAD) -> Mask:
    """The mask over all groups; those that it does not name stay whole, and its notes say why."""
    left = sum(group.name not in mask for group in groups)
    note = "{} of {} channel groups {}; they stay whole and the ratio counts the others".format(
        left, len(groups), why
    )
    found = {group.name: torch.ones(group.channels, dtype=torch.bool) for group in groups}
    found.update(mask)
    return Mask(found, mask.notes + (note,) * bool(left))


@contextmanager
def read_through(
    model: nn.Module, sites: Sequence[Sequence[Reader]], factors: Sequence[Tensor], change: Change
) -> Iterator[None]:
    """Inside, readers are given `change(input, factors)`, the factors shaped to the input.

    `factors` [channels] are by group, as `sites` are.
    """
    hooks = [
        model.get_submodule(reader.layer).register_forward_pre_hook(_changing(reader, each, change))
        for some, each in zip(sites, factors)
        for reader in some
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def fold(model: nn.Module, sites: Sequence[Sequence[Reader]], factors: Sequence[Tensor]) -> None:
    """Multiplies what readers weigh a group's channels with by its factors [channels], in place."""
    with torch.no_grad():
        for some, each in zip(sites, factors):
            for reader in some:
                weight: Any = model.get_submodule(reader.layer).weight
                weight.mul_(_of_inputs(reader, each).view((1, -1) + (1,) * (weight.dim() - 2)))


def _reads(layer: nn.Module, leaf: str, axis: int) -> bool:
    if not isinstance(layer, READING) or leaf != "weight" or axis != 1:
        return False
    # in a convolution of several groups an entry of axis 1 belongs to several input channels
    return isinstance(layer, nn.Linear) or (layer.groups == 1 and not layer.transposed)


def _channels(layer: Any, part: Slice, count: int) -> Tensor:
    owner = torch.full((layer.weight.shape[1],), count, dtype=torch.long)
    for channel, places in enumerate(part.indices):
        owner[list(places)] = channel
    return owner


def _of_inputs(reader: Reader, factors: Tensor) -> Tensor:
    """The factor of each input channel [in]; 1 for those of no group."""
    owner = reader.channels.to(factors.device)
    return torch.cat([factors, factors.new_ones(1)])[owner]


def _changing(reader: Reader, factors: Tensor, change: Change) -> Callable[..., Any]:
    def hook(layer: nn.Module, inputs: Tuple[Tensor, ...]) -> Tuple[Tensor, ...]:
        x, each = inputs[0], _of_inputs(reader, factors)
        # a linear layer's channels lie along the last axis, those of all others along axis 1
        if not isinstance(layer, nn.Linear):
            each = each.view((1, -1) + (1,) * (x.dim() - 2))
        return (change(x, each.to(x.dtype)),) + tuple(inputs[1:])

    return hook
