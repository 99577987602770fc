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
from edgejoule.prune.tracing.recording import EVERYTHING, Recording, line
from edgejoule.prune.tracing.skeleton import MODES, run, skeleton
from edgejoule.prune.tracing.tracer import Refused

ATTEMPTS = 12  # trials; each failed one freezes sites or tries other axes

Wrong = Tuple[int, str]  # an operation, and what goes wrong at it


def discover(model: nn.Module, example: Any, mode: str, ignore: Sequence[str]) -> Groups:
    """The groups of a model whose joint cut has been proved."""
    try:
        recording = Recording(model, example, mode)
        _ignore(recording, ignore)
        for _ in range(ATTEMPTS):
            classes = recording.labels.resolve()
            groups, kept = partition(recording.labels, recording.recorder, classes)
            wrong = trial(model, recording, classes, kept)
            if not wrong:
                rest = whole(recording.labels, recording.recorder, classes)
                return Groups(groups, rest, recording)
            if _settled(recording, classes, wrong):
                recording.run(model)
                _ignore(recording, ignore)
        raise Refused("", "still treats channels by fixed numbers after {} trials".format(ATTEMPTS))
    except Refused as refusal:
        return Groups((), [(refusal.layer, refusal.reason)])


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
    return proved(
        lambda: skeleton(model, recording.axes, checker, checker.left), recording, checker, modes
    )


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
        last = max(0, len(checker.operations) - 1)
        return checker.mismatches or [
            (last, "breaks when its channels are fewer ({})".format(line(error)))
        ]
    return checker.mismatches


def _settled(recording: Recording, classes: Classes, wrong: Sequence[Wrong]) -> bool:
    """Whether the model has to run again, after a failed trial has had its consequences.

    A split takes another axis where there is one left to try; any other site is frozen.
    """
    again = False
    for index, sentence in wrong:
        if recording.choices.get(index, 0) + 1 < recording.recorder.options.get(index, 0):
            recording.choices[index] = recording.choices.get(index, 0) + 1
            again = True
        else:
            new = index not in recording.sites and _movable(recording, classes, index)
            place = index if new else EVERYTHING  # freezing the site again would change nothing
            recording.sites[place] = sentence
            recording.freeze(place)
    return again


def _movable(recording: Recording, classes: Classes, index: int) -> bool:
    """Whether anything that enters an operation may still leave."""
    inputs = recording.recorder.operations[index].inputs
    vectors = [vector for axes in inputs for vector in axes if vector is not None]
    return any(not classes.frozen[vector].all() for vector in vectors)
