"""Mask weights before training: SNIP, GraSP, SynFlow, magnitude, random masks, small networks.

SNIP (Lee et al., 2019): saliency "snip"; its code trains from fresh weights (`weights` "reinit"),
the default trains those that were scored. Seed 004's small networks: saliency "random" with
`rescale`, which restores the variance that a sparse fan-in loses, trained as long and by the same
schedules as the pruned ones: `retrain` "full" (the schedule again, as after learning-rate
rewinding) or "last" (its last rate, as in fine-tuning), `repeats` times, once for each cycle of
pruning; every repetition has a new optimiser. `control` "shuffle" or "invert"
asks what the mask is good for (Frankle et al., 2021; `prune.weightmasks.controls`).

`iterations` removes the weights in as many steps, each after a new scoring of those left and each
by the same factor: after step k of n a share (1 - ratio)^(k/n) is left. SynFlow
takes 100 (Tanaka et al., 2020, algorithm 1), all others by default 1.
"""

from dataclasses import replace
from typing import Optional

from edgejoule.prune import schedules, steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Repeats, Saliency, Thinning, default, fixed
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import controls, mask_steps, treatments


@recipe
def run(
    trainer: Trainer,
    *,
    ratio: float,
    saliency: Saliency = default("snip"),
    score_batches: Optional[int] = None,
    iterations: Optional[int] = None,
    weights: str = "keep",
    rescale: bool = False,
    control: str = "none",
    how: Thinning = default(invert=fixed(False)),
    again: Repeats,
) -> Outcome:
    """The network with a share `ratio` of its weights masked before it is trained."""
    if weights not in ("keep", "reinit"):
        raise ValueError("weights={!r}; before training there are: keep, reinit".format(weights))
    controls.check(control)
    how = replace(how, invert=control == "invert")
    mask = mask_steps.start(trainer, saliency, how)
    if iterations is None:
        iterations = getattr(saliency.module, "ITERATIONS", 1)
    shares = schedules.geometric(ratio, iterations)
    initial = treatments.snapshot(trainer.model)
    with trainer.phase("score"):
        mask = mask_steps.draw_in_steps(trainer, saliency, mask, shares, how, score_batches)
        if control == "shuffle":
            mask = controls.shuffled(mask, trainer.seed)
        treatments.treat(trainer.model, weights, initial, initial, trainer.fresh)
        if rescale:
            treatments.rescale(trainer.model, mask)
    with trainer.phase("retrain"):
        stages = [
            mask_steps.train(trainer, mask, trainer.epochs, first, total)
            for first, total in steps.repeated(trainer, again)
        ]
    return Outcome(trainer.model, weight_mask=mask, facts={"masked": stages})
