"""The proof: a smaller model, run on labels, does what the dense one did.

The same operations in the same order with the same settings and constants, the same channels
meeting at each, and every result carrying the dense result's labels minus the removed ones. By
induction over the operations the smaller model then computes the masked model's values. Where
it doesn't hold, the dense result's labels are put in place of the wrong ones, so one pass finds
every such site.
"""

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch

from edgejoule.prune.tracing import rules
from edgejoule.prune.tracing.labelled import Axes, Labelled, Vector, replaced
from edgejoule.prune.tracing.labels import CONSTANT
from edgejoule.prune.tracing.operation import Call, Operation
from edgejoule.prune.tracing.recorder import Recorder, operation
from edgejoule.prune.tracing.tracer import Refused
from edgejoule.prune.tracing.views import Blocks


class Diverged(Exception):
    """The smaller model took another path through its code: index of the operation, sentence."""

    def __init__(self, index: int, sentence: str) -> None:
        Exception.__init__(self, sentence)
        self.index = index


class Checker(Recorder):
    """Compares with the dense model's operations instead of writing down its own.

    `root` and `kept` [labels] say which labels are one channel and which stay.
    """

    def __init__(self, reference: Recorder, root: np.ndarray, kept: np.ndarray) -> None:
        Recorder.__init__(self, reference.labels, reference.mode)
        self.reference, self.root, self.kept = reference, root, kept
        self.mismatches: List[Tuple[int, str]] = []
        self._met: Dict[Tuple[int, int], Tuple[np.ndarray, np.ndarray]] = {}
        self._left: Dict[int, Tuple[np.ndarray, np.ndarray]] = {}

    def perform(self, call: Call) -> Any:
        """The result by the rule; a rule that fails where it held before is a mismatch."""
        # where the dense run found no rule all that entered was frozen, so the sizes are the same
        if self.index in self.reference.fallen:
            return rules.unknown(self, call)
        try:
            return self.ruled(call)
        except (Refused, Diverged):
            raise
        except Exception as error:
            # not raised, so that the dense result takes its place and the pass finds what follows
            return ValueError("fails when its channels are fewer ({})".format(error))

    def observe(self, call: Call, result: Any) -> Any:
        """The result if it is the dense one's without what leaves, else the right one.

        Raises:
            Diverged: the dense model did another operation here, or none.
        """
        index, done = self.index, self.reference.operations
        if index >= len(done) or done[index].name != call.name:
            raise Diverged(index, "takes another path when its channels are fewer")
        dense = done[index]
        sentence = (
            str(result)
            if isinstance(result, Exception)
            else difference(dense, operation(self, call, result), self.left)
        )
        self.operations.append(dense)  # never the wrong one: numbers stay in step
        if sentence is None:
            return result
        self.mismatches.append((index, sentence))
        return replaced(dense.result, self.expected)

    def expected(self, tensor: torch.Tensor) -> torch.Tensor:
        """What the dense tensor leaves after the cut."""
        if type(tensor) is not Labelled or tensor.solid:
            return tensor
        axes = [self.left(vector) for vector in tensor.axes]
        shape = [
            size if vector is None else vector.size for size, vector in zip(tensor.shape, axes)
        ]
        return self.emit(shape, tensor.dtype, axes, tensor.zero[0], tensor.learned, tensor.source)

    def left(self, vector: Vector) -> Vector:
        """What a cut leaves of a label vector; the same object for the same vector."""
        if vector is None:
            return None
        if id(vector) not in self._left:  # the vector is held too, so that its id stays its own
            self._left[id(vector)] = vector, vector[self.kept[vector]]
        return self._left[id(vector)][1]

    def unify(self, left: Vector, right: Vector, why: str = "") -> None:
        """Partners must be of one class; what meets a fixed size was frozen before.

        Raises:
            ValueError: they are not.
        """
        if left is None or right is None or left is right:
            return
        key = (id(left), id(right))
        if key not in self._met:
            self._met[key] = left, right  # held, so that their ids stay theirs
            if left.size != right.size:
                raise ValueError("{} channels meet {}".format(left.size, right.size))
            same = (self.root[left] == self.root[right]) | (left == CONSTANT) | (right == CONSTANT)
            if not same.all():
                raise ValueError("different channels meet")

    def tie(self, table: np.ndarray) -> np.ndarray:
        """The first row; the others must be of its classes, or constant, which froze them.

        Raises:
            ValueError: they are not.
        """
        row = np.ascontiguousarray(table[0])
        same = (self.root[table] == self.root[row]) | (table == CONSTANT) | (row == CONSTANT)
        if not same.all():
            raise ValueError("different channels are tied")
        return row

    def align(self, windows: np.ndarray) -> None:
        """Nothing to ask: other windows than the dense run's show in the labels of the result.

        Whether a length divides an axis is chance in a smaller model, and says nothing.
        """

    def chosen(self, varying: List[int], offset: int, count: int) -> int:
        """The axis that carried the labels before."""
        axes = self.reference.operations[self.index].outputs[0][1][offset : offset + count]
        named = [axis for axis, vector in enumerate(axes) if vector is not None]
        return named[0] if named else varying[0]

    def blocks(self, before: Sequence[int], after: Sequence[int]) -> Blocks:
        """The dense view's runs of axes: with sizes of 1, several runs would fit.

        Raises:
            ValueError: the smaller sizes don't fit them.
        """
        found = self.reference.views[self.index]
        for inner, outer in found:
            if _product(before, inner) != _product(after, outer):
                raise ValueError("sizes {} don't fit {}".format(tuple(before), tuple(after)))
        return found

    def freeze_axis(self, vector: Vector, why: str) -> None:
        """Nothing to note: the dense run froze it."""

    def produce(self, vector: Vector) -> Optional[str]:
        """Nothing to note: the dense run did."""
        return None

    def finished(self, modes: Sequence[bool]) -> None:
        """Every operation of the dense run in these modes must have been repeated.

        Raises:
            Diverged: some were not.
        """
        if self.index != self.reference.passes[len(modes) - 1]:
            raise Diverged(self.index, "takes another path when its channels are fewer")


def difference(
    dense: Operation, small: Operation, left: Callable[[Vector], Vector]
) -> Optional[str]:
    """What differs beyond the removed channels, as a sentence; None if nothing does."""
    if not _same(dense.settings, small.settings):
        return "computes with numbers that depend on the number of channels"
    if len(dense.constants) != len(small.constants) or not all(
        map(_equal, dense.constants, small.constants)
    ):
        return "makes constants that depend on the number of channels"
    if len(dense.outputs) != len(small.outputs):
        return "gives {} tensors instead of {}".format(len(small.outputs), len(dense.outputs))
    for (shape, axes), (small_shape, small_axes) in zip(dense.outputs, small.outputs):
        sentence = _axes_differ(shape, axes, small_shape, small_axes, left)
        if sentence is not None:
            return sentence
    return None


def _axes_differ(
    shape: Sequence[int],
    axes: Axes,
    small_shape: Sequence[int],
    small_axes: Axes,
    left: Callable[[Vector], Vector],
) -> Optional[str]:
    if len(shape) != len(small_shape):
        return "gives {} axes instead of {}".format(len(small_shape), len(shape))
    for size, vector, small_size, small in zip(shape, axes, small_shape, small_axes):
        want = left(vector)
        if want is None:
            if small is not None or size != small_size:
                return "changes a size that is no number of channels"
            continue
        if not want.size:
            return "would have no channel left"
        # `left` gives one object for one vector, so most comparisons end at once
        same = want is small or (small is not None and np.array_equal(want, small))
        if not same or small_size != want.size:
            return "treats its channels by fixed numbers"
    return None


def _product(sizes: Sequence[int], axes: Sequence[int]) -> int:
    return int(np.multiply.reduce([sizes[axis] for axis in axes], dtype=int))


def _same(left: tuple, right: tuple) -> bool:
    """Whether two lists of settings agree; NaN agrees with NaN."""
    return len(left) == len(right) and all(
        a is b or bool(a == b) or (a != a and b != b) for a, b in zip(left, right)
    )


def _equal(left: torch.Tensor, right: torch.Tensor) -> bool:
    return (
        left.shape == right.shape
        and left.dtype == right.dtype
        and bool(((left == right) | (left != left) & (right != right)).all())
    )
