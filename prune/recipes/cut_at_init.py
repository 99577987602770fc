"""Cut channels before training: random structured pruning (Lee et al., 2020, `rand_s`) and others.

Any criterion may score the fresh network; criterion "random" is the small network drawn by chance
that pruned ones must beat.
"""

from edgejoule.prune import cutting, steps
from edgejoule.prune.outcome import Outcome


def run(
    trainer,
    *,
    ratio,
    criterion="random",
    mode="coupled",
    scope=None,
    ignore=(),
    min_channels=1,
    multiple_of=1,
    **options,
):
    """The network cut to `1 - ratio` of its channels and then trained."""
    method = steps.method(criterion, options)
    steps.refuse_penalty(method)
    cut = cutting.Cut(ratio, mode, scope, ignore, min_channels, multiple_of)
    found = cutting.groups(trainer, cut)
    with trainer.phase("score"):
        mask = cutting.draw(trainer, method, found, cut)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        trainer.train(trainer.epochs)
    return Outcome(trainer.model, found, mask)
