"""Gate gradients: derivatives of the loss with respect to a factor c = 1 on each channel.

The factor, called a gate, multiplies what a unit emits: the output of its batch norm, or of the
layer itself. At c = 1 the derivative is the sum of y * dL/dy over images and positions, so a
channel that is always zero scores zero.
"""

from contextlib import contextmanager
from functools import reduce
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune.groups import Group, Unit
from edgejoule.prune.scoring.gradients import mean_gradients
from edgejoule.prune.scoring.hyperplanes import writes
from edgejoule.prune.trainer import Batches, Scores

GATED = (_ConvNd, nn.Linear, _BatchNorm)

Site = Tuple[str, Tensor]  # a module, and each channel's positions in its output [channels, each]


def derivatives(
    model: nn.Module, groups: Sequence[Group], batches: Batches, train_mode: bool = False
) -> Tuple[Scores, float]:
    """dL/dc of every channel [channels] by group, summed over the group's units, and the loss L."""
    sites = {
        group.name: list(filter(None, (site(model, group, unit) for unit in group.units)))
        for group in groups
    }
    gates = _gates(model, (module for each in sites.values() for module, _ in each))
    with gated(model, gates):
        found, loss = mean_gradients(model, batches, list(gates.values()), train_mode)
    by_module = dict(zip(gates, found))
    return {
        name: reduce(torch.add, (by_module[module][index].sum(1) for module, index in each))
        for name, each in sites.items()
        if each
    }, loss


@contextmanager
def gated(model: nn.Module, gates: Dict[str, Tensor]) -> Iterator[None]:
    """Inside, the output of each module named in `gates` is multiplied by its gate [channels]."""
    hooks = [
        model.get_submodule(name).register_forward_hook(_multiplier(gate))
        for name, gate in gates.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def site(model: nn.Module, group: Group, unit: Unit) -> Optional[Site]:
    """Where the gate of a unit sits; None where no layer emits the group's channels."""
    module = unit.norm or unit.producer
    if not isinstance(model.get_submodule(module), GATED) or not (unit.norm or writes(model, unit)):
        return None
    # a norm without scale (affine=False) is known by its statistics alone
    tensors = [module + ".weight", module + ".running_mean"]
    tensors += [unit.weight] * (not unit.norm)  # a weight norm's own name
    parts = [
        each
        for each in group.slices
        if each.tensor in tensors and each.axis == (0 if unit.norm else unit.axis)
    ]
    return (module, torch.tensor([list(each) for each in parts[0].indices])) if parts else None


def _gates(model: nn.Module, modules: Iterable[str]) -> Dict[str, Tensor]:
    """A gate of ones per module, over all of its output channels; units of a module share it."""
    gates = {}
    for module in modules:
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


def _multiplier(gate: Tensor) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        # a linear layer's channels lie along the last axis, those of all others along axis 1
        if isinstance(module, nn.Linear):
            return output * gate
        return output * gate.view((1, -1) + (1,) * (output.dim() - 2))

    return hook
