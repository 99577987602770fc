"""GraSP in steps before training, as it fails: what SNIP-it's authors tried and gave up.

Verdenius et al., 2020, arXiv:2006.00896, appendix E: in steps (the shares of `snip_it`) GraSP
"tried to reactivate already pruned weights in a far greater proportion than it pruned the remaining
weights", and "when the pruned weights were omitted from consideration, it resulted in
disconnection". `gone` "return" lets every event choose among all weights: those that are gone
score 0, which is more than every weight scores whose loss would raise the gradient flow. They come
back with their initial values. "stay" never brings one back. The facts tell of every event how many
weights left and returned, and which tensors and how many units were then without any weight. Use
`at_init` for GraSP itself. Deviations: as `prune.saliency.grasp`.
"""

from typing import Any, Dict, Sequence

from edgejoule.prune import schedules
from edgejoule.prune import steps as scoring
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Saliency, Thinning, default, fixed
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import mask_steps, treatments, weight_mask
from edgejoule.prune.weightmasks.weight_mask import WeightMask

GONE = ("return", "stay")


@recipe
def run(
    trainer: Trainer,
    *,
    ratio: float,
    saliency: Saliency = default("grasp"),
    steps: int = 5,
    score_batches: int = 10,
    gone: str = "return",
    how: Thinning = default(scope=fixed("global"), invert=fixed(False)),
) -> Outcome:
    """The network with a share `ratio` of its weights masked in steps, then trained."""
    if gone not in GONE:
        raise ValueError("gone={!r}; there are: {}".format(gone, ", ".join(GONE)))
    shares, note = schedules.kappas(ratio, steps)
    whole = mask_steps.start(trainer, saliency, how)
    if note:
        trainer.warn(note)
    initial, mask, events = treatments.snapshot(trainer.model), whole, []
    with trainer.phase("score"):
        for share in shares:
            among = whole if gone == "return" else mask
            found = _drawn(trainer, saliency, among, share, score_batches, how.least)
            events.append(_event(mask, found))
            mask = found
            trainer.model.load_state_dict(initial)
            weight_mask.apply(trainer.model, mask)
    _tell(trainer, events)
    with trainer.phase("retrain"):
        stage = mask_steps.train(trainer, mask, trainer.epochs)
    return Outcome(trainer.model, weight_mask=mask, facts={"masked": [stage], "events": events})


def _drawn(
    trainer: Trainer,
    saliency: Saliency,
    among: WeightMask,
    share: float,
    batches: int,
    least: int,
) -> WeightMask:
    """The mask without a share of all weights, the lowest scores among those of `among`."""
    scores = scoring.score(trainer, saliency, among, batches)
    left = weight_mask.removal(share, among.weights) - (among.weights - among.kept)
    return weight_mask.lowest(scores, among, max(0, left), least)


def _tell(trainer: Trainer, events: Sequence[Dict[str, Any]]) -> None:
    """One warning for all layers, at the end: what an event emptied may come back in the next."""
    empty = events[-1]["empty"]
    if empty:
        trainer.warn(
            "layer collapse: nothing is left of {} of the layers, {} first; least=1 keeps a weight "
            "in every layer".format(len(empty), empty[0])
        )


def _event(before: WeightMask, after: WeightMask) -> Dict[str, Any]:
    """What one event did to the mask, as JSON."""
    return {
        "removed": sum(int((before[name] & ~flags).sum()) for name, flags in after.items()),
        "returned": sum(int((~before[name] & flags).sum()) for name, flags in after.items()),
        "kept": after.kept,
        "empty": sorted(after.empty),
        "units_without_input": sum(
            int((~flags.flatten(1).any(1)).sum()) for flags in after.values()
        ),
    }
