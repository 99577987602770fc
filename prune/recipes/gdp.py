"""Global and dynamic pruning (Lin et al., 2018, IJCAI): one mask for all layers, drawn again.

After dense training the network is trained on with a mask over the filters of all layers together.
Every `every` steps the share to remove is chosen anew by Theta (`prune.gates.global_mask`), a
running mean (`smoothing`) over steps; masked filters go on learning and come back where they
matter. The share grows evenly to `ratio` within the first `ramp` of the epochs. At the end the mask
is drawn a last time, the network cut and retrained.

There is no code of the authors', and only the abstract was at hand: this is a re-implementation
from secondary sources, and no reproduction. The paper's `every` and schedule are unknown, `reading`
and `normalize` are ours. Deviations: the trainer's weight decay acts on masked filters too; the
training with a mask repeats the schedule for `search_epochs` (as many as a whole training).
"""

from typing import Optional

from torch import nn

from edgejoule.prune import cutting, steps
from edgejoule.prune.gates import global_mask, readers
from edgejoule.prune.groups import Groups
from edgejoule.prune.mask import Mask
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.select import select
from edgejoule.prune.settings import Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    reading: str = "abs_of_sum",
    normalize: bool = True,
    smoothing: float = 0.9,
    every: int = 20,
    ramp: float = 0.5,
    search_epochs: Optional[int] = None,
    cut: Cut = default(mode="inner", scope=fixed("global")),
    retraining: Retraining,
) -> Outcome:
    """The network cut to the mask that its dynamic training came to, and retrained."""
    epochs = trainer.epochs if search_epochs is None else search_epochs
    _check(reading, smoothing, every, ramp, epochs)
    if isinstance(cut.ratio, dict):
        raise ValueError("ratio={!r}; all layers compete, so it is one share".format(cut.ratio))
    found = cutting.groups(trainer, cut)
    chosen, sites = readers.gateable(trainer.model, found)
    steps.whole(trainer, "dense")
    network = trainer.model
    masked = global_mask.Masked(network, sites, [group.channels for group in chosen])
    dynamics = global_mask.Dynamics(masked, chosen, reading, smoothing, normalize)
    schedule = Schedule(dynamics, chosen, cut, every, ramp * epochs)
    trainer.replace(masked)
    with trainer.phase("search"):
        trainer.train(
            epochs,
            total=epochs,
            penalty=schedule.step,
            after_epoch=schedule.epoch,
            memory=dynamics,
        )
    with trainer.phase("score"):
        if not dynamics.refreshes:
            trainer.warn(
                "every={} is more than the steps of {} epochs: the mask was drawn once, when they "
                "were over".format(every, epochs)
            )
        mask = schedule.draw(1.0)
        dynamics.put(mask)
        trainer.replace(network)
        mask = readers.over_all(found, mask)
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask, facts={"refreshes": dynamics.refreshes})


class Schedule:
    """When the mask is drawn anew, and how much of `ratio` is gone by then."""

    def __init__(
        self,
        dynamics: global_mask.Dynamics,
        groups: Groups,
        cut: Cut,
        every: int,
        rising: float,
    ) -> None:
        self._dynamics, self._groups, self._cut = dynamics, groups, cut
        self._every, self._rising = every, rising
        self._steps = self._epochs = 0

    def step(self, model: nn.Module) -> None:
        """Takes in the gradients of a step; draws the mask anew if it is time."""
        self._dynamics.see()
        self._steps += 1
        if self._steps % self._every == 0:
            reached = (self._epochs + 1) / self._rising if self._rising else 1.0
            self._dynamics.put(self.draw(min(1.0, reached)))

    def epoch(self, epoch: int) -> None:
        """An epoch has ended."""
        self._epochs += 1

    def draw(self, part: float) -> Mask:
        """The mask that removes this part of `ratio`, the lowest Theta of all layers."""
        return select(
            self._dynamics.scores(),
            self._groups,
            part * self._cut.ratio,
            min_channels=self._cut.min_channels,
            multiple_of=self._cut.multiple_of,
        )


def _check(reading: str, smoothing: float, every: int, ramp: float, epochs: int) -> None:
    if reading not in global_mask.READINGS:
        raise ValueError(
            "no reading called {!r}; there are: {}".format(reading, ", ".join(global_mask.READINGS))
        )
    if not 0 <= smoothing < 1 or not 0 <= ramp <= 1:
        raise ValueError(
            "smoothing={!r}, ramp={!r}; smoothing lies in [0, 1), ramp in [0, 1]".format(
                smoothing, ramp
            )
        )
    if every < 1 or epochs < 1:
        raise ValueError("every={!r}, search_epochs={!r}; both start at 1".format(every, epochs))
