"""The dense model's run on labels, which every proof of a cut is held against."""

from typing import Any, Dict, Tuple

import numpy as np
from torch import nn

from edgejoule.prune.tracing.labels import Labels
from edgejoule.prune.tracing.recorder import Recorder
from edgejoule.prune.tracing.skeleton import allot, run, skeleton, tensors
from edgejoule.prune.tracing.tracer import Refused

EVERYTHING = -1  # in place of an operation's number: freeze all that is left


class Recording:
    """Every operation of a dense model, in order, with the labels that went in and came out.

    Raises:
        Refused: the model's channels can't be followed, or its forward fails on the example.
    """

    def __init__(self, model: nn.Module, example: Any, mode: str) -> None:
        self.example, self.mode = example, mode
        self.shapes = widths(model)
        self.choices: Dict[int, int] = {}
        self.sites: Dict[int, str] = {}  # operation -> why it is frozen
        self.run(model)

    def run(self, model: nn.Module) -> None:
        """Run the model on labels, and freeze the sites that earlier trials found."""
        self.labels = Labels()
        self.axes = allot(self.labels, model)
        self.recorder = Recorder(self.labels, self.mode)
        self.recorder.choices = self.choices
        try:
            run(skeleton(model, self.axes, self.recorder), self.example, self.recorder)
        except Refused:
            raise
        except Exception as error:  # the user's forward, on made-up values
            raise Refused(
                self.recorder.site, "fails on the example ({})".format(line(error))
            ) from None
        for index in self.sites:
            self.freeze(index)

    def freeze(self, index: int) -> None:
        """Freeze what enters one operation."""
        sentence = self.sites[index]
        if index == EVERYTHING:
            self.labels.freeze(np.arange(self.labels.size), "", sentence)
            return
        operation = self.recorder.operations[index]
        for vector in (vector for axes in operation.inputs for vector in axes):
            if vector is not None:
                self.labels.freeze(vector, operation.site, sentence)

    def alike(self) -> bool:
        """Whether train() did what eval() did, so that a trial in one mode is enough."""
        operations, half = self.recorder.operations, len(self.recorder.operations) // 2
        return self.recorder.passes == [half, 2 * half] and all(
            one.name == two.name and len(one.outputs) == len(two.outputs)
            for one, two in zip(operations[:half], operations[half:])
        )

    def fits(self, model: nn.Module) -> bool:
        """Whether a model still has the widths that were recorded."""
        return widths(model) == self.shapes


def widths(model: nn.Module) -> Dict[str, Tuple[int, ...]]:
    """The shape of every parameter and buffer."""
    return {name: tuple(tensor.shape) for name, tensor in tensors(model)}


def line(error: Exception) -> str:
    """The first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
