"""L0 regularisation (Louizos et al., 2018, arXiv:1712.01312): gates that learn to close.

While the network is trained from scratch, every channel is multiplied by a gate from the hard
concrete distribution (`prune.gates.hard_concrete`). To the loss comes `strength` times the expected
number of weights whose gate is open: the sum of P(z != 0) * (weights of the channel's filter). The
network is cut to the channels whose settled gate is above 0; where `ratio` is given, to those with
the highest gates instead. Gates that stay are folded into the weights that read their channels.

Gates are parameters of the network that is trained, so that one optimiser, its schedule, number
format and running means are theirs too, as in the authors' code. `strength` is the paper's lambda
divided by the number of training images: 2e-8 is the authors' 0.001 for 50 000 images. `drop` is
the chance of a gate, before its stretch, to start below one half (the paper's dropout rate: 0.3 in
wide residual networks, 0.5 elsewhere).

Deviations: gates stand where channels are read, behind batch norm and ReLU, and not between a
convolution and its norm as in the authors' residual networks: the norm would cancel them while it
trains. The expected L2 norm is not there: the trainer's weight decay acts on all weights and log
alphas alike. Nothing is retrained unless `retrain_epochs` asks for it.
"""

from typing import Any, List, Optional

from torch import nn

from edgejoule.prune import cutting, steps
from edgejoule.prune.gates import hard_concrete, readers
from edgejoule.prune.groups import Groups, filters
from edgejoule.prune.mask import Mask
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.select import select
from edgejoule.prune.settings import Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    ratio: Optional[float] = None,
    strength: float = 2e-8,
    drop: float = 0.3,
    cut: Cut = default(ratio=fixed(0.0), mode="inner", scope=fixed("global"), multiple_of=fixed(1)),
    retraining: Retraining = default(retrain_epochs=0),
) -> Outcome:
    """The network without the channels whose gates have closed."""
    _check(ratio, strength, drop, retraining)
    found = cutting.groups(trainer, cut)
    chosen, sites = readers.gateable(trainer.model, found)
    gated = hard_concrete.Gated(
        trainer.model, sites, [group.channels for group in chosen], drop, trainer.seed
    )
    trainer.replace(gated)
    with trainer.phase("search"):
        trainer.train(trainer.epochs, total=trainer.epochs, penalty=_pull(gated, chosen, strength))
    with trainer.phase("score"):
        mask = _mask(gated, chosen, ratio, cut.min_channels)
        settled = _facts(gated, chosen)
        trainer.replace(gated.folded())
        mask = readers.over_all(found, mask)
        cutting.apply(trainer, found, mask)
    if retraining.retrain_epochs != 0:
        with trainer.phase("retrain"):
            steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask, facts={"gates": settled})


def _pull(gated: hard_concrete.Gated, groups: Groups, strength: float) -> Any:
    """What runs between backward pass and step: the gradient of the expected number of weights."""
    weights = [sum(rows.shape[1] for rows in filters(gated.network, group)) for group in groups]

    def penalty(model: nn.Module) -> None:
        gated.penalise([strength * each for each in weights])

    return penalty


def _mask(gated: hard_concrete.Gated, groups: Groups, ratio: Optional[float], least: int) -> Mask:
    """The channels whose gates are open, or a share of those that are open most."""
    scores = {group.name: each.detach() for group, each in zip(groups, gated.log_alphas)}
    if ratio is not None:
        return select(scores, groups, ratio, min_channels=least)
    notes: List[str] = []
    shares = {}
    for group in groups:
        closed = int((hard_concrete.settled(scores[group.name]) == 0).sum())
        able = max(0, min(closed, group.channels - least))
        shares[group.name] = able / group.channels
        if able < closed:
            notes.append(
                "group {!r}: all but {} of {} gates are closed; {} channels stay".format(
                    group.name, group.channels - closed, group.channels, group.channels - able
                )
            )
    # settled gates rise with log alpha, so that the lowest scores are those that are closed
    mask = select(scores, groups, shares, min_channels=least)
    return Mask(mask, mask.notes + tuple(notes))


def _facts(gated: hard_concrete.Gated, groups: Groups) -> Any:
    """Of each group: channels, closed gates, and the expected share of open ones in training."""
    return {
        group.name: {
            "channels": group.channels,
            "closed": int((hard_concrete.settled(each.detach()) == 0).sum()),
            "expected_open": float(hard_concrete.open_probability(each.detach()).mean()),
        }
        for group, each in zip(groups, gated.log_alphas)
    }


def _check(ratio: Optional[float], strength: float, drop: float, retraining: Retraining) -> None:
    if ratio is not None and not (isinstance(ratio, (int, float)) and 0 <= ratio < 1):
        raise ValueError(
            "ratio={!r}; it lies in [0, 1), or is left out: closed gates decide then".format(ratio)
        )
    if strength < 0 or not 0 < drop < 1:
        raise ValueError(
            "strength={!r}, drop={!r}; strength starts at 0, drop lies in (0, 1)".format(
                strength, drop
            )
        )
    if retraining.retrain != "full" and retraining.retrain_epochs == 0:
        raise ValueError(
            "retrain={!r} has no effect, nothing is retrained; set retrain_epochs".format(
                retraining.retrain
            )
        )
