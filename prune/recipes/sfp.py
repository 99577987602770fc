"""Soft filter pruning (He et al., 2018, arXiv:1808.06866): filters leave and may come back.

After every epoch the filters of lowest score, a share `ratio` of every layer, are set to zero, but
the next epoch trains them like all others; which are lowest is asked anew each time. The filters
that are zero after the last epoch are cut for good. Criterion "l2" is the paper's; another one,
such as the distance to the geometric median, makes the soft variant of its own paper. `start`
"pretrained" trains the dense network first and repeats the schedule for the soft training. The
paper retrains nothing after the cut (`retrain_epochs` 0).

A batch norm behind a zero filter goes on emitting a constant, its beta, while the network is
trained, and the cut drops it, as the authors' does. Where a ReLU makes that constant 0 the filter
gets no gradient, and only momentum that it has left can bring it back. Deviations: a filter's bias,
which their networks lack, is zero with it; the authors start a pretrained network at a tenth of the
learning rate; they zero the outputs of residual streams too, which nothing but a cut of the whole
stream can remove (mode "coupled" ties them).
"""

from edgejoule.prune import cutting, steps
from edgejoule.prune.gates.soft_filters import Softening
from edgejoule.prune.groups import Groups
from edgejoule.prune.mask import Mask
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Criterion, Cut, Retraining, default
from edgejoule.prune.trainer import Trainer

STARTS = ("scratch", "pretrained")


@recipe
def run(
    trainer: Trainer,
    *,
    criterion: Criterion = default("l2"),
    start: str = "scratch",
    every: int = 1,
    cut: Cut = default(mode="inner"),
    retraining: Retraining = default(retrain_epochs=0),
) -> Outcome:
    """The network without the filters that its soft training left at zero."""
    _check(start, every, trainer.epochs, retraining)
    found = cutting.groups(trainer, cut)
    if start == "pretrained":
        steps.whole(trainer, "dense")
        trainer.replace(trainer.model)
    softening = Softening(
        lambda: trainer.model, lambda: cutting.draw(trainer, criterion, found, cut), found, every
    )
    with trainer.phase("search"):
        epochs = trainer.epochs
        done = trainer.train(epochs, total=epochs, after_epoch=softening, memory=softening)
    with trainer.phase("score"):
        mask = _final(trainer, criterion, found, cut, softening, done)
        cutting.apply(trainer, found, mask)
    if retraining.retrain_epochs != 0:
        with trainer.phase("retrain"):
            steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask, facts={"soft_masks": softening.rounds})


def _final(
    trainer: Trainer,
    criterion: Criterion,
    found: Groups,
    cut: Cut,
    softening: Softening,
    done: int,
) -> Mask:
    """What was zeroed after the last epoch; a new mask where that was not its turn."""
    if softening.mask is not None and softening.last == done - 1:
        return softening.mask
    return cutting.draw(trainer, criterion, found, cut)


def _check(start: str, every: int, epochs: int, retraining: Retraining) -> None:
    if start not in STARTS:
        raise ValueError("no start called {!r}; there are: {}".format(start, ", ".join(STARTS)))
    if not 1 <= every <= epochs:
        raise ValueError(
            "every={!r}; filters are zeroed every 1 to {} epochs, which is the whole "
            "training".format(every, epochs)
        )
    if retraining.retrain != "full" and retraining.retrain_epochs == 0:
        raise ValueError(
            "retrain={!r} has no effect, nothing is retrained; set retrain_epochs".format(
                retraining.retrain
            )
        )
