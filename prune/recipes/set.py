"""SET, sparse evolutionary training: after each epoch the weakest connections move elsewhere.

Mocanu et al., 2018, arXiv:1707.04780. Connections are drawn by chance before training: with
`epsilon` its epsilon (n_in + n_out) of each layer (20 there), with `ratio` a share of the sparse
layers by `densities` (the classifier stays dense). After each epoch but the last every sparse layer
drops a share `drop` (0.3) of its positive weights and of its negative ones, those closest to zero
(`mode` "per_sign"), or of all its weights ("magnitude"), and as many absent ones appear by chance,
with value zero.

Deviations. Exactly floor(drop * n) go of each sign, where the authors' code takes its threshold
from the sorted dense vector and drops one more; weights that have just come are told by the mask,
so that one whose value is still zero is not lost. What was just dropped does not come back at once.
The optimiser goes on and forgets only the connections that moved, where that code builds it anew
after each epoch. A convolution is a layer of n_out filters, each of n_in values that it reads.
"""

from dataclasses import dataclass
from typing import Optional

import torch

from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Settings
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import regrow
from edgejoule.prune.weightmasks.densities import (
    Sparsity,
    drawn,
    erdos_renyi,
    shapes,
    with_kept,
)
from edgejoule.prune.weightmasks.rewiring import Rewiring
from edgejoule.prune.weightmasks.sparse_training import densities, train
from edgejoule.prune.weightmasks.weight_mask import WeightMask

MODES = {"per_sign": regrow.by_magnitude_of_each_sign, "magnitude": regrow.by_magnitude}


@dataclass(frozen=True)
class Start(Settings):
    """How many connections there are: by `epsilon`, or by `ratio` and `densities`."""

    ratio: Optional[float] = None
    epsilon: Optional[float] = None
    densities: Optional[str] = None  # None: "erk"
    sparse_layers: str = "no_classifier"


@recipe
def run(
    trainer: Trainer,
    *,
    start: Start,
    drop: float = 0.3,
    mode: str = "per_sign",
) -> Outcome:
    """The network with sparse layers whose weakest connections moved after each epoch."""
    if not 0 < drop < 1 or mode not in MODES:
        raise ValueError(
            "drop={!r}, mode={!r}; a share to drop lies in (0, 1), modes are: {}".format(
                drop, mode, ", ".join(MODES)
            )
        )
    chance = torch.Generator().manual_seed(trainer.seed)
    mask = _mask(trainer, start, chance)

    def exchange(rewiring: Rewiring) -> None:
        rewiring.notes["epochs"] += 1
        if rewiring.notes["epochs"] < trainer.epochs:
            _exchange(rewiring, drop, mode)

    rewiring = Rewiring(trainer, mask, chance, after_epoch=exchange)
    rewiring.notes["epochs"] = 0
    # the last epoch trains what is left: nothing moves after it
    stages = train(rewiring, (trainer.epochs - 1) / trainer.epochs)
    facts = {"masked": stages, "densities": densities(rewiring.mask)}
    return Outcome(trainer.model, weight_mask=rewiring.mask, facts=facts)


def _exchange(rewiring: Rewiring, drop: float, mode: str) -> None:
    masks = {}
    for name, kept in rewiring.mask.items():
        if bool(kept.all()):
            continue  # a dense layer has nowhere else to grow
        gone = MODES[mode](rewiring.weight(name), kept, drop)
        new = regrow.by_chance(kept & ~gone, gone, int(gone.sum()), rewiring.chance)
        masks[name] = (kept & ~gone) | new
    rewiring.change(masks)


def _mask(trainer: Trainer, start: Start, chance: torch.Generator) -> WeightMask:
    ratio, epsilon, layers = start.ratio, start.epsilon, start.sparse_layers
    if ratio is not None and epsilon is None:
        return drawn(trainer, Sparsity(ratio, start.densities or "erk", layers), chance)
    if epsilon is None or ratio is not None:
        raise ValueError("ratio={!r}, epsilon={!r}; give one of them".format(ratio, epsilon))
    if start.densities is not None:
        raise ValueError(
            "densities={!r} has no effect with epsilon, which has its own; give ratio in its "
            "place".format(start.densities)
        )
    if epsilon <= 0:
        raise ValueError("epsilon={!r}; it must be above 0".format(epsilon))
    return with_kept(trainer, erdos_renyi(shapes(trainer.model, layers), epsilon), chance)
