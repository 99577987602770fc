"""Train, trim the least relevant units, train again: skeletonization (Mozer & Smolensky, 1989).

Each round removes a share `step` of the first units (at least one) over all layers and retrains at
the schedule's last rate, for up to `between` epochs, until the mean loss over `goal_batches`
training batches is down to `goal`. A round that misses the goal ends it: the network before that
round is the answer. Without a goal all rounds run, up to `ratio`. The paper trains its networks to
criterion, removes a unit, and begins again; its criterion and constants are not known here.
Deviation: residual streams stay whole by default (`mode` "inner"), the paper knows none.
"""

import copy
from typing import Any, Dict, List, Optional, Tuple

import torch
from torch import Tensor, nn

from edgejoule.prune import cutting, steps
from edgejoule.prune.cost import count
from edgejoule.prune.mask import Mask
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.scoring import gradients
from edgejoule.prune.settings import Criterion, Cut, default, fixed
from edgejoule.prune.trainer import Trainer


class Losses:
    """The training losses after each epoch of a round; kept with the training."""

    def __init__(self) -> None:
        self.values: List[float] = []

    def state(self) -> Tuple[Dict[str, Tensor], Dict[str, Any]]:
        """(no tensors, the losses) to keep."""
        return {}, {"losses": self.values}

    def restore(self, tensors: Dict[str, Tensor], facts: Dict[str, Any]) -> None:
        """Takes back the losses of an earlier attempt."""
        self.values = list(facts.get("losses", []))


@recipe
def run(
    trainer: Trainer,
    *,
    criterion: Criterion = default("skeleton"),
    step: float = 0.02,
    between: int = 1,
    goal: Optional[float] = None,
    goal_batches: int = 2,
    cut: Cut = default(mode="inner", scope=fixed("global"), multiple_of=fixed(1)),
) -> Outcome:
    """The smallest network that met the goal, with at most a share `ratio` of its units gone."""
    _check(step, between, goal, goal_batches)
    found = cutting.groups(trainer, cut)
    mask, best = cutting.whole(found), None
    steps.whole(trainer, "dense")
    losses: List[Optional[float]] = []
    for gone in shares(cut.ratio, step, mask.channels):
        best = None if goal is None else (copy.deepcopy(trainer.model), mask)
        with trainer.phase("score"):
            mask = cutting.cut_to(trainer, criterion, mask, gone, cut)
        with trainer.phase("retrain"):
            losses.append(_retrain(trainer, between, goal, goal_batches))
        if best is not None and _missed(losses[-1], goal):
            mask = _back(trainer, best, losses, goal)
            break
    facts = {"rounds": len(losses), "losses": losses}
    return Outcome(trainer.model, found, mask, facts=facts)


def shares(ratio: float, step: float, units: int) -> List[float]:
    """The share of the first units that is gone after each round, the last one `ratio`."""
    each = max(1, int(step * units + 1e-9))
    last = int(ratio * units + 1e-9)
    return [min(each * (i + 1), last) / units for i in range(-(-last // each))]


def _check(step: float, between: int, goal: Optional[float], goal_batches: int) -> None:
    if not 0 < step < 1 or between < 0 or goal_batches < 1:
        raise ValueError(
            "step={!r}, between={!r}, goal_batches={!r}; a step lies in (0, 1), epochs start at 0, "
            "batches at 1".format(step, between, goal_batches)
        )
    if goal is not None and (goal <= 0 or not between):
        raise ValueError(
            "goal={!r} with between={!r}; a loss to reach is above 0 and needs epochs to reach it "
            "in: set between to 1 or more".format(goal, between)
        )


def _retrain(
    trainer: Trainer, between: int, goal: Optional[float], batches: int
) -> Optional[float]:
    """Trains a round, up to the goal; the loss it came to, None if nobody looked."""
    seen = Losses()

    def look(epoch: int) -> bool:
        seen.values.append(_loss(trainer, batches))
        return not _missed(seen.values[-1], goal)

    first, total = steps.span(between, "last")
    after = None if goal is None else look
    trainer.train(between, first=first, total=total, after_epoch=after, memory=seen)
    return seen.values[-1] if seen.values else None


def _missed(loss: Optional[float], goal: Optional[float]) -> bool:
    """True if a loss is known and not at the goal; a loss that is no number never is."""
    return loss is not None and goal is not None and not loss <= goal


def _loss(trainer: Trainer, batches: int) -> float:
    """The mean cross-entropy over some training batches; charged."""
    data = trainer.batches(batches)
    work = sum(len(x) * count(trainer.model, x[:1]).forward_macs for x, _ in data)
    trainer.charge(2 * work, "the loss to compare with the goal")
    with torch.no_grad(), gradients.in_mode(trainer.model, False):
        total = sum(float(gradients.cross_entropy(trainer.model(x), y)) for x, y in data)
    return total / sum(len(x) for x, _ in data)


def _back(trainer: Trainer, best: Tuple[nn.Module, Mask], losses: List, goal: Any) -> Mask:
    """Returns to the network before the last round; its mask."""
    model, mask = best
    trainer.warn(
        "round {} ended at a loss of {:.4g}, above the goal of {:g}: the network before it is the "
        "answer, with {} of {} units".format(
            len(losses), losses[-1], goal, mask.kept, mask.channels
        )
    )
    trainer.replace(model)
    return mask
