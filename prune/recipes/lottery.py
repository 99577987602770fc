"""Lottery tickets: train, mask the weights that matter least, go back, train what is left.

Frankle & Carbin, 2019, arXiv:1803.03635; rewinding to a later point: Frankle et al., 2020,
arXiv:1912.05671, algorithm 2. `rounds` 1 is one-shot; more remove the same share of what remains
each round until `ratio` is gone. `weights` says what the survivors become: "rewind" (to
`rewind_epoch` or `rewind_step`; later than 0 is late resetting), "reinit", "sign", "sigma_sign", or
"keep", which retrains with the whole schedule (`retrain` "full": learning-rate rewinding) or at its
last rate ("last": fine-tuning). `saliency` "magnitude" over `layers` "conv" with "keep" is global
magnitude pruning of convolutions. `classifier_rate` 0.5 with scope "layer" is the paper's half
rate.
"""

from typing import Optional

from edgejoule.prune import schedules, steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Retraining, Saliency, Thinning, default, fixed
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps, treatments


@recipe
def run(
    trainer: Trainer,
    *,
    ratio: float,
    saliency: Saliency = default("magnitude"),
    rounds: int = 1,
    weights: str = "rewind",
    rewind_epoch: int = 0,
    rewind_step: Optional[int] = None,
    retrain: Optional[str] = None,
    how: Thinning = default(invert=fixed(False)),
    classifier_rate: float = 1.0,
) -> Outcome:
    """The network with a share `ratio` of its weights masked, trained again after every round."""
    mask = mask_steps.start(trainer, saliency, how)
    shares = _shares(mask, ratio, rounds, classifier_rate, how.scope or saliency.module.SCOPE)
    _check(trainer, weights, rewind_epoch, rewind_step, retrain)
    initial = treatments.snapshot(trainer.model)
    rewound, first = _train(trainer, rewind_epoch, rewind_step)
    stages = []
    for gone in shares:
        with trainer.phase("score"):
            mask = mask_steps.draw(trainer, saliency, mask, gone, how)
            treatments.treat(trainer.model, weights, initial, rewound, trainer.fresh)
            trainer.replace(trainer.model)
        with trainer.phase("retrain"):
            stages.append(_retrain(trainer, mask, first, retrain))
    return Outcome(trainer.model, weight_mask=mask, facts={"masked": stages})


def _shares(mask, ratio, rounds, classifier_rate, scope):
    """Per round, the share that is gone from each tensor."""
    common = schedules.geometric(ratio, rounds)
    if classifier_rate == 1:
        return common
    if scope != "layer":
        raise ValueError(
            "classifier_rate={!r} has no effect with scope {!r}; set scope='layer'".format(
                classifier_rate, scope
            )
        )
    last = list(mask)[-1]
    slower = schedules.geometric(ratio, rounds, classifier_rate)
    return [dict(dict.fromkeys(mask, gone), **{last: less}) for gone, less in zip(common, slower)]


def _check(trainer: Trainer, weights, epoch, step, retrain):
    if weights not in treatments.TREATMENTS:
        raise ValueError(
            "no treatment of weights called {!r}; there are: {}".format(
                weights, ", ".join(treatments.TREATMENTS)
            )
        )
    if (epoch or step is not None) and weights != "rewind":
        raise ValueError(
            "rewind_epoch={!r}, rewind_step={!r} have no effect with weights={!r}; "
            "set weights='rewind'".format(epoch, step, weights)
        )
    if epoch and step is not None:
        raise ValueError(
            "rewind_epoch={!r} and rewind_step={!r}; give one of them".format(epoch, step)
        )
    if not 0 <= epoch < trainer.epochs:
        raise ValueError(
            "rewind_epoch={!r}; it lies between 0 and {}".format(epoch, trainer.epochs - 1)
        )
    if retrain is not None and weights != "keep":
        raise ValueError(
            "retrain={!r} has no effect with weights={!r}; rewound and fresh weights "
            "follow the schedule. Set weights='keep'".format(retrain, weights)
        )
    Retraining(retrain or "full")  # refuses what it does not know


def _train(trainer: Trainer, epoch, step):
    """(the state to return to, the epoch of the schedule it belongs to) after dense training."""
    if step is None:
        return steps.whole(trainer, "dense", until=epoch), epoch
    with trainer.phase("dense", steps.training(trainer.epochs, None, step=step)):
        with treatments.at_step(trainer.model, step) as seen:
            trainer.train(trainer.epochs, memory=seen)
    if seen.weights is None or step > seen.steps:  # a rehearsal takes no steps, and counts them
        raise ValueError("rewind_step={!r}; this training has {} steps".format(step, seen.steps))
    return seen.weights, step * trainer.epochs // seen.steps


def _retrain(trainer: Trainer, mask, first, retrain):
    """One round's training: from the rewound point, or as `retrain` says."""
    if retrain == "last":
        return mask_steps.train(trainer, mask, trainer.epochs, *steps.span(trainer.epochs, "last"))
    return mask_steps.train(trainer, mask, trainer.epochs - first, first, trainer.epochs)
