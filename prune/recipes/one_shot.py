"""Train, score, cut once, retrain: the pipeline of network slimming, L1 filters, spline pruning.

`retrain` "full" repeats the learning-rate schedule (Renda et al., 2020: learning-rate rewinding),
"last" fine-tunes at its last rate. The regularizer, if any, acts during dense training only.
"""

from typing import Optional

from edgejoule.prune import cutting, steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Criterion, Cut, Regularizer, Retraining, default
from edgejoule.prune.trainer import Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    criterion: Criterion = default("slim"),
    regularizer: Optional[Regularizer] = None,
    cut: Cut,
    retraining: Retraining,
) -> Outcome:
    """The network cut to `1 - ratio` of its channels and retrained."""
    found = cutting.groups(trainer, cut)
    steps.whole(trainer, "dense", steps.penalty(regularizer, found))
    with trainer.phase("score"):
        mask = cutting.draw(trainer, criterion, found, cut)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask)
