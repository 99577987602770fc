"""Train, mask, let the other weights make up for it: optimal brain surgeon (Hassibi & Stork, 1993).

Each of `rounds` scores the network, masks the lowest weights, and changes those that stay so that
the quadratic model of the loss rises least. `update` "joint" makes up for all that leave together,
"apart" for each as if it were the only one (the published way of Kronecker factors, which goes too
far where many leave), "none" changes nothing. The paper deletes one weight at a time; here all of
a round leave by the scores before it, and more rounds come closer to the paper. The paper needs no
retraining: `retrain_epochs` 0; otherwise each round ends with it.
"""

from typing import Any, Dict, Optional

from edgejoule.prune import schedules, steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Retraining, Saliency, Thinning, default, fixed
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps, weight_mask
from edgejoule.prune.weightmasks.weight_mask import WeightMask

UPDATES = ("joint", "apart", "none")


@recipe
def run(
    trainer: Trainer,
    *,
    ratio: float,
    saliency: Saliency = default("obs"),
    rounds: int = 1,
    update: str = "joint",
    score_batches: Optional[int] = None,
    how: Thinning = default(invert=fixed(False)),
    retraining: Retraining = default(retrain="last"),
) -> Outcome:
    """The network with a share `ratio` of its weights masked and the others changed to match."""
    _check(saliency, update, score_batches)
    shares = schedules.geometric(ratio, rounds)
    mask = mask_steps.start(trainer, saliency, how)
    steps.whole(trainer, "dense")
    stages = []
    for gone in shares:
        with trainer.phase("score"):
            mask = _operate(trainer, saliency, mask, gone, how, update, score_batches)
        with trainer.phase("retrain"):
            stages.append(_retrain(trainer, mask, retraining))
    return Outcome(trainer.model, weight_mask=mask, facts={"masked": stages})


def _check(saliency: Saliency, update: str, batches: Optional[int]) -> None:
    if update not in UPDATES:
        raise ValueError("update={!r}; there are: {}".format(update, ", ".join(UPDATES)))
    if not hasattr(saliency.module, "surgery"):
        raise ValueError(
            "saliency {!r} knows no change of the weights that stay; recipe 'obs' takes 'obs' and "
            "'mlprune': choose one of them, or recipe 'lottery' with weights='keep'".format(
                saliency.name
            )
        )
    if batches is not None and batches < 1:
        raise ValueError("score_batches={!r}; curvature takes at least one batch".format(batches))


def _operate(
    trainer: Trainer,
    saliency: Saliency,
    mask: WeightMask,
    gone: float,
    how: Thinning,
    update: str,
    batches: Optional[int],
) -> WeightMask:
    """The mask without the lowest scores, after the other weights have changed."""
    module = saliency.module
    data = trainer.batches(module.BATCHES if batches is None else batches)
    work = module.flops(trainer.model, mask, data, **saliency.options)
    trainer.charge(work, "{} scores".format(saliency.name))
    scores, adjust = module.surgery(trainer.model, mask, data, **saliency.options)
    after = mask_steps.chosen(trainer, saliency, scores, mask, gone, how)
    if update != "none":
        trainer.charge(
            adjust(after, update == "joint"), "{} changes of weights".format(saliency.name)
        )
    weight_mask.apply(trainer.model, after)
    trainer.replace(trainer.model)  # the momentum was that of weights that have changed
    return after


def _retrain(trainer: Trainer, mask: WeightMask, how: Retraining) -> Dict[str, Any]:
    epochs = trainer.epochs if how.retrain_epochs is None else how.retrain_epochs
    return mask_steps.train(trainer, mask, epochs, *steps.span(epochs, how.retrain))
