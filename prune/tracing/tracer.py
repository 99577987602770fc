"""A trace: run a model on labelled, storage-free tensors and write down every operation that
happened.

Two passes, eval() and train(), so that heads used in one of them only are seen. What a rule
can't vouch for is frozen; a forward that reads values (data-dependent control flow) refuses the
whole model, because the branch not taken is unknown.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

from edgejoule.prune.tracing import rules, rules_layout
from edgejoule.prune.tracing.labelled import Axes, Call, Labelled, axes_of, hollow, tensors_in
from edgejoule.prune.tracing.labels import Labels


class Refused(Exception):
    """The model as a whole can't be traced: layer and reason."""

    def __init__(self, layer: str, reason: str) -> None:
        Exception.__init__(self, "{!r} {}".format(layer or "the model", reason))
        self.layer, self.reason = layer, reason


class Record(NamedTuple):
    """One operation of a trace, with everything that a smaller model must reproduce."""

    name: str
    site: str  # module path
    settings: tuple  # arguments that are no tensors and no sizes
    constants: Tuple[torch.Tensor, ...]  # tensors made inside the forward
    inputs: Tuple[Axes, ...]
    result: Any  # nest of Labelled
    outputs: Tuple[Tuple[Tuple[int, ...], Axes], ...]


class Tracer:
    """Answers every operation on Labelled tensors: result, unifications, freezes, record."""

    def __init__(self, labels: Labels, mode: str = "coupled") -> None:
        self.labels, self.mode = labels, mode
        self.records: List[Record] = []
        self.producers: List[np.ndarray] = []
        self.followers = {}  # producer tensor -> batch norm path
        self.streams: List[np.ndarray] = []
        self.choices = {}  # record index -> rank of the axis that keeps split labels
        self.options = {}  # record index -> how many axes could keep them
        self.views: Dict[int, list] = {}  # record index -> its runs of axes
        self.fallen = set()  # record indices whose rule gave up
        self.passes: List[int] = []  # number of records after each pass
        self.notes: List[Any] = []  # settings of the current operation that are no sizes
        self.sites = [""]

    @property
    def site(self) -> str:
        """Path of the innermost module that is running."""
        return self.sites[-1]

    def operate(self, func, args: tuple, kwargs: dict) -> Any:
        """The labelled result of one operation."""
        with torch._C.DisableTorchFunction():
            call = Call(func, args, kwargs)
            if call.name in rules.METADATA:
                return func(*args, **kwargs)
            if call.name in ("__repr__", "__str__", "__format__"):
                return "Labelled{}".format(tuple(args[0].shape))
            with torch.no_grad():
                if _solid(call.tensors()):
                    return rules.really(self, call)
                self.refuse_reading(call)
                result = self.observe(call, self.perform(call))
                return None if call.name == "setitem" else result

    def refuse_reading(self, call: Call) -> None:
        """Whoever reads values of tensors that aren't solid steers the forward by data."""
        if call.name in rules.READS:
            raise Refused(
                self.site,
                "reads values in its forward ({}), so its control flow depends on the data".format(
                    call.name
                ),
            )

    def perform(self, call: Call) -> Any:
        """The result by the operation's rule; without one, everything that enters is frozen."""
        try:
            return self.ruled(call)
        except Refused:
            raise
        except Exception as error:  # a rule that can't read the call must not guess
            self.fallen.add(len(self.records))
            return rules.unknown(self, call, " ({})".format(error))

    def ruled(self, call: Call) -> Any:
        """The result by the operation's rule, whatever the rule raises."""
        self.notes = []
        for tensor in call.tensors():
            if type(tensor) is not Labelled:
                self.inspect(tensor)
        if call.kwargs.get("out") is not None:
            raise ValueError("writes its result into another tensor")
        return rules.RULES.get(call.name, rules.unknown)(self, call)

    def inspect(self, tensor: torch.Tensor) -> None:
        """A plain tensor must be a constant. One with a history came from code that can't be
        traced, and so did one with NaN, which every made-up value is.
        """
        if tensor.grad_fn is not None:
            self.freeze_history(tensor)
        elif tensor.dtype.is_floating_point and bool((tensor != tensor).any()):
            raise Refused(self.site, "computes with values where no trace can follow")

    def refuse(self, reason: str) -> None:
        """Refuse the model as a whole."""
        raise Refused(self.site, reason)

    def note(self, *settings: Any) -> None:
        """A setting that a smaller model must repeat, of an operation whose other ones are
        sizes.
        """
        self.notes.extend(settings)

    def observe(self, call: Call, result: Any) -> Any:
        """Append the record of a finished operation; returns the result."""
        self.records.append(record(self, call, result))
        return result

    def freeze_history(self, tensor: torch.Tensor) -> None:
        """Freeze every labelled tensor that a tensor of unseen origin (scripted code) was
        computed from.
        """
        pending, seen = [tensor.grad_fn], set()
        while pending:
            node = pending.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            pending.extend(parent for parent, _ in node.next_functions)
            leaf = getattr(node, "variable", None)
            if type(leaf) is Labelled:
                self.freeze(leaf, "passes through code that can't be traced")

    def emit(
        self,
        shape: Sequence[int],
        dtype: torch.dtype,
        axes: Sequence,
        zero=False,
        learned: bool = False,
        source: Optional[str] = None,
    ) -> Labelled:
        """A labelled tensor; `zero` (a bool, or the cell of the tensor it is a view of) says that
        the mask makes removed channels exactly zero here.
        """
        with torch._C.DisableTorchFunction():
            tensor = hollow(shape, dtype).as_subclass(Labelled)
            if (
                dtype.is_floating_point
            ):  # so that code which can't be traced leaves a history behind
                tensor.requires_grad_()
        return self.dress(tensor, axes, zero, learned, source)

    def dress(
        self, tensor: Labelled, axes, zero=False, learned=False, source=None, solid=False
    ) -> Labelled:
        """The tensor with its labels attached."""
        tensor.tracer, tensor.axes, tensor.learned = self, tuple(axes), learned
        tensor.zero = zero if isinstance(zero, list) else [zero]
        tensor.source, tensor.solid = source, solid
        return tensor

    def unify(self, left: Optional[np.ndarray], right: Optional[np.ndarray], why: str = "") -> None:
        """Two axes are the same channels; an axis without labels freezes the other."""
        if left is not None and right is not None:
            self.labels.unify(left, right, self.site)
        elif left is not None or right is not None:
            self.freeze_axis(right if left is None else left, why or "meets a fixed size")

    def freeze_axis(self, vector: Optional[np.ndarray], why: str) -> None:
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

    def chosen(self, varying: List[int], offset: int, count: int) -> int:
        """The axis on which split labels stay, likeliest first, unless an earlier proof asked
        for another.
        """
        if len(varying) > 1:
            self.options[len(self.records)] = len(varying)
        return varying[self.choices.get(len(self.records), 0) % len(varying)]

    def blocks(self, before: Sequence[int], after: Sequence[int]) -> list:
        """The runs of axes that a view turns into each other."""
        found = rules_layout.blocks(before, after)
        self.views[len(self.records)] = found
        return found

    def produce(self, vector: Optional[np.ndarray]) -> Optional[str]:
        """Note that these labels are the outputs of a layer; returns the tensor that owns them."""
        if vector is None:
            return None
        self.producers.append(vector)
        return self.labels.owner(int(vector[0]))[0]

    def follow(self, source: Optional[str], norm: Optional[str]) -> None:
        """Note the batch norm that directly follows a producer."""
        if source and norm is not None:
            self.followers.setdefault(source, norm)


def record(tracer: Tracer, call: Call, result: Any) -> Record:
    """The record of one operation under a tracer."""
    tensors = call.tensors()
    outputs = tuple((tuple(t.shape), axes_of(t)) for t in tensors_in(result))
    return Record(
        call.name,
        tracer.site,
        tuple(tracer.notes) + rules.settings(call),
        rules.constants(call),
        tuple(axes_of(t) for t in tensors if type(t) is Labelled),
        result,
        outputs,
    )


def _solid(tensors: List[torch.Tensor]) -> bool:
    return all(type(t) is not Labelled or t.solid for t in tensors)
