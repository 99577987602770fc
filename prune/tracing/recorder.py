"""Running a model on labels: every operation is answered by its rule and written down.

What a rule can't vouch for is frozen; a forward that reads values (data-dependent control flow)
refuses the whole model, because the branch not taken is unknown.
"""

from typing import Any, Callable, List, Set

import torch

from edgejoule.prune.tracing import rules
from edgejoule.prune.tracing.labelled import Labelled, axes_of, tensors_in
from edgejoule.prune.tracing.labels import Labels
from edgejoule.prune.tracing.operation import Call, Operation
from edgejoule.prune.tracing.tracer import Refused, Tracer


class Recorder(Tracer):
    """Answers every operation on Labelled tensors: its result, its statements, its record."""

    def __init__(self, labels: Labels, mode: str = "coupled") -> None:
        Tracer.__init__(self, labels, mode)
        self.fallen: Set[int] = set()  # operations whose rule gave up
        self.passes: List[int] = []  # number of operations after each pass of the model

    def operate(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        """The labelled result of one operation."""
        # rules use torch themselves, which must not come back here
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
        """Whoever reads values of tensors that aren't solid steers the forward by data.

        Raises:
            Refused: the call reads values.
        """
        if call.name in rules.READS:
            self.refuse(
                "reads values in its forward ({}), so its control flow depends on the data".format(
                    call.name
                )
            )

    def perform(self, call: Call) -> Any:
        """The result by the operation's rule; without one, everything that enters is frozen."""
        try:
            return self.ruled(call)
        except Refused:
            raise
        except Exception as error:  # a rule that can't read the call must not guess
            self.fallen.add(self.index)
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
        """Freeze or refuse what a plain tensor hides; a constant hides nothing.

        One with a history came from code that no rule saw (scripted functions), and so did one
        with NaN, since every made-up value is NaN.

        Raises:
            Refused: it holds NaN.
        """
        if tensor.grad_fn is not None:
            self.freeze_history(tensor)
        elif tensor.dtype.is_floating_point and bool((tensor != tensor).any()):
            self.refuse("computes with values whose channels can't be followed")

    def freeze_history(self, tensor: torch.Tensor) -> None:
        """Freeze every labelled tensor that a tensor of unseen origin was computed from."""
        pending, seen = [tensor.grad_fn], set()
        while pending:
            node = pending.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            pending.extend(parent for parent, _ in node.next_functions)
            leaf = getattr(node, "variable", None)  # only the nodes of leaves have one
            if type(leaf) is Labelled:
                self.freeze(leaf, "passes through code that can't be traced")

    def observe(self, call: Call, result: Any) -> Any:
        """Write down a finished operation; returns the result."""
        self.operations.append(operation(self, call, result))
        return result


def operation(tracer: Tracer, call: Call, result: Any) -> Operation:
    """What one finished call did."""
    outputs = tuple((tuple(t.shape), axes_of(t)) for t in tensors_in(result))
    return Operation(
        call.name,
        tracer.site,
        tuple(tracer.notes) + rules.settings(call),
        rules.constants(call),
        tuple(axes_of(t) for t in call.tensors() if type(t) is Labelled),
        result,
        outputs,
    )


def _solid(tensors: List[torch.Tensor]) -> bool:
    return all(type(t) is not Labelled or t.solid for t in tensors)
