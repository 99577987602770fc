"""Cut, retrain, cut again: iterative network slimming and its relatives.

Each round removes the same share of the channels that are left, until `ratio` is gone; every cut is
physical. Iterative slimming (the spline paper's table 11 gives only its FLOPs, 1.70 times those of
one-shot slimming): criterion "slim", two rounds, a `between` of 0.7 of the epochs after the first.
Slimming without L1 (seed 004's failure case): criterion "slim", `strength` 0, five rounds of 20 %
(ratio 0.672), `between` 1.

`retrain` says what follows a cut (Renda et al., 2020, arXiv:2003.02389): "full" repeats the
learning-rate schedule on the weights as they are (learning-rate rewinding), "last" fine-tunes them
at its last rate, "rewind" also returns the weights that are left, and the batch norms' statistics,
to those before any training. The regularizer acts in every training but the last.
"""

import copy
from typing import Optional

from edgejoule.prune import cutting, schedules, steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import RETRAIN, Criterion, Cut, Regularizer, default, fixed
from edgejoule.prune.shrink import shrink
from edgejoule.prune.trainer import Trainer

WAYS = RETRAIN + ("rewind",)


@recipe
def run(
    trainer: Trainer,
    *,
    criterion: Criterion = default("slim"),
    regularizer: Optional[Regularizer] = None,
    rounds: int = 2,
    between: float = 0.7,
    retrain: str = "full",
    cut: Cut = default(multiple_of=fixed(1)),
) -> Outcome:
    """The network cut to `1 - ratio` of its channels in rounds."""
    shares = schedules.geometric(cut.ratio, rounds)
    _check(between, retrain)
    found = cutting.groups(trainer, cut)
    mask = cutting.whole(found)
    initial = copy.deepcopy(trainer.model) if retrain == "rewind" else None
    steps.whole(trainer, "dense", steps.penalty(regularizer, found))
    for share in shares:
        with trainer.phase("score"):
            mask = cutting.cut_to(trainer, criterion, mask, share, cut)
            if initial is not None:
                trainer.replace(shrink(initial, trainer.example, found, mask))
        with trainer.phase("retrain"):
            _retrain(trainer, regularizer, cut, share == shares[-1], between, retrain)
    return Outcome(trainer.model, found, mask)


def _check(between: float, retrain: str) -> None:
    if not between > 0:
        raise ValueError("between={!r}; it is a share of the epochs above 0".format(between))
    if retrain not in WAYS:
        raise ValueError(
            "no retraining called {!r}; there are: {}".format(retrain, ", ".join(WAYS))
        )


def _retrain(trainer: Trainer, regularizer, cut, last: bool, between: float, retrain: str):
    epochs = trainer.epochs if last else max(1, int(round(between * trainer.epochs)))
    penalty = None if last else steps.penalty(regularizer, cutting.groups(trainer, cut))
    first, total = steps.span(epochs, retrain)
    trainer.train(epochs, first=first, total=total, penalty=penalty)
