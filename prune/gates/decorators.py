"""Gate decorators: the scales of batch norms set apart, as gates that tell a channel's worth.

You et al., 2019 (arXiv:1909.08174): gamma * x + beta is written as phi * (x + beta / gamma) with a
gate phi = gamma. A channel whose gate is 0 emits nothing, and |phi * dL/dphi| says to first order
how much the loss would change without it. beta / gamma is held within 10 on both sides, as in the
authors' code; beyond, the network changes a little where it is decorated.
"""

from typing import Any, Callable, Dict, Iterable, List, Sequence, Set, Tuple

import torch
from torch import Tensor, nn

from edgejoule.prune.groups import Group, Groups, norm_paths
from edgejoule.prune.mask import Mask
from edgejoule.prune.scoring.gate_gradients import gated
from edgejoule.prune.scoring.gradients import in_mode

BOUND = 10.0  # of beta / gamma


class Decorated(nn.Module):
    """A network whose norms behind prunable layers have scale 1 and are multiplied by gates.

    `phi` are the gates, by norm, trained like all parameters; the norms' own scales are not.

    Args:
        network: is changed in place, and is itself again after `folded`.
        paths: the norms.
    """

    def __init__(self, network: nn.Module, paths: Sequence[str]) -> None:
        super().__init__()
        self.network, self.paths = network, tuple(paths)
        norms: List[Any] = [network.get_submodule(path) for path in paths]
        self.phi = nn.ParameterList([nn.Parameter(norm.weight.detach().clone()) for norm in norms])
        for place, norm in enumerate(norms):
            with torch.no_grad():
                if norm.bias is not None:
                    norm.bias.copy_(shifted(norm.bias, norm.weight))
                norm.weight.fill_(1.0)
            flags = torch.ones_like(norm.weight, dtype=torch.bool)
            self.register_buffer("open_{}".format(place), flags)
        # what its owner has frozen stays so
        self._frozen = {n for n, each in network.named_parameters() if not each.requires_grad}
        self.learn(everything=True)

    @property
    def open(self) -> List[Tensor]:
        """Which gates of each norm have not been closed for good, bool [features]."""
        return [self.get_buffer("open_{}".format(place)) for place in range(len(self.paths))]

    def forward(self, x: Tensor) -> Tensor:
        """The network's answers to x [n, ...]."""
        gates = [phi * flags for phi, flags in zip(self.phi, self.open)]
        with gated(self.network, dict(zip(self.paths, gates))):
            return self.network(x)

    def close(self, groups: Sequence[Group], mask: Mask) -> None:
        """Closes the gates of a mask's removed channels and opens all others of its groups."""
        for path, flags in zip(self.paths, self.open):
            for group, positions in _on(path, groups):
                kept = mask[group.name].to(flags.device)
                flags[positions.to(flags.device)] = kept.unsqueeze(1).expand(positions.shape)

    def pull(self, strength: float) -> None:
        """Adds the subgradient of strength * sum |phi| to the gradients of the open gates."""
        for phi, flags in zip(self.phi, self.open):
            if phi.grad is not None:
                phi.grad.add_(phi.detach().sign() * flags, alpha=strength)

    def learn(self, everything: bool) -> None:
        """Lets all parameters learn, or gates and linear layers alone."""
        linear = [m for m in self.network.modules() if isinstance(m, nn.Linear)]
        chosen = {id(each) for layer in linear for each in layer.parameters()}
        scales = {path + ".weight" for path in self.paths}
        for name, each in self.network.named_parameters():
            frozen = name in self._frozen or name in scales
            each.requires_grad_(not frozen and (everything or id(each) in chosen))
            if not each.requires_grad:
                each.grad = None  # with a gradient of 0, weight decay would still move it

    def folded(self) -> nn.Module:
        """The network itself, its norms' scales the gates again; 0 where they are closed."""
        self.learn(True)
        for path, phi, flags in zip(self.paths, self.phi, self.open):
            norm: Any = self.network.get_submodule(path)
            with torch.no_grad():
                norm.weight.copy_(phi * flags)
                if norm.bias is not None:
                    norm.bias.mul_(norm.weight)
            norm.weight.requires_grad_(path + ".weight" not in self._frozen)
        return self.network


def shifted(bias: Tensor, scale: Tensor) -> Tensor:
    """bias / scale, within BOUND; 0 where both are 0."""
    found = (bias / scale).detach()
    return torch.where(found == found, found, torch.zeros_like(found)).clamp(-BOUND, BOUND)


def decoratable(model: nn.Module, example: Tensor, groups: Groups) -> Tuple[Groups, List[str]]:
    """The groups that all that reads them reads through batch norms with scales, and these norms.

    Others are those where a layer has no norm behind it, where a shortcut takes the layer's output
    before the norm, or where one more norm, in front of a reader, would emit its beta behind a
    closed gate.

    Raises:
        ValueError: there is no such group.
    """
    once = read_once(model, example, {unit.producer for each in groups for unit in each.units})
    chosen = Groups(
        [
            each
            for each in groups
            if all(unit.producer in once and _scaled(model, unit.norm) for unit in each.units)
            and set(norm_paths(model, each)) == {unit.norm for unit in each.units}
        ],
        groups.whole,
        groups.recording,
    )
    chosen.proof = groups.proof
    if not chosen:
        raise ValueError(
            "none of the {} channel groups of this model has batch norms behind all its layers; "
            "choose a recipe whose gates need none, such as l0".format(len(groups))
        )
    paths = [unit.norm for group in chosen for unit in group.units if unit.norm]
    return chosen, sorted(set(paths), key=paths.index)


def read_once(model: nn.Module, example: Tensor, layers: Iterable[str]) -> Set[str]:
    """Those of the layers that run once and whose output one single operation takes.

    Read off the graph that autograd makes of one pass over the example [1, ...].
    """
    made: Dict[str, List[Any]] = {layer: [] for layer in layers}

    def keeping(found: List[Any]) -> Callable[..., None]:
        return lambda module, inputs, output: found.append(output.grad_fn)

    hooks = [
        model.get_submodule(layer).register_forward_hook(keeping(found))
        for layer, found in made.items()
    ]
    try:
        with in_mode(model, False), torch.enable_grad():
            # so that frozen layers are in the graph too
            answers = model(example.detach().clone().requires_grad_())
    finally:
        for hook in hooks:
            hook.remove()
    takers = _takers(answers.grad_fn)
    return {layer for layer, found in made.items() if len(found) == 1 and takers.get(found[0]) == 1}


def _takers(end: Any) -> Dict[Any, int]:
    """How many operations take the result of each operation before the `end` of a graph."""
    counts: Dict[Any, int] = {}
    left = [end]
    while left:
        for before, _ in left.pop().next_functions:
            if before is not None:
                if before not in counts:
                    left.append(before)
                counts[before] = counts.get(before, 0) + 1
    return counts


class Votes:
    """Sums |phi * dL/dphi| of every channel over steps; can be kept and restored."""

    def __init__(self, decorated: Decorated, groups: Sequence[Group]) -> None:
        self._decorated, self._groups = decorated, groups
        self.sums: Dict[str, Tensor] = {
            group.name: decorated.phi[0].detach().new_zeros(group.channels) for group in groups
        }

    def __call__(self, model: nn.Module) -> None:
        """Takes in the gradients of a step."""
        for path, phi in zip(self._decorated.paths, self._decorated.phi):
            if phi.grad is None:
                continue
            found = (phi * phi.grad).detach().abs()
            for group, positions in _on(path, self._groups):
                self.sums[group.name] += found[positions.to(found.device)].sum(1)

    def state(self) -> Tuple[Dict[str, Tensor], Dict[str, Any]]:
        """(the sums, nothing else) to keep."""
        return dict(self.sums), {}

    def restore(self, tensors: Dict[str, Tensor], facts: Dict[str, Any]) -> None:
        """Takes back what `state` gave in an earlier attempt."""
        self.sums = dict(tensors)


def _scaled(model: nn.Module, path: Any) -> bool:
    return bool(path) and getattr(model.get_submodule(path), "weight", None) is not None


def _on(path: str, groups: Sequence[Group]) -> List[Tuple[Group, Tensor]]:
    """The groups whose channels run through a norm, and their places in it [channels, each]."""
    return [
        (group, torch.tensor([list(each) for each in part.indices]))
        for group in groups
        for part in group.slices
        if part.tensor == path + ".weight"
    ]
