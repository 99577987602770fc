"""Cut, retrain, cut again: iterative network slimming and its relatives.

Each round removes the same share of the channels that are left, until `ratio` is gone; every cut is
physical. Iterative slimming (the spline paper's table 11 gives only its FLOPs, 1.70 times those of
one-shot slimming): criterion "slim", two rounds, a `between` of 0.7 of the epochs after the first.
Slimming without L1 (seed 004's failure case): criterion "slim", `strength` 0, five rounds of 20 %
(ratio 0.672). The criterion's penalty acts in every training but the last.
"""

from edgejoule.prune import cutting, schedules, steps
from edgejoule.prune.outcome import Outcome


def run(
    trainer,
    *,
    ratio,
    criterion="slim",
    rounds=2,
    between=0.7,
    mode="coupled",
    scope=None,
    ignore=(),
    min_channels=1,
    **options,
):
    """The network cut to `1 - ratio` of its channels in rounds."""
    method = steps.method(criterion, options)
    cut = cutting.Cut(ratio, mode, scope, ignore, min_channels)
    shares = schedules.geometric(ratio, rounds)
    if not between > 0:
        raise ValueError("between={!r}; it is a share of the epochs above 0".format(between))
    found = cutting.groups(trainer, cut)
    mask = cutting.whole(found)
    with trainer.phase("dense"):
        trainer.train(trainer.epochs, penalty=steps.penalty(method, found))
    for share in shares:
        with trainer.phase("score"):
            mask = cutting.cut_to(trainer, method, mask, share, cut)
        with trainer.phase("retrain"):
            _retrain(trainer, method, cut, share == shares[-1], between)
    return Outcome(trainer.model, found, mask)


def _retrain(trainer, method, cut, last: bool, between: float):
    if last:
        trainer.train(trainer.epochs)
        return
    epochs = max(1, int(round(between * trainer.epochs)))
    trainer.train(epochs, total=epochs, penalty=steps.penalty(method, cutting.groups(trainer, cut)))
