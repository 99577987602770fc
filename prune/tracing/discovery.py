"""From a trace to groups: trace the model, sort its channels, and try a cut of every group.

The trial cut runs the proof on the sizes it would leave. Sites that treat channels by fixed
numbers show up there and are frozen, until a cut of everything that is left is proved.
"""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from torch import nn

from edgejoule.prune.groups import Groups
from edgejoule.prune.tracing.labels import Classes, Labels
from edgejoule.prune.tracing.partition import partition, whole
from edgejoule.prune.tracing.proof import Checker, Diverged
from edgejoule.prune.tracing.skeleton import MODES, allot, run, skeleton, tensors
from edgejoule.prune.tracing.tracer import Refused, Tracer

ATTEMPTS = 12
EVERYTHING = -1  # in place of a record index: freeze all that is left


class Trace:
    """A dense trace with its labels: what a later proof is held against."""

    def __init__(self, model: nn.Module, example: Any, mode: str) -> None:
        self.example, self.mode = example, mode
        self.shapes = widths(model)
        self.choices: Dict[int, int] = {}
        self.sites: Dict[int, str] = {}  # record index -> why it is frozen
        self.run(model)

    def run(self, model: nn.Module) -> None:
        """Trace the model, and freeze the sites that earlier trials found."""
        self.labels = Labels()
        self.axes = allot(self.labels, model)
        self.tracer = Tracer(self.labels, self.mode)
        self.tracer.choices = self.choices
        try:
            run(skeleton(model, self.axes, self.tracer), self.example, self.tracer)
        except Refused:
            raise
        except Exception as error:  # the user's forward, on made-up values
            raise Refused(
                self.tracer.site, "fails on the example ({})".format(line(error))
            ) from None
        for index in self.sites:
            self.freeze(index)

    def freeze(self, index: int) -> None:
        """Freeze what enters one operation."""
        sentence = self.sites[index]
        if index == EVERYTHING:
            self.labels.freeze(np.arange(self.labels.size), "", sentence)
            return
        record = self.tracer.records[index]
        for vector in [vector for axes in record.inputs for vector in axes if vector is not None]:
            self.labels.freeze(vector, record.site, sentence)

    def alike(self) -> bool:
        """Whether train() did what eval() did, so that a trial in one mode is enough."""
        records, half = self.tracer.records, len(self.tracer.records) // 2
        return self.tracer.passes == [half, 2 * half] and all(
            one.name == two.name and len(one.outputs) == len(two.outputs)
            for one, two in zip(records[:half], records[half:])
        )

    def fits(self, model: nn.Module) -> bool:
        """Whether a model still has the widths that were traced."""
        return widths(model) == self.shapes


def widths(model: nn.Module) -> Dict[str, Tuple[int, ...]]:
    """The shape of every parameter and buffer."""
    return {name: tuple(tensor.shape) for name, tensor in tensors(model)}


def discover(model: nn.Module, example: Any, mode: str, ignore: Sequence[str]) -> Groups:
    """The groups of a model whose joint cut has been proved."""
    try:
        trace = Trace(model, example, mode)
        _ignore(trace, ignore)
        for _ in range(ATTEMPTS):
            classes = trace.labels.resolve()
            groups, kept = partition(trace.labels, trace.tracer, classes)
            wrong = trial(model, trace, classes, kept)
            if not wrong:
                return Groups(groups, whole(trace.labels, trace.tracer, classes), trace)
            if _settled(trace, classes, wrong):
                trace.run(model)
                _ignore(trace, ignore)
        raise Refused("", "still treats channels by fixed numbers after {} trials".format(ATTEMPTS))
    except Refused as refusal:
        return Groups((), [(refusal.layer, refusal.reason)])


def _ignore(trace: Trace, paths: Sequence[str]) -> None:
    """Freeze the outputs of ignored layers."""
    for vector in trace.tracer.producers:
        path = trace.labels.owner(int(vector[0]))[0].rpartition(".")[0]
        if path in paths:
            trace.labels.freeze(vector, "", "is ignored on request")
    for name, axes in trace.axes.items():
        if len(axes) == 1 and axes[0] is not None and name.rpartition(".")[0] in paths:
            trace.labels.freeze(axes[0], "", "is ignored on request")


def trial(
    model: nn.Module, trace: Trace, classes: Classes, kept: np.ndarray
) -> List[Tuple[int, str]]:
    """The operations at which a cut that leaves `kept` [labels] would go wrong, with the
    reason.
    """
    checker = Checker(trace.tracer, classes.root, kept)
    modes = (False,) if trace.alike() else MODES
    return proved(lambda: skeleton(model, trace.axes, checker, smaller=True), trace, checker, modes)


def proved(
    build, trace: Trace, checker: Checker, modes: Sequence[bool] = MODES
) -> List[Tuple[int, str]]:
    """Run a smaller skeleton against the dense trace: the operations that differ, none if it is
    proved.
    """
    try:
        run(build(), trace.example, checker, modes)
        checker.finished(modes)
    except Diverged as error:
        return checker.mismatches or [(min(error.index, len(trace.tracer.records) - 1), str(error))]
    except Exception as error:  # the user's forward failed on the smaller sizes
        last = max(0, len(checker.records) - 1)
        return checker.mismatches or [
            (last, "breaks when its channels are fewer ({})".format(line(error)))
        ]
    return checker.mismatches


def line(error: Exception) -> str:
    """The first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def _settled(trace: Trace, classes: Classes, wrong: Sequence[Tuple[int, str]]) -> bool:
    """Take the consequence of a failed trial: another axis for a split where there is one, else
    freeze the site.

    True if the model has to be traced again.
    """
    again = False
    for index, sentence in wrong:
        if trace.choices.get(index, 0) + 1 < trace.tracer.options.get(index, 0):
            trace.choices[index] = trace.choices.get(index, 0) + 1
            again = True
        else:
            place = (
                index
                if index not in trace.sites and _movable(trace, classes, index)
                else EVERYTHING
            )
            trace.sites[place] = sentence
            trace.freeze(place)
    return again


def _movable(trace: Trace, classes: Classes, index: int) -> bool:
    vectors = [v for axes in trace.tracer.records[index].inputs for v in axes if v is not None]
    return any(not classes.frozen[vector].all() for vector in vectors)
