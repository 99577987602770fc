"""SNIP that chooses its own sparsity, as it fails: what SNIP-it's authors tried and gave up.

Verdenius et al., 2020, arXiv:2006.00896, appendix E: they estimated the share kappa to remove from
the sorted elasticities (figure 6), "somewhat accurate", but "couldn't find an exact enough point
and had too many exceptions". They published no rule. Ours: kappa is the knee of the
sorted scores (`prune.scoring.knee`). It shows their trouble: the knee hangs on the largest score,
so one outlier moves it, and so does another sample of images. `samples` (5) of `score_batches`
each are scored; the first one's knee is taken, and the facts tell all of them and their spread.
"""

from typing import Optional

from edgejoule.prune import steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.scoring.knee import knee
from edgejoule.prune.settings import Saliency, Thinning, default, fixed
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps, weight_mask


@recipe
def run(
    trainer: Trainer,
    *,
    saliency: Saliency = default("snip"),
    samples: int = 5,
    score_batches: Optional[int] = None,
    how: Thinning = default(scope=fixed("global"), invert=fixed(False)),
) -> Outcome:
    """The network with as many weights masked before training as their scores suggest."""
    if samples < 1:
        raise ValueError("samples={!r}; samples start at 1".format(samples))
    mask = mask_steps.start(trainer, saliency, how)
    with trainer.phase("score"):
        drawn = [steps.score(trainer, saliency, mask, score_batches) for _ in range(samples)]
        found = [knee(scores) for scores in drawn]
        remove = weight_mask.removal(found[0], mask.weights)
        mask = weight_mask.lowest(drawn[0], mask, remove, how.least)
    with trainer.phase("retrain"):
        stage = mask_steps.train(trainer, mask, trainer.epochs)
    facts = {"masked": [stage], "kappas": found, "spread": max(found) - min(found)}
    return Outcome(trainer.model, weight_mask=mask, facts=facts)
