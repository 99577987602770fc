"""SNIP-it: mask weights in steps, before or during training (Verdenius et al., 2020, 2006.00896).

Each event removes the lowest elasticities |w * dL/dw| / L of the network as it stands, until
kappa_i of all weights are gone (`prune.schedules.kappas`: 7 events for `steps` 5). "before" has all
events at initialisation, "during" one every `interval` epochs (4). By `timing` "code" the first
comes after `first_event` epochs (8): it is the default because the authors' code does that. It
deviates from the paper's algorithm 1, `timing` "algorithm", which has events after 4, 8, ..., 24
and 24 epochs (`prune.schedules` says more). The guard for shares up to one half and a schedule that
does not fit the training are told, not silently adapted. Deviations: as `prune.saliency.snip`.
"""

from edgejoule.prune import schedules
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Events, Saliency, Thinning, default, fixed
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps, weight_mask


@recipe
def run(
    trainer: Trainer,
    *,
    ratio: float,
    saliency: Saliency = default("snip"),
    events: Events,
    how: Thinning = default(scope=fixed("global"), invert=fixed(False)),
) -> Outcome:
    """The network with a share `ratio` of its weights masked in steps."""
    shares, epochs, note = schedules.planned(events, ratio, trainer.epochs)
    mask = mask_steps.start(trainer, saliency, how)
    if note:
        trainer.warn(note)
    stages, done = [], 0
    with trainer.phase("score" if events.when == "before" else "search"):
        for share, epoch in zip(shares, epochs):
            if epoch > done:
                stages.append(mask_steps.train(trainer, mask, epoch - done, done, trainer.epochs))
                done = epoch
            mask = mask_steps.draw(trainer, saliency, mask, share, how, events.score_batches)
            weight_mask.apply(trainer.model, mask)
    with trainer.phase("retrain"):
        stages.append(mask_steps.train(trainer, mask, trainer.epochs - done, done, trainer.epochs))
    return Outcome(trainer.model, weight_mask=mask, facts={"masked": stages})
