"""DSR, dynamic sparse reparameterization: one threshold for all layers, and they trade connections.

Mostafa & Wang, 2019, arXiv:1902.05967. Connections are drawn by chance, at one density in all
sparse layers. After every `interval`-th step (100), an interval that doubles at each of the shares
`doublings` of the training and ends at `until`, all sparse layers drop the weights below H
(`threshold`, at first 0.001; a layer never its last one). The K that went come back at random
places at value zero, layer l getting K R_l / sum(R), where R are the survivors. Then H halves if
K > (1 + `tolerance`) N, and doubles if K < (1 - `tolerance`) N, where N is `target`: the number
that should go each time (20 000 there; None: a hundredth of all connections). The number of
connections in all layers together never changes.

Shares are those of the authors' training on CIFAR-10 (epochs 25, 80 and 140 of 200, end at 190);
ImageNet has [0.25, 0.5, 0.75] and `interval` 1000. `sparse_layers` "blocks" are the convolutions of
more than one pixel but the first; without any, all linear layers.

Deviations. Shares are rounded by the largest remainders, where that code gives the rest to a layer
by chance. A place whose weight was just dropped is taken only where no other is free. Absent
weights stay zero in every step, where momentum moves them there until the next exchange.
"""

from dataclasses import dataclass
from typing import Optional, Sequence

import torch

from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Settings, default
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import regrow
from edgejoule.prune.weightmasks.densities import Sparsity, drawn, shapes
from edgejoule.prune.weightmasks.rewiring import Rewiring
from edgejoule.prune.weightmasks.sparse_training import densities, last_step, train


@dataclass(frozen=True)
class Control(Settings):
    """What holds the number of weights that go near a target."""

    threshold: float = 0.001
    target: Optional[int] = None
    tolerance: float = 0.1

    def __post_init__(self) -> None:
        target = 1 if self.target is None else self.target
        if self.threshold <= 0 or not 0 <= self.tolerance < 1 or target < 1:
            raise ValueError(
                "threshold={!r}, target={!r}, tolerance={!r}; a threshold is above 0, a target "
                "starts at 1, a tolerance lies in [0, 1)".format(
                    self.threshold, self.target, self.tolerance
                )
            )


@recipe
def run(
    trainer: Trainer,
    *,
    sparsity: Sparsity = default(densities="uniform", sparse_layers="blocks"),
    control: Control,
    interval: int = 100,
    doublings: Sequence[float] = (0.125, 0.4, 0.7),
    until: float = 0.95,
) -> Outcome:
    """The network without a share `ratio` of its sparse layers' weights, traded between them."""
    if interval < 1 or not all(0 < share < 1 for share in doublings):
        raise ValueError(
            "interval={!r}, doublings={!r}; intervals start at 1 step, doublings are shares of the "
            "training in (0, 1)".format(interval, list(doublings))
        )
    end = last_step(trainer, until)
    doubled = [last_step(trainer, share) for share in doublings]
    chance = torch.Generator().manual_seed(trainer.seed)
    mask = drawn(trainer, sparsity, chance)
    sparse = list(shapes(trainer.model, sparsity.sparse_layers))
    target = control.target or max(1, sum(int(mask[name].sum()) for name in sparse) // 100)

    def exchange(rewiring: Rewiring) -> None:
        if (
            rewiring.steps < end
            and rewiring.steps % spacing(rewiring.steps, interval, doubled) == 0
        ):
            gone = _exchange(rewiring, sparse, rewiring.notes["threshold"])
            rewiring.notes["threshold"] = moved(
                rewiring.notes["threshold"], gone, target, control.tolerance
            )

    rewiring = Rewiring(trainer, mask, chance, after=exchange)
    rewiring.notes["threshold"] = control.threshold
    stages = train(rewiring, until)
    facts = {"masked": stages, "densities": densities(rewiring.mask)}
    return Outcome(trainer.model, weight_mask=rewiring.mask, facts=dict(facts, **rewiring.notes))


def spacing(step: int, interval: int, doubled: Sequence[int]) -> int:
    """Steps between exchanges at a step: twice as many from each of the steps `doubled` on."""
    return interval * 2 ** sum(step >= each for each in doubled)


def moved(threshold: float, gone: int, target: int, tolerance: float) -> float:
    """The threshold of the next exchange, after one in which `gone` weights fell below it."""
    if gone > (1 + tolerance) * target:
        return threshold / 2
    return threshold * 2 if gone < (1 - tolerance) * target else threshold


def _exchange(rewiring: Rewiring, sparse: Sequence[str], threshold: float) -> int:
    """Drops and grows over all sparse layers; how many connections went."""
    gone = {
        name: regrow.below(rewiring.weight(name), rewiring.mask[name], threshold) for name in sparse
    }
    left = {name: rewiring.mask[name] & ~gone[name] for name in sparse}
    count = sum(int(flags.sum()) for flags in gone.values())
    survivors = [int(left[name].sum()) for name in sparse]
    room = [left[name].numel() - had for name, had in zip(sparse, survivors)]
    new = regrow.allotted(count, survivors, room)
    rewiring.change(
        {
            name: left[name] | regrow.by_chance(left[name], gone[name], grown, rewiring.chance)
            for name, grown in zip(sparse, new)
        }
    )
    return count
