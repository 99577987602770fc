"""The training of a network whose connections are exchanged, in two phases, and what it cost.

The network that runs is dense: its weights' gradients are dense too, so that growing by them costs
nothing that the ledger does not count already. What a machine that skips zeros would pay for them
is part of "effective_flops_per_sample".
"""

import math
from typing import Any, Dict, List

from edgejoule.prune.cost import count
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import weight_mask
from edgejoule.prune.weightmasks.rewiring import Rewiring
from edgejoule.prune.weightmasks.sparse_work import Tally, mean_train_macs
from edgejoule.prune.weightmasks.weight_mask import WeightMask


def last_step(trainer: Trainer, until: float) -> int:
    """The step of the training, counted from 1, after which a share `until` of it is over.

    Raises:
        ValueError: the share is not in (0, 1].
    """
    if not 0 < until <= 1:
        raise ValueError("until={!r}; a share of the training, in (0, 1]".format(until))
    return int(round(until * trainer.epochs * trainer.steps_per_epoch))


def train(rewiring: Rewiring, until: float) -> List[Dict[str, Any]]:
    """Trains all epochs; what the record should know of each stage, as `mask_steps.train` has it.

    Epochs in which connections may be exchanged, the first share `until`, are phase "search", those
    after them phase "retrain". "changes" are the times that a stage exchanged any.
    """
    trainer, stages = rewiring.trainer, []
    moving = min(trainer.epochs, int(math.ceil(until * trainer.epochs - 1e-9)))
    for name, first, epochs in (
        ("search", 0, moving),
        ("retrain", moving, trainer.epochs - moving),
    ):
        if epochs:
            with trainer.phase(name):
                stages.append(_stage(rewiring, first, epochs))
    return stages


def densities(mask: WeightMask) -> Dict[str, float]:
    """The share of kept weights of each tensor."""
    return {name: int(flags.sum()) / flags.numel() for name, flags in mask.items()}


def _stage(rewiring: Rewiring, first: int, epochs: int) -> Dict[str, Any]:
    trainer, tally, changes = rewiring.trainer, rewiring.tally.copy(), rewiring.changes
    with rewiring.held():
        done = trainer.train(
            epochs,
            first=first,
            total=trainer.epochs,
            penalty=rewiring.step_begun,
            after_epoch=rewiring.epoch_ended,
            memory=rewiring,
            after_step=rewiring.step_ended,
        )
    mask, changes = rewiring.mask, rewiring.changes - changes
    dense = count(trainer.model, trainer.example).train_macs  # zeros are multiplied like others
    return {
        "epochs": done,
        "weights": mask.weights,
        "kept": mask.kept,
        "dense_flops_per_sample": 2 * dense,
        "effective_flops_per_sample": 2
        * _effective(rewiring, rewiring.tally.since(tally), changes),
        "changes": changes,
    }


def _effective(rewiring: Rewiring, stage: Tally, changes: int) -> int:
    model, example = rewiring.trainer.model, rewiring.trainer.example
    if changes and stage.steps:
        return mean_train_macs(model, example, rewiring.mask, stage)
    return weight_mask.effective_macs(model, example, rewiring.mask)
