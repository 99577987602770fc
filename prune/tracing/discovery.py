"""From a recording to groups: sort the model's channels, and try a cut of every group.

The trial cut runs the proof on the sizes it would leave. Sites that treat channels by fixed
numbers show up there and are frozen, until a cut of everything that is left is proved.
"""

from typing import Any, Callable, List, Sequence, Tuple

import numpy as np
from torch import nn

from edgejoule.prune.groups import Groups
from edgejoule.prune.tracing.labels import Classes
from edgejoule.prune.tracing.partition import partition, whole
from edgejoule.prune.tracing.proof import Checker, Diverged
from edgejoule.prune.tracing.recording import Recording, line
from edgejoule.prune.tracing.skeleton import MODES, run, skeleton
from edgejoule.prune.tracing.stored_sizes import write
from edgejoule.prune.tracing.tracer import Refused

ATTEMPTS = 12  # trials that freeze a site at a time; later ones freeze all modules of its class
LAST = 40  # trials in all: a network of few classes is through long before

Wrong = Tuple[int, str]  # an operation, and what goes wrong at it


def discover(model: nn.Module, example: Any, mode: str, ignore: Sequence[str]) -> Groups:
    """The groups of a model whose joint cut has been proved."""
    try:
        recording = Recording(model, example, mode)
        _ignore(recording, ignore)
        wrong: Sequence[Wrong] = ()
        for attempt in range(LAST):
            classes = recording.labels.resolve()
            groups, masks = partition(recording.labels, recording.recorder, classes)
            wrong = _first_wrong(model, recording, classes, masks)
            if not wrong:
                rest = whole(recording.labels, recording.recorder, classes)
                return Groups(groups, rest, recording)
            if _settled(model, recording, classes, wrong, widely=attempt >= ATTEMPTS):
                recording.run(model)
                _ignore(recording, ignore)
        return Groups((), [(recording.site_of(index), sentence) for index, sentence in wrong])
    except Refused as refusal:
        return Groups((), [(refusal.layer, refusal.reason)])


def _first_wrong(
    model: nn.Module, recording: Recording, classes: Classes, masks: Sequence[np.ndarray]
) -> List[Wrong]:
    """What goes wrong in the first trial that fails; none if all are proved."""
    for kept in masks:
        wrong = trial(model, recording, classes, kept)
        if wrong:
            return wrong
    return []


def _ignore(recording: Recording, paths: Sequence[str]) -> None:
    """Freeze the outputs of ignored layers."""
    for vector in recording.recorder.producers:
        path = recording.labels.owner(int(vector[0]))[0].rpartition(".")[0]
        if path in paths:
            recording.labels.freeze(vector, "", "is ignored on request")
    for name, axes in recording.axes.items():
        if len(axes) == 1 and axes[0] is not None and name.rpartition(".")[0] in paths:
            recording.labels.freeze(axes[0], "", "is ignored on request")


def trial(
    model: nn.Module, recording: Recording, classes: Classes, kept: np.ndarray
) -> List[Wrong]:
    """The operations at which a cut that leaves `kept` [labels] would go wrong."""
    checker = Checker(recording.recorder, classes.root, kept)
    modes = (False,) if recording.alike() else MODES
    return proved(lambda: _smaller(model, recording, checker), recording, checker, modes)


def _smaller(model: nn.Module, recording: Recording, checker: Checker) -> nn.Module:
    """The skeleton of a model that a cut left."""
    twin = skeleton(model, recording.axes, checker, checker.left)
    write(twin, recording.stored.left(checker.left))
    return twin


def proved(
    build: Callable[[], nn.Module],
    recording: Recording,
    checker: Checker,
    modes: Sequence[bool] = MODES,
) -> List[Wrong]:
    """The operations at which a smaller skeleton does not do what the dense model did.

    None if the cut is proved.
    """
    try:
        run(build(), recording.example, checker, modes)
        checker.finished(modes)
    except Diverged as error:
        last = len(recording.recorder.operations) - 1
        return checker.mismatches or [(min(error.index, last), str(error))]
    except Exception as error:  # the user's forward failed on the smaller sizes
        return checker.mismatches or [
            (
                _failed_at(recording, checker),
                "breaks when its channels are fewer ({})".format(line(error)),
            )
        ]
    return checker.mismatches


def _failed_at(recording: Recording, checker: Checker) -> int:
    """The operation at which a forward failed: the last one that it came to.

    Or the next, where a module was entered that failed before its first operation.
    """
    last = max(0, len(checker.operations) - 1)
    following = min(last + 1, len(recording.recorder.operations) - 1)
    entered = checker.site != recording.site_of(last)  # no hook runs when a forward fails
    return following if entered and recording.site_of(following) == checker.site else last


def _settled(
    model: nn.Module,
    recording: Recording,
    classes: Classes,
    wrong: Sequence[Wrong],
    widely: bool,
) -> bool:
    """Whether the model has to run again, after a failed trial has had its consequences.

    A split takes another axis where there is one left to try; any other site is frozen, and if
    `widely` every site like it.
    """
    turns = [index for index, _ in wrong if _turns(recording, index)]
    for index in turns:
        for place in recording.brothers(model, index) if widely else [index]:
            if _turns(recording, place):
                recording.choices[place] = recording.choices.get(place, 0) + 1
    rest = [each for each in wrong if each[0] not in turns]
    # what fails although nothing that enters it may leave mostly follows from another site
    likely = [each for each in rest if recording.movable([each[0]], classes)]
    for index, sentence in likely or ([] if turns else rest):
        operation = recording.recorder.operations[index]
        if recording.stored.turn(model, index, operation, classes):
            continue
        places = recording.brothers(model, index) if widely else [index]
        if not likely:
            places = recording.around(index, classes)
        for place in places:
            recording.sites.setdefault(place, sentence)
            recording.freeze(place)
    return bool(turns)


def _turns(recording: Recording, index: int) -> bool:
    """Whether a split has another axis left to try."""
    return recording.choices.get(index, 0) + 1 < recording.recorder.options.get(index, 0)
