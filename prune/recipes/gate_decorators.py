"""Gate decorators with Tick-Tock (You et al., 2019, arXiv:1909.08174).

The scale of every batch norm behind prunable layers becomes a gate (`prune.gates.decorators`).
After dense training come rounds: in each of `ticks` Ticks gates and linear layers alone are trained
for an epoch, while |phi * dL/dphi| is summed up, and the lowest `tick_share` of the channels that
are left are closed for good; then a Tock trains everything for `tock_epochs` with `strength` times
the sum of |phi| added to the loss. Layers that a shortcut ties close together, by the sum of their
scores; a share `least` of each layer stays. When `ratio` of the channels is closed the gates are
folded back, the network is cut and retrained. `tick_share` 0.005 is the authors' for VGG; theirs
for ResNet-56 is 0.002.

Gates are parameters of the network that is trained, so that the trainer's optimiser moves them.
Deviations: a Tick passes over the whole training set where the authors take part of it; the goal is
a share of channels and not of FLOPs, and scores have no term for FLOPs; Ticks run at the last
learning rate of the schedule (0.001 there), and a Tock repeats the schedule (theirs rises from
0.001 to 0.01 and falls again); norms that belong to no prunable layer are not decorated.
"""

from typing import Dict, Iterator

import torch
from torch import Tensor, nn

from edgejoule.prune import cutting, steps
from edgejoule.prune.gates import readers
from edgejoule.prune.gates.decorators import Decorated, Votes, decoratable
from edgejoule.prune.groups import Groups
from edgejoule.prune.mask import Mask
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.select import select
from edgejoule.prune.settings import Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer

BARE = "have no batch norms through which all that reads them does"


@recipe
def run(
    trainer: Trainer,
    *,
    ticks: int = 10,
    tick_share: float = 0.005,
    tock_epochs: int = 10,
    strength: float = 1e-3,
    least: float = 0.1,
    cut: Cut = default(scope=fixed("global"), min_channels=fixed(1), multiple_of=fixed(1)),
    retraining: Retraining,
) -> Outcome:
    """The network cut to the channels whose gates stayed open, and retrained."""
    _check(ticks, tick_share, tock_epochs, strength, least, cut)
    found = cutting.groups(trainer, cut)
    chosen, paths = decoratable(trainer.model, trainer.example, found)
    mask = cutting.whole(chosen)
    select(_nothing(chosen), chosen, cut.ratio, min_channels=least)  # refuses what is out of reach
    steps.whole(trainer, "dense")
    decorated = Decorated(trainer.model, paths)
    shares = list(_shares(cut.ratio, tick_share))
    rounds = [shares[first : first + ticks] for first in range(0, len(shares), ticks)]
    for number, some in enumerate(rounds):
        with trainer.phase("search"):
            for share in some:
                mask = _tick(trainer, decorated, chosen, mask, share, least)
            if tock_epochs and number + 1 < len(rounds):
                _tock(trainer, decorated, tock_epochs, strength)
    with trainer.phase("score"):
        trainer.replace(decorated.folded())
        mask = readers.over_all(found, mask, BARE)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask, facts={"ticks": len(shares)})


def _shares(ratio: float, tick_share: float) -> Iterator[float]:
    """The share of all channels that is closed after each Tick."""
    left = 1.0
    while 1 - left < ratio:
        left *= 1 - tick_share
        yield min(ratio, 1 - left)


def _tick(
    trainer: Trainer,
    decorated: Decorated,
    groups: Groups,
    mask: Mask,
    share: float,
    least: float,
) -> Mask:
    """Trains gates and linear layers for an epoch and closes more of them; the new mask."""
    votes = Votes(decorated, groups)
    decorated.learn(everything=False)
    trainer.replace(decorated)
    first, total = steps.span(1, "last")
    trainer.train(1, first=first, total=total, penalty=votes, memory=votes)
    mask = _lowest(votes, groups, mask, share, least)
    decorated.close(groups, mask)
    return mask


def _tock(trainer: Trainer, decorated: Decorated, epochs: int, strength: float) -> None:
    """Trains everything, gates drawn towards 0."""

    def pull(model: nn.Module) -> None:
        decorated.pull(strength)

    decorated.learn(everything=True)
    trainer.replace(decorated)
    trainer.train(epochs, total=epochs, penalty=pull)


def _lowest(votes: Votes, groups: Groups, mask: Mask, share: float, least: float) -> Mask:
    """The mask that removes a share of all channels: the closed ones, then the lowest sums."""
    scores = {name: each.clone() for name, each in votes.sums.items()}
    for name, flags in mask.items():
        scores[name][~flags.to(scores[name].device)] = -1.0  # sums of sizes are 0 or more
    return select(scores, groups, share, min_channels=least)


def _nothing(groups: Groups) -> Dict[str, Tensor]:
    return {group.name: torch.zeros(group.channels) for group in groups}


def _check(
    ticks: int, tick_share: float, tock_epochs: int, strength: float, least: float, cut: Cut
) -> None:
    if isinstance(cut.ratio, dict):
        raise ValueError("ratio={!r}; all layers compete, so it is one share".format(cut.ratio))
    if ticks < 1 or tock_epochs < 0 or strength < 0:
        raise ValueError(
            "ticks={!r}, tock_epochs={!r}, strength={!r}; ticks start at 1, the others at 0".format(
                ticks, tock_epochs, strength
            )
        )
    if not 0 < tick_share < 1 or not 0 <= least < 1:
        raise ValueError(
            "tick_share={!r}, least={!r}; the first lies in (0, 1), the second in [0, 1)".format(
                tick_share, least
            )
        )
