"""Train with a pull, mask weights at most a threshold, fine-tune: the threshold decides how many.

HoyerSquare (DeepHoyer, Yang et al., 2020, arXiv:1908.09979): regularizer "hoyer_square",
`threshold` 1e-4 (the default; SNIP-it's paper takes 1e-3), fine-tuning without the pull. With
`deviations` the threshold is that many standard deviations of each layer's weights: 0.25 in
DeepHoyer's code, and the quality parameter of Han et al., 2015 (arXiv:1506.02626). `least` weights
stay in every layer; one that is emptied is told.
"""

from typing import Optional

from edgejoule.prune import steps
from edgejoule.prune.grouping import find
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Regularizer, Retraining, Thinning, default, fixed
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps, thresholds, weight_mask


@recipe
def run(
    trainer: Trainer,
    *,
    regularizer: Optional[Regularizer] = default("hoyer_square"),
    threshold: Optional[float] = None,
    deviations: Optional[float] = None,
    how: Thinning = default(scope=fixed("layer"), invert=fixed(False)),
    retraining: Retraining,
) -> Outcome:
    """The network without the weights that are at most a threshold, retrained."""
    thresholds.check(threshold, deviations)
    mask = weight_mask.full(trainer.model, weight_mask.names(trainer.model, how.layers))
    found = find(trainer.model, trainer.example)  # some regularizers act on channels
    steps.whole(trainer, "dense", steps.penalty(regularizer, found))
    with trainer.phase("score"):
        mask = thresholds.above(trainer.model, mask, threshold, deviations, how.least)
        mask_steps.tell_empty(trainer, mask)
        trainer.replace(trainer.model)
    with trainer.phase("retrain"):
        stage = mask_steps.retrain(trainer, mask, retraining)
    return Outcome(trainer.model, weight_mask=mask, facts={"masked": [stage]})
