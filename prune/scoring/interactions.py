"""What the loss becomes when channels of a layer leave together, to second order (CCP, Peng 2019).

With z = 1 for channels that leave, the loss changes by z^T S z - u^T z. A factor c = 1 on each
channel is differentiated, its gate: u = dL/dc, S = 1/2 d2L/dc2. No second derivative of the network
is taken. "ggn" is the generalised Gauss-Newton matrix, 1/2 E[T^T (diag p - p p^T) T] with
T = d logits / dc; where gates meet nothing but ReLUs and batch norms in evaluation mode it is the
true one. "empirical" is 1/2 E[t t^T], t = dL_n/dc: the paper's approximation for one-hot labels.
"""

from typing import Dict, List, NamedTuple, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgejoule.prune.cost import count
from edgejoule.prune.groups import Group
from edgejoule.prune.scoring import responses
from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.scoring.responses import Site
from edgejoule.prune.trainer import Batches

HESSIANS = ("ggn", "empirical")


class Terms(NamedTuple):
    """Of one group, u [channels] and S [channels, channels], float64."""

    linear: Tensor
    quadratic: Tensor


def terms(
    model: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    hessian: str = "ggn",
    after_norm: bool = False,
) -> Dict[str, Terms]:
    """Per group that a layer emits, how its channels act on the mean loss.

    Gates sit on what the layer puts out, with `after_norm` on what its batch norm does. Layers of
    one group share its gates.
    """
    found = responses.sites(model, groups, after_norm)
    images = sum(len(y) for _, y in batches)
    totals = {
        group.name: Terms(
            torch.zeros(group.channels).double(),
            torch.zeros(group.channels, group.channels).double(),
        )
        for group in groups
        if group.name in found
    }
    step = _gauss_newton if hessian == "ggn" else _empirical
    with in_mode(model, False), torch.enable_grad():
        with responses.recorded(model, responses.modules(found)) as emitted:
            for x, y in batches:
                logits = model(x.detach().clone().requires_grad_())
                step(_Gates(model, found, emitted), logits, y, totals)
                for outputs in emitted.values():
                    outputs.clear()
    return {
        name: Terms(each.linear / images, each.quadratic / (2 * images))
        for name, each in totals.items()
    }


def flops(model: nn.Module, groups: Sequence[Group], batches: Batches, hessian: str = "ggn") -> int:
    """FLOPs of `terms`: a forward pass, a backward pass per logit or one, and the products."""
    total = 0
    for x, _ in batches:
        cost = count(model, x[:1])
        with torch.no_grad(), in_mode(model, False):
            passes = model(x[:1]).shape[1] if hessian == "ggn" else 1
        products = passes * sum(group.channels**2 for group in groups)
        total += 2 * len(x) * (cost.forward_macs + passes * cost.input_gradient_macs + products)
    return total


class _Gates:
    """Derivatives with respect to the gates of all groups, image by image."""

    def __init__(
        self, model: nn.Module, found: Dict[str, List[Site]], emitted: Dict[str, List[Tensor]]
    ) -> None:
        self._model, self._found = model, found
        self._names = [name for name, outputs in emitted.items() for _ in outputs]
        self._outputs = [each for outputs in emitted.values() for each in outputs]

    def derivatives(self, values: Tensor, again: bool) -> Dict[str, Tensor]:
        """Of one value per image [n]: {group: [n, channels]}, float64."""
        given = torch.autograd.grad(
            values.sum(), self._outputs, retain_graph=again, allow_unused=True
        )
        found = {}
        for group, sites in self._found.items():
            parts = [
                responses.by_channel(self._model.get_submodule(name), output * gradient, at)
                for name, at in sites
                for own, output, gradient in zip(self._names, self._outputs, given)
                if own == name and gradient is not None
            ]
            channels = len(sites[0][1])
            nothing = values.new_zeros(len(values), channels)
            found[group] = sum((each.sum(2) for each in parts), nothing).detach().double().cpu()
        return found


def _gauss_newton(gates: _Gates, logits: Tensor, y: Tensor, totals: Dict[str, Terms]) -> None:
    """Adds a batch's sums of u and of 2 S, one logit after the other to keep memory small."""
    chances = logits.detach().double().softmax(1).cpu()
    mean: Dict[str, Tensor] = {}
    for k in range(logits.shape[1]):
        each = gates.derivatives(logits[:, k], again=k + 1 < logits.shape[1])
        p, own = chances[:, k, None], (y == k).cpu().double()[:, None]
        for name, t in each.items():
            mean[name] = mean.get(name, torch.zeros_like(t)) + p * t
            totals[name].linear.add_(((p - own) * t).sum(0))
            totals[name].quadratic.add_(t.t() @ (p * t))
    for name, v in mean.items():
        totals[name].quadratic.sub_(v.t() @ v)


def _empirical(gates: _Gates, logits: Tensor, y: Tensor, totals: Dict[str, Terms]) -> None:
    losses = functional.cross_entropy(logits, y, reduction="none")
    for name, t in gates.derivatives(losses, again=False).items():
        totals[name].linear.add_(t.sum(0))
        totals[name].quadratic.add_(t.t() @ t)
