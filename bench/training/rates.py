"""The learning rate of every step of a training: the warm-up, then the schedule of the case."""

import math
from typing import Any, Callable, Mapping

from edgejoule import plugins
from edgejoule.bench.training.lengths import Length


def chosen(kind: str, setting: str, settings: Mapping[str, Any]) -> Callable[..., Any]:
    """The function of the plug-in that a setting names, its options filled in from settings."""
    name, function = settings[setting], plugins.KINDS[kind].defines[0]
    options = {key: settings[key] for key in plugins.options(kind, name, function)}
    call = getattr(plugins.load(kind, name), function)
    return lambda *arguments, **more: call(*arguments, **dict(options, **more))


class Rates:
    """The rates of trainings with these settings; `length` says how many steps an epoch has.

    `vary` is true where the rate may move within an epoch.
    """

    def __init__(self, settings: Mapping[str, Any], length: Length) -> None:
        self._highest, self._length = settings["learning_rate"], length
        self._rate = chosen("schedules", "schedule", settings)
        self._by_step = settings.get("rate_every") == "step"
        self._start = settings["warmup_start"]
        # whole steps: a warm-up of half an epoch ends between two of them
        self._warmup = settings["warmup_steps"] or round(
            settings["warmup_epochs"] * length.per_epoch
        )
        self.vary = self._by_step or self._warmup > 0

    def at(self, epoch: int, total: int, step: int = 0) -> float:
        """The rate of one step of an epoch, of a schedule of `total` epochs; all count from 0."""
        place = epoch * self._length.per_epoch + step
        if place < self._warmup:
            risen = self._start + (1 - self._start) * place / self._warmup
            return risen * self._scheduled(0, total, 0)
        return self._scheduled(epoch, total, place)

    def _scheduled(self, epoch: int, total: int, place: int) -> float:
        """The schedule's rate; it begins after the warm-up and has the rest for its length."""
        if self._by_step:
            done, length = place - self._warmup, self._length.schedule(total) - self._warmup
        else:
            # an epoch in which the warm-up ends is the last before the schedule's first
            before = math.ceil(self._warmup / self._length.per_epoch)
            done, length = epoch - before, total - before
        # a warm-up as long as the training leaves nothing, and its last epoch comes before 0
        length = max(1, length)
        return float(self._rate(self._highest, min(max(0, done), length), length))


def learning_rate(settings: Mapping[str, Any], epoch: int, total: int) -> float:
    """The rate at the start of an epoch, of a schedule of `total` epochs of one step each."""
    return Rates(settings, Length(total, 1)).at(epoch, total)
