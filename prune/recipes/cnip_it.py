"""CNIP-it: weights and channels compete in one ranking (Verdenius et al., 2020, appendix B).

At each event the elasticities of all weights and of all channels that are left are ranked
together; the threshold that removes as many of them as kappa_i asks for says how many weights are
masked and how many channels are cut. Events as in `snip_it`. Deviation: kappa_i counts weights plus
channels of the dense network that are gone, weights that leave with a channel included; the code
tracks weights before training and channels during it.
"""

from typing import Tuple

import numpy as np

from edgejoule.prune import cutting, schedules, shrink
from edgejoule.prune.cost import count
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.saliency import snip
from edgejoule.prune.scoring import gate_gradients
from edgejoule.prune.select import select
from edgejoule.prune.settings import Cut, Events, default, fixed
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps, weight_mask


@recipe
def run(
    trainer: Trainer,
    *,
    events: Events,
    cut: Cut = default(mode="inner", scope=fixed("global"), multiple_of=fixed(1)),
    layers: str = "all",
) -> Outcome:
    """The network with a share `ratio` of its weights and channels gone, in steps."""
    shares, epochs, note = schedules.planned(events, cut.ratio, trainer.epochs)
    if note:
        trainer.warn(note)
    found, stages, done = cutting.groups(trainer, cut), [], 0
    channels = cutting.whole(found)
    weights = weight_mask.full(trainer.model, weight_mask.names(trainer.model, layers))
    first = weights.weights + channels.channels
    with trainer.phase("score" if events.when == "before" else "search"):
        for share, epoch in zip(shares, epochs):
            if epoch > done:
                stages.append(
                    mask_steps.train(trainer, weights, epoch - done, done, trainer.epochs)
                )
                done = epoch
            channels, weights = _event(
                trainer,
                channels,
                weights,
                cut,
                events.score_batches,
                int((1 - share) * first + 1e-9),
            )
    with trainer.phase("retrain"):
        stages.append(
            mask_steps.train(trainer, weights, trainer.epochs - done, done, trainer.epochs)
        )
    return Outcome(trainer.model, found, channels, weight_mask=weights, facts={"masked": stages})


def split(weights: np.ndarray, nodes: np.ndarray, remove: int) -> Tuple[int, int]:
    """How many of two sets of scores are among their `remove` lowest: (weights, nodes)."""
    flags = weight_mask.lowest_flags(np.concatenate([weights, nodes]), remove)
    return int(flags[: len(weights)].sum()), int(flags[len(weights) :].sum())


def _event(trainer: Trainer, channels, weights, cut, batches, left: int):
    """One pruning event that leaves about `left` weights plus channels."""
    found = cutting.groups(trainer, cut)
    data = trainer.batches(batches)
    work = sum(len(x) * count(trainer.model, x[:1]).train_macs for x, _ in data)
    trainer.charge(2 * 2 * work, "elasticities of weights and of channels")
    of_weights = snip.sensitivities(trainer.model, weights, data, False)
    of_nodes, _ = gate_gradients.derivatives(trainer.model, found, data)
    of_nodes = {name: each.abs() for name, each in of_nodes.items()}
    few, fewer = split(
        _kept(of_weights, weights), _all(of_nodes), max(0, weights.kept + channels.kept - left)
    )
    weights = weight_mask.lowest(of_weights, weights, few)
    weight_mask.apply(trainer.model, weights)
    judged = [group for group in found if group.name in of_nodes]
    return _cut(trainer, found, judged, of_nodes, fewer, channels, weights, cut)


def _cut(trainer: Trainer, found, judged, scores, remove: int, channels, weights, cut):
    """Cuts `remove` channels, and the weights' mask with them."""
    able = sum(max(0, group.channels - cut.min_channels) for group in judged)
    if min(remove, able) == 0:
        return channels, weights
    further = cutting.whole(found)
    share = min(remove, able) / sum(group.channels for group in judged)
    further.update(select(scores, judged, share, min_channels=cut.min_channels))
    keep = shrink.keeping(trainer.model, found, further)
    cutting.apply(trainer, found, further)
    return cutting.composed(channels, further), weight_mask.sliced(weights, keep)


def _kept(scores, mask):
    return np.concatenate([scores[name][flags].cpu().numpy() for name, flags in mask.items()])


def _all(scores):
    return np.concatenate([each.detach().cpu().numpy() for each in scores.values()])
