"""Train, score, cut once, retrain: the pipeline of network slimming, L1 filters, spline pruning.

`retrain` "full" repeats the learning-rate schedule (Renda et al., 2020: learning-rate rewinding),
"last" fine-tunes at its last rate. The criterion's penalty, if any, acts during dense training
only.
"""

from edgejoule.prune import cutting, steps
from edgejoule.prune.outcome import Outcome


def run(
    trainer,
    *,
    ratio,
    criterion="slim",
    mode="coupled",
    scope=None,
    ignore=(),
    min_channels=1,
    multiple_of=1,
    retrain="full",
    retrain_epochs=None,
    **options,
):
    """The network cut to `1 - ratio` of its channels and retrained."""
    method = steps.method(criterion, options)
    steps.check_retrain(retrain, retrain_epochs)
    cut = cutting.Cut(ratio, mode, scope, ignore, min_channels, multiple_of)
    found = cutting.groups(trainer, cut)
    with trainer.phase("dense"):
        trainer.train(trainer.epochs, penalty=steps.penalty(method, found))
    with trainer.phase("score"):
        mask = cutting.draw(trainer, method, found, cut)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retrain, retrain_epochs)
    return Outcome(trainer.model, found, mask)
