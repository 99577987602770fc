"""What rules state about the labels that they meet, and the labelled tensors that they return.

A rule says that two axes are the same channels (`unify`, `tie`) or that channels must stay
(`freeze`); a tracer hands that on to `Labels`. It also remembers what the sorting into groups
needs: which labels some layer makes, the batch norm behind each, and what belongs to a residual
stream.
"""

from typing import Any, Callable, Dict, List, NoReturn, Optional, Sequence, Union

import numpy as np
import torch

from edgejoule.prune.tracing.labelled import Labelled, Vector, axes_of, hollow
from edgejoule.prune.tracing.labels import Labels
from edgejoule.prune.tracing.operation import Call, Operation
from edgejoule.prune.tracing.views import Blocks, blocks

Zero = Union[bool, List[bool]]  # a flag, or the flag that a view shares with its tensor


class Refused(Exception):
    """Channels of the model as a whole can't be followed: layer and reason."""

    def __init__(self, layer: str, reason: str) -> None:
        Exception.__init__(self, "{!r} {}".format(layer or "the model", reason))
        self.layer, self.reason = layer, reason


class Tracer:
    """Follows labels through operations; `recorder` says how an operation finds its rule."""

    def __init__(self, labels: Labels, mode: str = "coupled") -> None:
        self.labels, self.mode = labels, mode
        self.operations: List[Operation] = []
        self.producers: List[np.ndarray] = []  # labels of the outputs of layers
        self.lost: List[int] = []  # labels of weights that entered an operation without a rule
        self.followers: Dict[str, str] = {}  # weight -> path of the batch norm behind its layer
        self.streams: List[np.ndarray] = []  # labels that residual sums run over
        self.choices: Dict[int, int] = {}  # operation -> rank of the axis that keeps split labels
        self.options: Dict[int, int] = {}  # operation -> how many axes could keep them
        self.views: Dict[int, Blocks] = {}  # operation -> its runs of axes
        self.notes: List[Any] = []  # settings of the running operation that are no sizes
        self.sites = [""]  # paths of the modules that are running, the innermost last

    @property
    def site(self) -> str:
        """Path of the innermost module that is running."""
        return self.sites[-1]

    @property
    def index(self) -> int:
        """Number of the operation that is running."""
        return len(self.operations)

    def operate(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        """The labelled result of one operation; a recorder finds the rule for it."""
        raise TypeError("{} has no rules".format(type(self).__name__))

    def refuse(self, reason: str) -> NoReturn:
        """Refuse the model as a whole."""
        raise Refused(self.site, reason)

    def note(self, *settings: Any) -> None:
        """A setting that a smaller model must repeat, where an operation's others are sizes."""
        self.notes.extend(settings)

    def emit(
        self,
        shape: Sequence[int],
        dtype: torch.dtype,
        axes: Sequence[Vector],
        zero: Zero = False,
        learned: bool = False,
        source: Optional[str] = None,
    ) -> Labelled:
        """A labelled tensor; the arguments are described at `Labelled`."""
        with torch._C.DisableTorchFunction():
            tensor = hollow(shape, dtype).as_subclass(Labelled)
            if dtype.is_floating_point:
                tensor.requires_grad_()  # so that scripted code, unseen, leaves a history behind
        return self.dress(tensor, axes, zero, learned, source)

    def dress(
        self,
        tensor: Labelled,
        axes: Sequence[Vector],
        zero: Zero = False,
        learned: bool = False,
        source: Optional[str] = None,
        solid: bool = False,
    ) -> Labelled:
        """The tensor with its labels attached."""
        tensor.answer, tensor.axes, tensor.learned = self.operate, tuple(axes), learned
        tensor.zero = zero if isinstance(zero, list) else [zero]
        tensor.source, tensor.solid = source, solid
        return tensor

    def unify(self, left: Vector, right: Vector, why: str = "") -> None:
        """Two axes are the same channels; an axis without labels freezes the other."""
        if left is not None and right is not None:
            self.labels.unify(left, right, self.site)
        elif left is not None or right is not None:
            self.freeze_axis(right if left is None else left, why or "meets a fixed size")

    def freeze_axis(self, vector: Vector, why: str) -> None:
        """None of these labels may leave."""
        if vector is not None:
            self.labels.freeze(vector, self.site, why)

    def freeze(self, tensor: torch.Tensor, why: str) -> None:
        """Freeze every axis of a tensor."""
        for vector in axes_of(tensor):
            self.freeze_axis(vector, why)

    def tie(self, table: np.ndarray) -> np.ndarray:
        """The first row of a table [k, n] of labels, all rows made one."""
        row = np.ascontiguousarray(table[0])
        if len(table) > 1 and (table != row).any():
            self.labels.unify(np.tile(row, len(table) - 1), table[1:].ravel(), self.site)
        return row

    def align(self, windows: np.ndarray) -> None:
        """Tie the rows of a table [k, n]: equal windows of one axis, which are to stay equal."""
        self.tie(windows)

    def chosen(self, varying: List[int], offset: int, count: int) -> int:
        """The axis on which split labels stay: the first, unless a failed proof asked for another.

        `varying` are the axes that could keep them, likeliest first; they are counted from
        `offset`, where the fold begins, and there are `count`.
        """
        if len(varying) > 1:
            self.options[self.index] = len(varying)
        return varying[self.choices.get(self.index, 0) % len(varying)]

    def blocks(self, before: Sequence[int], after: Sequence[int]) -> Blocks:
        """The runs of axes that a view turns into each other."""
        found = self.views[self.index] = blocks(before, after)
        return found

    def produce(self, vector: Vector) -> Optional[str]:
        """Note that these labels are the outputs of a layer; returns the tensor that owns them."""
        if vector is None:
            return None
        self.producers.append(vector)
        return self.labels.owner(int(vector[0]))[0]

    def follow(self, source: Optional[str], norm: Optional[str]) -> None:
        """Note the batch norm that directly follows a producer."""
        if source and norm is not None:
            self.followers.setdefault(source, norm)


Rule = Callable[[Tracer, Call], Any]  # gives the labelled result, a tensor or a nest of them
