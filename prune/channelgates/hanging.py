"""Gates that hang on batch norms: what a norm emits goes through the gate of its channels.

A gate is a module that belongs to the norm, so that the trainer's optimiser, its copies of the
network and a resumed training know its tensors like all others. Only groups that one layer writes,
through a batch norm with scale and shift that holds their channels and no others, have a place for
one: there a factor on a channel is the same as a factor on gamma and beta.
"""

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgejoule.prune import cutting
from edgejoule.prune.groups import Group
from edgejoule.prune.mask import Mask
from edgejoule.prune.select import select
from edgejoule.prune.settings import Cut

Kind = TypeVar("Kind", bound=nn.Module)


def norm_of(model: nn.Module, group: Group) -> Optional[_BatchNorm]:
    """The batch norm that can carry the gate of a group, None if there is none."""
    path = group.units[0].norm if len(group.units) == 1 else None
    norm = None if path is None else model.get_submodule(path)
    if not isinstance(norm, _BatchNorm) or norm.weight is None or norm.bias is None:
        return None
    own = [part for part in group.slices if part.tensor == "{}.weight".format(path)]
    whole = tuple((channel,) for channel in range(norm.num_features))
    return norm if len(own) == 1 and own[0].indices == whole else None


def gated(model: nn.Module, groups: Sequence[Group], method: str) -> List[Group]:
    """The groups that can carry a gate.

    Raises:
        ValueError: none can.
    """
    found = [group for group in groups if norm_of(model, group) is not None]
    if not found:
        raise ValueError(
            "{} can judge none of the {} channel groups of this model: its gates hang on batch "
            "norms with scale and shift, each behind one layer; choose a method that needs no "
            "batch norm".format(method, len(groups))
        )
    return found


def norms_of(model: nn.Module, groups: Sequence[Group]) -> Dict[str, _BatchNorm]:
    """The batch norm of each group that can carry a gate, by the group's name."""
    found = {group.name: norm_of(model, group) for group in groups}
    return {name: norm for name, norm in found.items() if norm is not None}


@contextmanager
def hung(
    model: nn.Module, gates: Mapping[str, nn.Module], groups: Sequence[Group]
) -> Iterator[None]:
    """Inside, what the norm of each group emits goes through the gate of that group's name."""
    norms = norms_of(model, groups)
    hooks = []
    for name, norm in norms.items():
        norm.add_module("gate", gates[name].to(norm.weight))
        hooks.append(norm.register_forward_hook(_through))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for norm in norms.values():
            del norm.gate


def across(values: Tensor, output: Tensor) -> Tensor:
    """Values of channels [channels], shaped to meet an output [n, channels, ...]."""
    return values.to(output.dtype).view((1, -1) + (1,) * (output.dim() - 2))


def fold(norm: _BatchNorm, factors: Tensor) -> None:
    """Multiplies what a norm emits by a factor per channel [channels], once and for all."""
    with torch.no_grad():
        norm.weight.mul_(factors)
        norm.bias.mul_(factors)


def drawn(
    scores: Dict[str, Tensor],
    found: Sequence[Group],
    cut: Cut,
    method: str,
    dead: Optional[Dict[str, Tensor]] = None,
) -> Mask:
    """The mask without the lowest scores: exactly the share `cut.ratio` leaves.

    With `dead` a ratio of 0 removes those instead. Both are [channels] per group that was judged;
    other groups stay whole. A group of dead channels alone keeps its `cut.min_channels` best.
    """
    judged = [group for group in found if group.name in scores]
    if cut.ratio or dead is None:
        scope = cut.scope or "global"
        mask = select(scores, judged, cut.ratio, scope, cut.min_channels, cut.multiple_of)
    else:
        mask = _living(scores, dead, judged, cut)
    for name, flags in cutting.whole(found).items():
        mask.setdefault(name, flags)
    if len(judged) < len(found):
        left = (len(found) - len(judged), len(found))
        mask.notes += (
            "{} cannot judge {} of {} channel groups; they stay whole and the ratio counts the "
            "others".format(method, *left),
        )
    return mask


def _living(scores: Any, dead: Any, judged: Sequence[Group], cut: Cut) -> Mask:
    mask = Mask()
    for group in judged:
        flags = ~dead[group.name].cpu()
        best = scores[group.name].cpu().argsort(descending=True)[: cut.min_channels]
        if int(flags.sum()) < len(best):
            mask.notes += (
                "group {!r} was held at {} of {} channels; more were dead".format(
                    group.name, len(best), group.channels
                ),
            )
            flags[best] = True
        mask[group.name] = flags
    return mask


def _through(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    # asked of the module: a copy of the network has gates of its own
    return cast(nn.Module, module.gate)(output)
