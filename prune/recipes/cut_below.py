"""Train with a pull, cut what is at most a threshold, fine-tune: the threshold decides how much.

Polarization (Zhuang et al., 2020, NeurIPS): criterion and regularizer "polarization", and as
threshold the first valley of each group's histogram of 100 bins over [0, 1] (`threshold` left out);
a histogram without one is told and takes 0.01. Group-HS (DeepHoyer, Yang et al., 2020, 1908.09979):
regularizer "group_hs", criterion "linf", `threshold` 1e-3. The regularizer acts during dense
training only. `min_channels` are kept in every group. A plan made before any training has untrained
weights to go by, and mostly keeps every channel.
"""

from typing import Optional

from edgejoule.prune import cutting, steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.scoring import thresholds
from edgejoule.prune.settings import Criterion, Cut, Regularizer, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    criterion: Criterion = default("polarization"),
    regularizer: Optional[Regularizer] = None,
    threshold: Optional[float] = None,
    cut: Cut = default(ratio=fixed(0.0), scope=fixed("layer"), multiple_of=fixed(1)),
    retraining: Retraining,
) -> Outcome:
    """The network without the channels that score at most the threshold, retrained."""
    if threshold is not None and not threshold >= 0:
        raise ValueError("threshold={!r}; thresholds start at 0".format(threshold))
    found = cutting.groups(trainer, cut)
    if not found:
        raise ValueError("nothing of this model can be cut: {}".format(cutting.why_whole(found)))
    steps.whole(trainer, "dense", steps.penalty(regularizer, found))
    with trainer.phase("score"):
        scores = steps.score(trainer, criterion, found)
        limits, notes = thresholds.of_groups(scores, threshold)
        mask = thresholds.above(scores, found, limits, cut.min_channels)
        mask.notes += tuple(notes)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask, facts={"thresholds": limits})
