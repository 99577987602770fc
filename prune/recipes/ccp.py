"""CCP, collaborative channel pruning (Peng et al., ICML 2019): channels that leave well together.

Two channels that do the same are harmless to lose one by one and harmful to lose both. In each
layer those leave for which the second-order change of the loss, z^T S z - u^T z, is least
(`prune.scoring.interactions`, `prune.scoring.binary_program`). All layers are scored in one sweep
of the dense network, cut at once, and the rest is retrained.

`hessian` "empirical" is the paper's; "ggn" takes a backward pass per class and is nearer the truth.
`gate` "conv" removes what a filter puts out and leaves its batch norm's constant, as in the paper;
"norm" removes that too, which is what a cut does. From the abstract and secondary sources: the
paper's own solver (a relaxation, then the largest) and its rates per layer were not read, and are
not claimed.
"""

from typing import Dict, Tuple

import torch

from edgejoule.prune import cutting, steps
from edgejoule.prune.groups import Groups
from edgejoule.prune.mask import Mask
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.scoring import binary_program, interactions
from edgejoule.prune.select import shares
from edgejoule.prune.settings import Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer

GATES = ("conv", "norm")


@recipe
def run(
    trainer: Trainer,
    *,
    hessian: str = "ggn",
    gate: str = "conv",
    score_batches: int = 8,
    cut: Cut = default(mode="inner", scope=fixed("layer"), multiple_of=fixed(1)),
    retraining: Retraining,
) -> Outcome:
    """The network whose layers have lost the channels that leave best together, retrained."""
    if hessian not in interactions.HESSIANS or gate not in GATES or score_batches < 1:
        raise ValueError(
            "hessian={!r}, gate={!r}, score_batches={!r}; hessians are: {}; gates: {}; batches "
            "start at 1".format(
                hessian, gate, score_batches, ", ".join(interactions.HESSIANS), ", ".join(GATES)
            )
        )
    found = cutting.groups(trainer, cut)
    wanted = shares(cut.ratio, found)
    if not found:
        raise ValueError("nothing of this model can be cut: {}".format(cutting.why_whole(found)))
    steps.whole(trainer, "dense")
    with trainer.phase("score"):
        data = trainer.batches(score_batches)
        trainer.charge(interactions.flops(trainer.model, found, data, hessian), "ccp scores")
        known = interactions.terms(trainer.model, found, data, hessian, gate == "norm")
        mask, changes = _solved(trainer, found, known, wanted, cut.min_channels)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask, facts={"predicted_loss_change": changes})


def _solved(
    trainer: Trainer,
    found: Groups,
    known: Dict[str, interactions.Terms],
    wanted: Dict[str, float],
    least: int,
) -> Tuple[Mask, Dict[str, float]]:
    """The mask, and the change of the loss that each layer's cut alone is predicted to make."""
    mask, changes, work = cutting.whole(found), {}, 0
    for group in found:
        if group.name not in known:
            mask.notes += ("ccp cannot judge group {!r}; it stays whole".format(group.name),)
            continue
        asked = int(wanted[group.name] * group.channels + 1e-9)
        leaving = min(asked, max(0, group.channels - least))
        if leaving < asked:
            mask.notes += (
                "group {!r} was held at {} of {} channels".format(
                    group.name, group.channels - leaving, group.channels
                ),
            )
        terms = known[group.name]
        choice = binary_program.solve(terms.quadratic.numpy(), terms.linear.numpy(), leaving)
        mask[group.name] = ~torch.from_numpy(choice.chosen)
        changes[group.name] = choice.cost
        work += choice.flops
    trainer.charge(work, "ccp quadratic programs")
    return mask, changes
