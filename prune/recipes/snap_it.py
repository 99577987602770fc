"""SNAP-it: cut channels in steps, before or during training (Verdenius et al., 2020, 2006.00896).

Each event removes the channels with the lowest elasticity until kappa_i of all channels are gone
(`prune.schedules.kappas`), physically and at once; the optimiser starts anew. Layers keep their
best channel. Events as in `snip_it`. Deviations: as `prune.criteria.snap`; residual streams stay
whole by default (`mode` "inner"), since the reference knows no residual networks.
"""

from edgejoule.prune import cutting, schedules
from edgejoule.prune import steps as pruning
from edgejoule.prune.outcome import Outcome


def run(
    trainer,
    *,
    ratio,
    when="before",
    criterion="snap",
    steps=5,
    interval=None,
    first_event=None,
    score_batches=5,
    mode="inner",
    ignore=(),
    min_channels=1,
    **options,
):
    """The network cut to `1 - ratio` of its channels in steps."""
    method = pruning.method(criterion, options)
    pruning.refuse_penalty(method)
    cut = cutting.Cut(ratio, mode, "global", ignore, min_channels)
    shares, note = schedules.kappas(ratio, steps)
    epochs = schedules.events(when, len(shares), interval, first_event, trainer.epochs)
    if note:
        trainer.warn(note)
    found, done = cutting.groups(trainer, cut), 0
    mask = cutting.whole(found)
    with trainer.phase("score" if when == "before" else "search"):
        for share, epoch in zip(shares, epochs):
            if epoch > done:
                trainer.train(epoch - done, first=done, total=trainer.epochs)
                done = epoch
            mask = cutting.cut_to(trainer, method, mask, share, cut, score_batches)
    with trainer.phase("retrain"):
        trainer.train(trainer.epochs - done, first=done, total=trainer.epochs)
    return Outcome(trainer.model, found, mask)
