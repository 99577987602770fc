"""The steps that recipes compose: score, penalise, retrain."""

import hashlib
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple, Union

import torch
from torch import nn

from edgejoule.prune.settings import Criterion, Regularizer, Repeats, Retraining, Saliency
from edgejoule.prune.trainer import Scores, Trainer
from edgejoule.prune.weightmasks import treatments
from edgejoule.prune.weightmasks.early_stopping import EarlyStop


def score(
    trainer: Trainer,
    criterion: Union[Criterion, Saliency],
    found: Any,
    batches: Optional[int] = None,
    initial: Optional[treatments.State] = None,
) -> Scores:
    """The criterion's scores of groups (or of a mask's weights); charged to the running phase.

    `batches` is the number of training batches to look at, None for the criterion's own; `initial`
    are the weights before training, for a saliency that compares with them.
    """
    module = criterion.module
    if batches is not None and (batches < 1 or not module.BATCHES):
        raise ValueError(
            "{} batches for {}, which looks at {}".format(
                batches, criterion.name, "at least one" if module.BATCHES else "no data"
            )
        )
    wanted = batches or module.BATCHES
    data = trainer.batches(wanted) if wanted else []
    if getattr(module, "ONES", False):
        data = [(torch.ones_like(trainer.example), torch.zeros(1, dtype=torch.long))]
    if hasattr(module, "flops"):
        work = module.flops(trainer.model, found, data, **criterion.options)
        trainer.charge(work, "{} scores".format(criterion.name))
    if hasattr(module, "notes"):
        for sentence in module.notes(trainer.model, found, data, **criterion.options):
            trainer.warn(sentence)
    if initial is not None and isinstance(criterion, Saliency):
        return criterion.scores(trainer.model, found, data, initial)
    return criterion.scores(trainer.model, found, data)


class Penalty:
    """A regularizer and the groups that it acts on: what runs between backward pass and step."""

    def __init__(self, regularizer: Regularizer, found: Sequence[Any]) -> None:
        self._regularizer, self._found = regularizer, found

    def __call__(self, model: nn.Module) -> None:
        """Adds to the gradients of the model."""
        self._regularizer.penalty(model, self._found)

    @property
    def work(self) -> Dict[str, Any]:
        """What it does, as JSON: equal for equal regularizers, settings and groups."""
        groups = hashlib.sha256(repr(list(self._found)).encode()).hexdigest()
        chosen = self._regularizer
        return {"regularizer": chosen.name, "options": chosen.options, "groups": groups}


def penalty(regularizer: Optional[Regularizer], found: Any) -> Optional[Penalty]:
    """What the trainer calls between backward and step, None without a regularizer."""
    return None if regularizer is None else Penalty(regularizer, found)


def whole(
    trainer: Trainer,
    name: str,
    penalty: Optional[Penalty] = None,
    until: int = 0,
    watch: Optional[EarlyStop] = None,
) -> treatments.State:
    """Trains all epochs in a phase that is nothing else; the state after `until` of them.

    Other runs that train the same network the same way may share the phase. `watch` looks on after
    every epoch.
    """
    epochs, looks = trainer.epochs, {} if watch is None else watch.work
    with trainer.phase(name, training(epochs, penalty, until=until, **looks)):
        if until:
            trainer.train(
                until, first=0, total=epochs, penalty=penalty, after_epoch=watch, memory=watch
            )
        state = treatments.snapshot(trainer.model)
        trainer.train(
            epochs - until,
            first=until,
            total=epochs,
            penalty=penalty,
            after_epoch=watch,
            memory=watch,
        )
    return state


def training(epochs: int, penalty: Optional[Penalty], **more: Any) -> Dict[str, Any]:
    """What a phase that trains does, as JSON; see `Trainer.phase`."""
    return dict(more, epochs=epochs, penalty=None if penalty is None else penalty.work)


def retrain(trainer: Trainer, how: Retraining) -> None:
    """Trains the cut model: "full" repeats the learning-rate schedule, "last" keeps its end."""
    epochs = trainer.epochs if how.retrain_epochs is None else how.retrain_epochs
    first, total = span(epochs, how.retrain)
    trainer.train(epochs, first=first, total=total)


def span(epochs: int, retraining: str) -> Tuple[int, int]:
    """(first epoch, epochs of the schedule) of a training of `epochs` epochs.

    "last" is the final quarter of a schedule four times as long: with drops at or before 75 % all
    of it runs at the last rate. Everything else is a whole schedule.
    """
    return (3 * epochs, 4 * epochs) if retraining == "last" else (0, epochs)


def repeated(trainer: Trainer, again: Repeats) -> Iterator[Tuple[int, int]]:
    """The first epoch and the schedule's length of a whole training and of its repetitions.

    Each repetition begins with a new optimiser, as a retraining after a cut does.
    """
    yield span(trainer.epochs, "full")
    if again.retrain is not None:
        for _ in range(again.repeats or 1):
            trainer.replace(trainer.model)
            yield span(trainer.epochs, again.retrain)
