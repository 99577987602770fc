"""Importance of responses, carried back from the last ones to every layer (NISP).

A layer hands the importance of its outputs to its inputs through the absolute values of its
weights, s_l = |W_{l+1}|^T s_{l+1}. That is the gradient of a linear network: weights are replaced
by their absolute values, batch norms by |gamma| / sigma, activations by nothing, poolings by means
or sums. So whatever autograd can differentiate (additions, concatenations, strides) is covered.

Biases of 1 keep every response positive, and an activation that the forward calls as a function
(a ReLU) passes positive numbers as they are.
"""

from typing import Any, Dict, List, Sequence, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.macs import ACTIVATIONS
from edgejoule.prune.scoring import responses
from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.scoring.responses import Site

LINEAR = (_ConvNd, nn.Linear)


def classifier(model: nn.Module, x: Tensor) -> str:
    """The path of the last linear layer that runs; its inputs are the final responses.

    Raises:
        ValueError: none runs.
    """
    ran: List[str] = []
    hooks = [
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    ]
    try:
        with torch.no_grad(), in_mode(model, False):
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    if not ran:
        raise ValueError(
            "no linear layer runs in this model, so it has no final responses; choose another "
            "criterion"
        )
    return ran[-1]


def final_responses(model: nn.Module, name: str, batches: Any) -> Tensor:
    """What the classifier called `name` reads [samples, features], float64."""
    seen: List[Tensor] = []
    hook = model.get_submodule(name).register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].detach().flatten(0, -2).double().cpu())
    )
    try:
        with torch.no_grad(), in_mode(model, False):
            for x, _ in batches:
                model(x)
    finally:
        hook.remove()
    return torch.cat(seen)


def importances(
    model: nn.Module,
    found: Dict[str, List[Site]],
    x: Tensor,
    last: str,
    worth: Tensor,
) -> Dict[str, Tensor]:
    """Per group, the importance of its channels [channels]: of all positions of all its layers.

    `worth` [features] is the importance of the responses that the classifier `last` reads.
    """
    linear = linearised(model)
    names = responses.modules(found)
    read: List[Tensor] = []
    linear.get_submodule(last).register_forward_pre_hook(
        lambda module, inputs: read.append(inputs[0])
    )
    with responses.recorded(linear, names) as emitted:
        # importance does not depend on the input, and one example is enough
        linear(torch.ones_like(x[:1], dtype=torch.float64).requires_grad_())
    outputs = [(name, each) for name in names for each in emitted[name]]
    total = sum((each * worth.to(each)).sum() for each in read)
    given = torch.autograd.grad(
        cast(Tensor, total), [each for _, each in outputs], allow_unused=True
    )
    carried: Dict[str, Any] = {}
    for (name, output), gradient in zip(outputs, given):
        gradient = torch.zeros_like(output) if gradient is None else gradient
        carried[name] = carried.get(name, 0) + gradient
    return {group: _summed(model, carried, sites) for group, sites in found.items()}


def _summed(model: nn.Module, carried: Dict[str, Any], sites: Sequence[Site]) -> Tensor:
    parts = [
        responses.by_channel(model.get_submodule(name), carried[name], at).sum((0, 2))
        for name, at in sites
    ]
    return torch.stack(parts).sum(0).cpu()


def linearised(model: nn.Module) -> nn.Module:
    """A float64 copy of the model that carries importance instead of signals."""
    twin = duplicate(model).double().eval()
    for parameter in twin.parameters():
        parameter.requires_grad_(False)
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, ACTIVATIONS):
                setattr(parent, name, nn.Identity())
            elif isinstance(child, nn.modules.pooling._MaxPoolNd):
                setattr(parent, name, Spread(child))
            elif isinstance(child, (_BatchNorm, nn.GroupNorm, nn.LayerNorm)):
                setattr(parent, name, Scaled(child))
            elif isinstance(child, LINEAR):
                for tensor, parameter in child.named_parameters():
                    # of a weight norm both parts, and so their product
                    parameter.fill_(1) if tensor.endswith("bias") else parameter.abs_()
    return twin


class Scaled(nn.Module):
    """What a norm hands back: |gamma| / sqrt(var + eps) per channel, with statistics of its own."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        weight = getattr(norm, "weight", None)
        var = getattr(norm, "running_var", None)
        scale = torch.ones(1).double() if weight is None else weight.detach().abs()
        self.scale = scale if var is None else scale * (var + norm.eps).rsqrt()
        self.trailing = isinstance(norm, nn.LayerNorm)

    def forward(self, x: Tensor) -> Tensor:
        """`x` times the scale, plus one."""
        shape = (-1,) if self.trailing else (1, -1) + (1,) * (x.dim() - 2)
        scale = self.scale if self.trailing else self.scale.view(shape)
        return x * scale + 1


class Spread(nn.Module):
    """A max pooling that hands importance to all of its window alike: a sum over the window."""

    def __init__(self, pooling: Any) -> None:
        super().__init__()
        self.pooling = pooling

    def forward(self, x: Tensor) -> Tensor:
        """The sums of each window, at the places of the maxima."""
        one = self.pooling
        axes = x.dim() - 2
        mean = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}[axes]
        sides = [one.kernel_size] * axes if isinstance(one.kernel_size, int) else one.kernel_size
        window = 1
        for side in sides:
            window *= side
        return window * mean(x, one.kernel_size, one.stride, one.padding, one.ceil_mode)
