"""Derivatives of the loss with respect to gates c = 1 on the channels of groups.

The gate multiplies what a unit emits: the output of its batch norm, or of the layer itself. At
c = 1 the derivative is the sum of y * dL/dy over images and positions, so a channel that is always
zero scores zero.
"""

from contextlib import contextmanager
from typing import Dict, List, Tuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune.scoring.gradients import mean_gradients
from edgejoule.prune.scoring.hyperplanes import writes

GATED = (_ConvNd, nn.Linear, _BatchNorm)


def derivatives(
    model, groups, batches, train_mode: bool = False
) -> Tuple[Dict[str, Tensor], float]:
    """dL/dc of every channel [channels] by group, summed over the group's units, and the loss L."""
    sites = {group.name: [_site(model, group, unit) for unit in group.units] for group in groups}
    sites = {name: [site for site in each if site] for name, each in sites.items()}
    gates = _gates(model, [site for each in sites.values() for site in each])
    with _gated(model, gates):
        found, loss = mean_gradients(model, batches, list(gates.values()), train_mode)
    by_module = dict(zip(gates, found))
    return {
        name: sum(by_module[module][index].sum(1) for module, index in each)
        for name, each in sites.items()
        if each
    }, loss


def _site(model, group, unit):
    """(module whose output is gated, positions of each channel there [channels, each]), or None."""
    module = unit.norm or unit.producer
    if not isinstance(model.get_submodule(module), GATED) or not (unit.norm or writes(model, unit)):
        return None
    tensors = (module + ".weight", module + ".running_mean")
    parts = [
        each
        for each in group.slices
        if each.tensor in tensors and each.axis == (0 if unit.norm else unit.axis)
    ]
    return (module, torch.tensor([list(each) for each in parts[0].indices])) if parts else None


def _gates(model, sites: List) -> Dict[str, Tensor]:
    """One gate of ones per gated module, over all of its output channels."""
    gates = {}
    for module, _ in sites:
        layer = model.get_submodule(module)
        size = next(
            getattr(layer, each)
            for each in ("num_features", "out_channels", "out_features")
            if hasattr(layer, each)
        )
        reference = next(model.parameters())
        gates[module] = torch.ones(
            size, dtype=reference.dtype, device=reference.device, requires_grad=True
        )
    return gates


@contextmanager
def _gated(model, gates: Dict[str, Tensor]):
    hooks = [
        model.get_submodule(name).register_forward_hook(_multiplier(gate))
        for name, gate in gates.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _multiplier(gate: Tensor):
    def hook(module, inputs, output):
        if isinstance(module, nn.Linear):
            return output * gate
        return output * gate.view((1, -1) + (1,) * (output.dim() - 2))

    return hook
