"""The dense model's run on labels, which every proof of a cut is held against."""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import torch
from torch import nn

from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.parity import called
from edgejoule.prune.tracing.labels import Classes, Labels
from edgejoule.prune.tracing.operation import Operation
from edgejoule.prune.tracing.recorder import Recorder
from edgejoule.prune.tracing.skeleton import allot, run, skeleton, tensors
from edgejoule.prune.tracing.stored_sizes import StoredSizes
from edgejoule.prune.tracing.tracer import Refused


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
        self.stored = StoredSizes()
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
            raise Refused(self.recorder.site, _failure(model, self.example, line(error))) from None
        for index in self.sites:
            self.freeze(index)

    def freeze(self, index: int) -> None:
        """Freeze what enters one operation."""
        operation = self.recorder.operations[index]
        for vector in entering(operation):
            self.labels.freeze(vector, operation.site, self.sites[index])

    def site_of(self, index: int) -> str:
        """Path of the module that an operation ran in."""
        return self.recorder.operations[index].site

    def movable(self, places: Sequence[int], classes: Classes) -> bool:
        """Whether anything that enters these operations may still leave."""
        return any(
            not classes.frozen[vector].all()
            for index in places
            for vector in entering(self.recorder.operations[index])
        )

    def around(self, index: int, classes: Classes) -> List[int]:
        """The operations of the smallest module around one in which anything may still leave.

        A number of channels that a module reads in one place may steer another.
        """
        path, found = self.site_of(index), [index]
        while True:
            found = [
                number
                for number, operation in enumerate(self.recorder.operations)
                if not path or (operation.site + ".").startswith(path + ".")
            ]
            if not path or self.movable(found, classes):
                return found
            path = path.rpartition(".")[0]

    def brothers(self, model: nn.Module, index: int) -> List[int]:
        """The operations of that name in every module of the same class."""
        layers = dict(model.named_modules())
        one = self.recorder.operations[index]
        kind = type(layers.get(one.site))
        return [
            number
            for number, operation in enumerate(self.recorder.operations)
            if operation.name == one.name and type(layers.get(operation.site)) is kind
        ]

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


def _failure(model: nn.Module, example: Any, words: str) -> str:
    """What to say of a forward that failed on labels: it may well run on the example itself."""
    try:
        with torch.no_grad():
            called(duplicate(model).eval(), example)
    except Exception as error:  # the user's own, which says more than what labels met
        return "fails on the example ({})".format(line(error))
    return (
        "runs on the example, but not on tensors without values ({}), so what it does depends on "
        "the data; cut a part of it alone, such as its backbone".format(words)
    )


def entering(operation: Operation) -> List[np.ndarray]:
    """Every label vector that enters an operation."""
    return [vector for axes in operation.inputs for vector in axes if vector is not None]


def widths(model: nn.Module) -> Dict[str, Tuple[int, ...]]:
    """The shape of every parameter and buffer."""
    return {name: tuple(tensor.shape) for name, tensor in tensors(model)}


def line(error: Exception) -> str:
    """The first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
