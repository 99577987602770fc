"""SNAP-it: cut channels in steps, before or during training (Verdenius et al., 2020, 2006.00896).

Each event removes the channels with the lowest elasticity until kappa_i of all channels are gone
(`prune.schedules.kappas`), physically and at once; the optimiser starts anew. Layers keep their
best channel. Events as in `snip_it`. Deviations: as `prune.criteria.snap`; residual streams stay
whole by default (`mode` "inner"), since the reference knows no residual networks.
"""

from edgejoule.prune import cutting, schedules
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Criterion, Cut, Events, default, fixed
from edgejoule.prune.trainer import Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    criterion: Criterion = default("snap"),
    events: Events,
    cut: Cut = default(mode="inner", scope=fixed("global"), multiple_of=fixed(1)),
) -> Outcome:
    """The network cut to `1 - ratio` of its channels in steps."""
    shares, epochs, note = schedules.planned(events, cut.ratio, trainer.epochs)
    if note:
        trainer.warn(note)
    found, done = cutting.groups(trainer, cut), 0
    mask = cutting.whole(found)
    with trainer.phase("score" if events.when == "before" else "search"):
        for share, epoch in zip(shares, epochs):
            if epoch > done:
                trainer.train(epoch - done, first=done, total=trainer.epochs)
                done = epoch
            mask = cutting.cut_to(trainer, criterion, mask, share, cut, events.score_batches)
    with trainer.phase("retrain"):
        trainer.train(trainer.epochs - done, first=done, total=trainer.epochs)
    return Outcome(trainer.model, found, mask)
