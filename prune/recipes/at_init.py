"""Mask weights before training: SNIP, random masks, magnitude at initialisation, small networks.

SNIP (Lee et al., 2019): saliency "snip"; its code trains from fresh weights (`weights` "reinit"),
the default trains those that were scored. Seed 004's small networks: saliency "random" with
`rescale`, which restores the variance that a sparse fan-in loses. `control` "shuffle" or "invert"
asks what the mask is good for (Frankle et al., 2021; `prune.weightmasks.controls`).
"""

from edgejoule.prune import steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.weightmasks import controls, mask_steps, treatments


def run(
    trainer,
    *,
    ratio,
    saliency="snip",
    score_batches=None,
    weights="keep",
    rescale=False,
    control="none",
    scope=None,
    layers="all",
    least=0,
    **options,
):
    """The network with a share `ratio` of its weights masked before it is trained."""
    method = steps.method(saliency, options, "saliency")
    if weights not in ("keep", "reinit"):
        raise ValueError("weights={!r}; before training there are: keep, reinit".format(weights))
    controls.check(control)
    how = mask_steps.Thinning(scope, layers, least, invert=control == "invert")
    mask = mask_steps.start(trainer, method, how)
    initial = treatments.snapshot(trainer.model)
    with trainer.phase("score"):
        mask = mask_steps.draw(trainer, method, mask, ratio, how, score_batches)
        if control == "shuffle":
            mask = controls.shuffled(mask, trainer.seed)
        treatments.treat(trainer.model, weights, initial, initial, trainer.seed)
        if rescale:
            treatments.rescale(trainer.model, mask)
    with trainer.phase("retrain"):
        stage = mask_steps.train(trainer, mask, trainer.epochs)
    return Outcome(trainer.model, weight_mask=mask, facts={"masked": [stage]})
