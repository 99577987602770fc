"""Cut, retrain, cut again: iterative network slimming and its relatives.

Each round removes the same share of the channels that are left, until `ratio` is gone; every cut is
physical. Iterative slimming (the spline paper's table 11 gives only its FLOPs, 1.70 times those of
one-shot slimming): criterion "slim", two rounds, a `between` of 0.7 of the epochs after the first.
Slimming without L1 (seed 004's failure case): criterion "slim", `strength` 0, five rounds of 20 %
(ratio 0.672). The regularizer acts in every training but the last.
"""

from typing import Optional

from edgejoule.prune import cutting, schedules, steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Criterion, Cut, Regularizer, default, fixed
from edgejoule.prune.trainer import Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    criterion: Criterion = default("slim"),
    regularizer: Optional[Regularizer] = None,
    rounds: int = 2,
    between: float = 0.7,
    cut: Cut = default(multiple_of=fixed(1)),
) -> Outcome:
    """The network cut to `1 - ratio` of its channels in rounds."""
    shares = schedules.geometric(cut.ratio, rounds)
    if not between > 0:
        raise ValueError("between={!r}; it is a share of the epochs above 0".format(between))
    found = cutting.groups(trainer, cut)
    mask = cutting.whole(found)
    with trainer.phase("dense"):
        trainer.train(trainer.epochs, penalty=steps.penalty(regularizer, found))
    for share in shares:
        with trainer.phase("score"):
            mask = cutting.cut_to(trainer, criterion, mask, share, cut)
        with trainer.phase("retrain"):
            _retrain(trainer, regularizer, cut, share == shares[-1], between)
    return Outcome(trainer.model, found, mask)


def _retrain(trainer: Trainer, regularizer, cut, last: bool, between: float):
    if last:
        trainer.train(trainer.epochs)
        return
    epochs = max(1, int(round(between * trainer.epochs)))
    trainer.train(
        epochs, total=epochs, penalty=steps.penalty(regularizer, cutting.groups(trainer, cut))
    )
