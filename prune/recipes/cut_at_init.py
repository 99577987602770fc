"""Cut channels before training: random structured pruning (Lee et al., 2020, `rand_s`) and others.

Any criterion may score the fresh network; criterion "random" is the small network drawn by chance
that pruned ones must beat. `retrain` and `repeats` train it as long as those, as in `at_init`.
"""

from edgejoule.prune import cutting, steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Criterion, Cut, Repeats, default
from edgejoule.prune.trainer import Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    criterion: Criterion = default("random"),
    cut: Cut,
    again: Repeats,
) -> Outcome:
    """The network cut to `1 - ratio` of its channels and then trained."""
    found = cutting.groups(trainer, cut)
    with trainer.phase("score"):
        mask = cutting.draw(trainer, criterion, found, cut)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        for first, total in steps.repeated(trainer, again):
            trainer.train(trainer.epochs, first=first, total=total)
    return Outcome(trainer.model, found, mask)
