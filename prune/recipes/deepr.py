"""Deep-R, deep rewiring: a connection whose sign would change falls asleep and another one wakes.

Bellec et al., 2018, arXiv:1711.05136, algorithm 1. A connection has a sign s, fixed when the
network is made, and a strength theta >= 0: w = s theta. In every step active connections follow

    theta <- theta - eta dE/dtheta - eta l1 + sqrt(2 eta temperature) nu,   nu ~ N(0, 1)

and those with theta <= 0 become dormant (w = 0). As many dormant ones, drawn by chance, wake with
theta = `wake`: in the same layer (`scope` "layer", the authors' code) or anywhere ("global").
`noise` "code" adds eta * N(0, `gdnoise`) instead, as that code does. eta is the learning rate, the
steps are plain SGD: momentum is refused. Exchanges end at `until` of the training: never in Deep-R
itself, at 0.95 (190 of 200 epochs) where the DSR paper compares with it.

Signs are those of the weights that the model was built with. Deviations: a connection that has just
fallen asleep wakes again only where no other sleeps; weight decay of the training acts on active
connections beside l1 (the authors have none: set train.weight_decay to 0); one temperature, where
the DSR paper lowers it in steps. The soft variant, whose number of connections changes, is none of
this.
"""

from dataclasses import dataclass
from typing import Dict, Optional

import torch
from torch import Tensor

from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Settings, default
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import regrow
from edgejoule.prune.weightmasks.densities import Sparsity, drawn, shapes
from edgejoule.prune.weightmasks.rewiring import Rewiring
from edgejoule.prune.weightmasks.sparse_training import densities, last_step, train

NOISE = ("paper", "code")
SCOPES = ("layer", "global")
TEMPERATURE = GDNOISE = 1e-5

Signs = Dict[str, Tensor]  # tensor name -> 1 or -1 in its shape


@dataclass(frozen=True)
class Walk(Settings):
    """What moves active connections beside the gradient."""

    l1: float = 1e-5
    noise: str = "paper"
    temperature: Optional[float] = None  # of noise "paper"; None: 1e-5
    gdnoise: Optional[float] = None  # of noise "code"; None: 1e-5

    def __post_init__(self) -> None:
        if self.noise not in NOISE:
            raise ValueError("noise={!r}; there are: {}".format(self.noise, ", ".join(NOISE)))
        idle = "gdnoise" if self.noise == "paper" else "temperature"
        if getattr(self, idle) is not None:
            raise ValueError(
                "{}={!r} has no effect with noise={!r}; remove it".format(
                    idle, getattr(self, idle), self.noise
                )
            )
        if min(self.l1, self.temperature or 0, self.gdnoise or 0) < 0:
            raise ValueError("l1, temperature and gdnoise start at 0; one of them is negative")

    def deviation(self, rate: float) -> float:
        """The standard deviation of theta's noise in a step at this learning rate."""
        if self.noise == "code":
            return rate * (GDNOISE if self.gdnoise is None else self.gdnoise)
        temperature = TEMPERATURE if self.temperature is None else self.temperature
        return float((2 * rate * temperature) ** 0.5)


@recipe
def run(
    trainer: Trainer,
    *,
    sparsity: Sparsity = default(densities="uniform", sparse_layers="blocks"),
    walk: Walk,
    wake: float = 1e-12,
    scope: str = "layer",
    until: float = 1.0,
) -> Outcome:
    """The network without a share `ratio` of its sparse layers' weights, rewired in every step."""
    if wake <= 0 or scope not in SCOPES:
        raise ValueError(
            "wake={!r}, scope={!r}; a strength is above 0, scopes are: {}".format(
                wake, scope, ", ".join(SCOPES)
            )
        )
    _check_plain(trainer.optimizer)
    end = last_step(trainer, until)
    chance = torch.Generator().manual_seed(trainer.seed)
    mask = drawn(trainer, sparsity, chance)
    signs = {
        name: torch.where(weight < 0, -torch.ones_like(weight), torch.ones_like(weight))
        for name, weight in (
            (name, trainer.model.get_parameter(name).detach())
            for name in shapes(trainer.model, sparsity.sparse_layers)
        )
    }

    def push(rewiring: Rewiring) -> None:
        if rewiring.steps <= end:
            _push(rewiring, signs, walk)

    def exchange(rewiring: Rewiring) -> None:
        if rewiring.steps <= end:
            _exchange(rewiring, signs, wake, scope)

    rewiring = Rewiring(trainer, mask, chance, before=push, after=exchange)
    stages = train(rewiring, until)
    facts = {"masked": stages, "densities": densities(rewiring.mask)}
    return Outcome(trainer.model, weight_mask=rewiring.mask, facts=facts)


def _push(rewiring: Rewiring, signs: Signs, walk: Walk) -> None:
    """Adds l1 and noise to the gradients, so that the step itself moves theta as above."""
    rate = rewiring.trainer.optimizer.param_groups[0]["lr"]
    for name, sign in signs.items():
        gradient, kept = rewiring.gradient(name), rewiring.mask[name]
        if gradient is None or not rate:  # at a rate of 0 nothing moves, noise included
            continue
        drawn_now = torch.randn(int(kept.sum()), generator=rewiring.chance, dtype=torch.float64)
        noise = walk.deviation(rate) / rate * drawn_now.to(gradient.device, gradient.dtype)
        gradient[kept] += sign[kept] * (walk.l1 - noise)


def _exchange(rewiring: Rewiring, signs: Signs, wake: float, scope: str) -> None:
    gone = {
        name: rewiring.mask[name] & (sign * rewiring.weight(name) <= 0)
        for name, sign in signs.items()
    }
    left = {name: rewiring.mask[name] & ~flags for name, flags in gone.items()}
    new = (_in_each if scope == "layer" else _anywhere)(left, gone, rewiring.chance)
    rewiring.change({name: left[name] | new[name] for name in signs})
    for name, flags in new.items():
        rewiring.weight(name)[flags] = wake * signs[name][flags]


def _in_each(left: Dict[str, Tensor], gone: Dict[str, Tensor], chance: torch.Generator) -> Dict:
    return {
        name: regrow.by_chance(kept, gone[name], int(gone[name].sum()), chance)
        for name, kept in left.items()
    }


def _anywhere(left: Dict[str, Tensor], gone: Dict[str, Tensor], chance: torch.Generator) -> Dict:
    """As many as went in all layers together, every dormant connection equally likely."""
    kept = torch.cat([flags.flatten() for flags in left.values()])
    dropped = torch.cat([flags.flatten() for flags in gone.values()])
    new = regrow.by_chance(kept, dropped, int(dropped.sum()), chance)
    parts = new.split([flags.numel() for flags in left.values()])
    return {name: part.view(left[name].shape) for name, part in zip(left, parts)}


def _check_plain(optimizer: torch.optim.Optimizer) -> None:
    momentum = max(group.get("momentum", 0) for group in optimizer.param_groups)
    if not isinstance(optimizer, torch.optim.SGD) or momentum:
        raise ValueError(
            "deepr needs steps of plain SGD, the training has {} with momentum {:g}; set "
            "train.optimiser = 'sgd', train.momentum = 0 and train.nesterov = false".format(
                type(optimizer).__name__, momentum
            )
        )
