"""Cut channels before training: random structured pruning (Lee et al., 2020, `rand_s`) and others.

Any criterion may score the fresh network; criterion "random" is the small network drawn by chance
that pruned ones must beat.
"""

from edgejoule.prune import cutting
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Criterion, Cut, default
from edgejoule.prune.trainer import Trainer


@recipe
def run(trainer: Trainer, *, criterion: Criterion = default("random"), cut: Cut) -> Outcome:
    """The network cut to `1 - ratio` of its channels and then trained."""
    found = cutting.groups(trainer, cut)
    with trainer.phase("score"):
        mask = cutting.draw(trainer, criterion, found, cut)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        trainer.train(trainer.epochs)
    return Outcome(trainer.model, found, mask)
