"""Centripetal SGD (Ding et al., 2019, arXiv:1904.03837): filters meet, and are merged exactly.

A trained network's filters are put into clusters, as many per group as channels shall stay. In
further training every cluster is pulled together (`prune.channelgates.clusters`); then one filter
of each stays and the next layers add up the weights with which they read the others. Filters that
have met are merged without a change, so no retraining is needed and `retrain_epochs` is 0.

`clusters` "kmeans" groups similar filters, "even" neighbours. The paper's `pull` of 0.003 takes 600
epochs at a rate of 0.03; short trainings need a stronger one. How far filters were from their
centres when they were merged, and by how much the outputs changed, is in the record's facts; more
than one percent is also warned of. Deviations: layers that write one residual stream are clustered
by all of their filters, where the authors let the others follow one; merged filters and statistics
are their cluster's mean, not its first, which is the same once they have met. The merge is exact
with SGD at any momentum; optimisers that scale each gradient by its own past pull less evenly.
"""

from typing import Dict, Optional, Tuple

import torch

from edgejoule.prune import cutting, steps
from edgejoule.prune.channelgates import clusters as clustering
from edgejoule.prune.cost import count
from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.groups import Groups
from edgejoule.prune.mask import Mask
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.parity import parity
from edgejoule.prune.recipe import recipe
from edgejoule.prune.select import select
from edgejoule.prune.settings import Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer

WAYS = ("kmeans", "even")
MET = 0.01  # relative distance from the centres above which a merge changes what one would notice

Chosen = Dict[str, Tuple[clustering.Sides, clustering.Assignment]]


@recipe
def run(
    trainer: Trainer,
    *,
    pull: float = 0.003,
    vector_share: float = 0.1,
    clusters: str = "kmeans",
    pull_epochs: Optional[int] = None,
    cut: Cut = default(mode="inner", scope=fixed("layer")),
    retraining: Retraining = default(retrain_epochs=0),
) -> Outcome:
    """The network whose filters were drawn together to `1 - ratio` of each group, and merged."""
    _checked(pull, vector_share, clusters, pull_epochs)
    found = cutting.groups(trainer, cut)
    steps.whole(trainer, "dense")
    trainer.replace(trainer.model)  # a new training begins, with a new optimiser
    chosen, notes = _clustered(trainer, found, cut, clusters)
    epochs = trainer.epochs if pull_epochs is None else pull_epochs
    with trainer.phase("search"):
        penalty = clustering.Centripetal(chosen, pull, vector_share)
        trainer.train(epochs, first=0, total=epochs, penalty=penalty)
    with trainer.phase("score"):
        mask, facts = _merged(trainer, found, chosen, notes)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask, facts={"clusters": facts})


def _checked(pull: float, share: float, clusters: str, epochs: Optional[int]) -> None:
    if clusters not in WAYS:
        raise ValueError("no clusters called {!r}; there are: {}".format(clusters, ", ".join(WAYS)))
    if pull <= 0 or share <= 0:
        raise ValueError(
            "pull={!r}, vector_share={!r}; both lie above 0, or nothing meets".format(pull, share)
        )
    if epochs is not None and epochs < 1:
        raise ValueError("pull_epochs={!r}; filters meet in one epoch or more".format(epochs))


def _clustered(trainer: Trainer, found: Groups, cut: Cut, way: str) -> Tuple[Chosen, Tuple]:
    """Sides and clusters by group of all that can be merged, and notes on the others."""
    both: Dict[str, clustering.Sides] = {}
    for group in found:
        sides = clustering.sides(trainer.model, group)
        if sides is not None:
            both[group.name] = sides
    able = [group for group in found if group.name in both]
    if not able:
        raise ValueError(
            "csgd can merge none of the {} channel groups of this model; choose a recipe that "
            "cuts channels without merging them".format(len(found))
        )
    # any scores: only how many stay matters, and `select` knows every bound on that
    equal = {group.name: torch.zeros(group.channels) for group in able}
    mask = select(equal, able, cut.ratio, "layer", cut.min_channels, cut.multiple_of)
    chosen = {}
    for group in able:
        width = int(mask[group.name].sum())
        points = clustering.points(trainer.model, group)
        chosen[group.name] = (
            both[group.name],
            clustering.even(len(points), width)
            if way == "even"
            else clustering.k_means(points, width, trainer.seed),
        )
    notes = mask.notes
    if len(able) < len(found):
        left = (len(found) - len(able), len(found))
        notes += ("csgd cannot merge {} of {} channel groups; they stay whole".format(*left),)
    return chosen, notes


def _merged(trainer: Trainer, found: Groups, chosen: Chosen, notes: Tuple) -> Tuple[Mask, Dict]:
    """The mask that keeps one channel of each cluster, after the merge, and what it changed."""
    model, mask = trainer.model, cutting.whole(found)
    apart = max(clustering.spread(model, *each) for each in chosen.values())
    before, (x, _) = duplicate(model), trainer.batches(1)[0]
    for name, each in chosen.items():
        mask[name] = clustering.merge(model, *each)
    mask.notes += notes
    trainer.charge(4 * len(x) * count(model, x[:1]).forward_macs, "comparison of outputs")
    change = parity(before, model, x, modes=(False,))
    if apart > MET:
        trainer.warn(
            "filters were {:.1%} from their centres when they were merged, which changed outputs "
            "by {:.1%}; raise pull or pull_epochs, or retrain".format(apart, change)
        )
    return mask, {"spread": apart, "output_change": change}
