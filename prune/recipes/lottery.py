"""Lottery tickets: train, mask the weights that matter least, go back, train what is left.

Frankle & Carbin, 2019, arXiv:1803.03635; rewinding to a later point: Frankle et al., 2020,
arXiv:1912.05671, algorithm 2. `rounds` 1 is one-shot; more remove the same share of what remains
each round until `ratio` is gone. `weights` says what the survivors become: "rewind" (to
`rewind_epoch` or `rewind_step`; later than 0 is late resetting), "reinit", "sign", "sigma_sign", or
"keep", which retrains with the whole schedule (`retrain` "full": learning-rate rewinding) or at its
last rate ("last": fine-tuning). `saliency` "magnitude" over `layers` "conv" with "keep" is global
magnitude pruning of convolutions. `classifier_rate` 0.5 with scope "layer" is the paper's half
rate.

`control` asks what the mask is good for (Frankle et al., 2021; `prune.weightmasks.controls`):
"invert" removes the highest scores in every round, "shuffle" trains the last round with its mask
permuted within every tensor, after rounds with the true ones. `early_stop` batches of held-out
images, if given, tell the early-stopping epoch of every training (`weightmasks.early_stopping`),
and the scores that mask are those of the weights at that point; the last training's network is
that of its end. Every round is kept: its mask and accuracy, with `keep_weights` all parameters.
"""

from dataclasses import replace
from typing import Optional

from edgejoule.prune import schedules, steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Retraining, Saliency, Thinning, default, fixed
from edgejoule.prune.trainer import Batches, Trainer
from edgejoule.prune.weightmasks import controls, mask_steps, treatments
from edgejoule.prune.weightmasks.early_stopping import EarlyStop


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
    control: str = "none",
    early_stop: Optional[int] = None,
    keep_weights: bool = False,
) -> Outcome:
    """The network with a share `ratio` of its weights masked, trained again after every round."""
    controls.check(control)
    how = replace(how, invert=control == "invert")
    mask = mask_steps.start(trainer, saliency, how, keeps_initial=True)
    shares = _shares(mask, ratio, rounds, classifier_rate, how.scope or saliency.module.SCOPE)
    _check(trainer, weights, rewind_epoch, rewind_step, retrain, early_stop)
    images = trainer.batches(early_stop, "test") if early_stop else []  # the same all along
    initial, watch = treatments.snapshot(trainer.model), _watch(trainer, images)
    rewound, first = _train(trainer, rewind_epoch, rewind_step, watch)
    trainer.keep_round(mask, keep_weights)
    stages, stops = [], [watch.facts(0)] if watch else []
    for number, gone in enumerate(shares):
        with trainer.phase("score"):
            if watch:
                watch.recall()
            mask = mask_steps.draw(trainer, saliency, mask, gone, how, initial=initial)
            if control == "shuffle" and number == rounds - 1:
                mask = controls.shuffled(mask, trainer.seed)
            treatments.treat(trainer.model, weights, initial, rewound, trainer.fresh)
            trainer.replace(trainer.model)
        watch = _watch(trainer, images)
        with trainer.phase("retrain"):
            stages.append(_retrain(trainer, mask, first, retrain, watch))
        trainer.keep_round(mask, keep_weights)
        stops += [watch.facts(first)] if watch else []
    facts = {"masked": stages}
    return Outcome(
        trainer.model, weight_mask=mask, facts=dict(facts, early_stops=stops) if stops else facts
    )


def _watch(trainer: Trainer, images: Batches) -> Optional[EarlyStop]:
    return EarlyStop(trainer, images) if images else None


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


def _check(trainer: Trainer, weights, epoch, step, retrain, early_stop):
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
    if step is not None and early_stop is not None:
        raise ValueError(
            "rewind_step={!r} and early_stop={!r}; one of them is kept in a training, set "
            "rewind_epoch instead of the step".format(step, early_stop)
        )
    if early_stop is not None and early_stop < 1:
        raise ValueError("early_stop={!r}; batches to look at start at 1".format(early_stop))
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


def _train(trainer: Trainer, epoch, step, watch):
    """(the state to return to, the epoch of the schedule it belongs to) after dense training."""
    if step is None:
        return steps.whole(trainer, "dense", until=epoch, watch=watch), epoch
    with trainer.phase("dense", steps.training(trainer.epochs, None, step=step)):
        with treatments.at_step(trainer.model, step) as seen:
            trainer.train(trainer.epochs, memory=seen)
    if seen.weights is None or step > seen.steps:  # a rehearsal takes no steps, and counts them
        raise ValueError("rewind_step={!r}; this training has {} steps".format(step, seen.steps))
    return seen.weights, step * trainer.epochs // seen.steps


def _retrain(trainer: Trainer, mask, first, retrain, watch):
    """One round's training: from the rewound point, or as `retrain` says."""
    if retrain == "last":
        span = steps.span(trainer.epochs, "last")
        return mask_steps.train(trainer, mask, trainer.epochs, *span, watch=watch)
    return mask_steps.train(
        trainer, mask, trainer.epochs - first, first, trainer.epochs, watch=watch
    )
