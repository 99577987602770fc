"""Filters that a training leaves as they are (HRank, Lin et al., 2020, section 4.5)."""

from contextlib import contextmanager
from typing import Dict, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from edgejoule.prune.groups import Group


def lowest(scores: Mapping[str, Tensor], share: float) -> Dict[str, Tensor]:
    """The share of each group's channels that score lowest: {group: bool [channels]}."""
    found = {}
    for name, values in scores.items():
        order = np.argsort(values.detach().cpu().double().numpy(), kind="stable")
        found[name] = torch.zeros(len(values), dtype=torch.bool)
        found[name][torch.from_numpy(order[: int(share * len(values) + 1e-9)])] = True
    return found


def filters(
    model: nn.Module, groups: Sequence[Group], chosen: Mapping[str, Tensor]
) -> Dict[str, Tensor]:
    """{tensor: bool, of its shape} of the weights and biases that make the chosen channels."""
    parameters = dict(model.named_parameters())
    found: Dict[str, Tensor] = {}
    for group in groups:
        if group.name not in chosen:
            continue
        layers = {unit.producer: unit.axis for unit in group.units}
        for part in group.slices:
            layer, _, _ = part.tensor.rpartition(".")
            bias = part.tensor.endswith("bias")
            if layer not in layers or part.axis != (0 if bias else layers[layer]):
                continue
            parameter = parameters[part.tensor]
            flags = found.setdefault(
                part.tensor, torch.zeros_like(parameter, dtype=torch.bool, requires_grad=False)
            )
            positions = torch.tensor(part.indices)[chosen[group.name]].flatten()
            flags.index_fill_(part.axis, positions.to(flags.device), True)
    return found


@contextmanager
def frozen(model: nn.Module, chosen: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, the chosen weights keep their values whatever the optimiser does.

    Their gradients are zeroed, so that no momentum gathers; before every forward pass they are put
    back, because weight decay moves also what has no gradient.
    """
    values = {name: model.get_parameter(name).detach().clone() for name in chosen}

    def restore(*_: object) -> None:
        with torch.no_grad():
            for name, flags in chosen.items():
                parameter = model.get_parameter(name)
                parameter[flags] = values[name][flags]

    hooks = [
        model.get_parameter(name).register_hook(lambda gradient, flags=flags: gradient * ~flags)
        for name, flags in chosen.items()
    ]
    hooks.append(model.register_forward_pre_hook(restore))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        restore()  # the last step came after the last pass
