"""A copy of a model whose parameters and buffers are labelled tensors without data.

The user's model is never touched; sizes of a smaller model can be tried without cutting
anything.
"""

import collections.abc
import random
from typing import Any, Callable, Dict, Iterator, Optional, Sequence, Set, Tuple

import numpy as np
import torch
from torch import nn

from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.tracing.labelled import Axes, Labelled, Vector, replaced
from edgejoule.prune.tracing.labels import Labels
from edgejoule.prune.tracing.recorder import Recorder
from edgejoule.prune.tracing.tracer import Tracer
from edgejoule.prune.widths import resize

MODES = (False, True)  # eval(), train(): heads that only one of them uses are seen too
INERT = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    torch.dtype,
    torch.device,
    np.ndarray,
    np.generic,
)
Left = Callable[[Vector], Vector]  # what a cut leaves of a label vector


def tensors(model: nn.Module) -> Iterator[Tuple[str, torch.Tensor]]:
    """(qualified name, tensor) of every parameter and buffer, in module order, each once."""
    seen: Set[int] = set()
    for path, module in model.named_modules():
        for name, tensor in list(module._parameters.items()) + list(module._buffers.items()):
            if tensor is not None and id(tensor) not in seen:
                seen.add(id(tensor))
                yield (path + "." + name if path else name), tensor


def allot(labels: Labels, model: nn.Module) -> Dict[str, Axes]:
    """Labels for every axis along which channels could lie, by tensor name."""
    kernels = {id(m.weight) for m in model.modules() if isinstance(m, nn.modules.conv._ConvNd)}
    return {
        name: tuple(
            labels.allot(name, axis, size)
            if _may_hold_channels(tensor, axis, size, kernels)
            else None
            for axis, size in enumerate(tensor.shape)
        )
        for name, tensor in tensors(model)
    }


def _may_hold_channels(tensor: torch.Tensor, axis: int, size: int, kernels: Set[int]) -> bool:
    if size < 2:
        return False
    if not tensor.dtype.is_floating_point:
        return tensor.dtype == torch.long and tensor.dim() == 1  # an index over channels
    if id(tensor) in kernels:
        return axis < 2
    # of a bare weight [..., out, in, h, w] the last two axes are the kernel's
    return tensor.dim() < 4 or axis < tensor.dim() - 2


def skeleton(
    model: nn.Module, axes: Dict[str, Axes], tracer: Tracer, left: Optional[Left] = None
) -> nn.Module:
    """A copy of the model with labelled tensors in place of its parameters and buffers.

    With `left` it has the sizes that a cut would leave.
    """
    memo = {id(t): _stand_in(t, axes[name], tracer, left) for name, t in tensors(model)}
    twin = duplicate(model, memo)
    if left is not None:
        for original, module in zip(model.modules(), twin.modules()):
            resize(module, original)
    _watch(twin, tracer)
    return twin


def _stand_in(tensor: torch.Tensor, axes: Axes, tracer: Tracer, left: Optional[Left]) -> Labelled:
    shape = list(tensor.shape)
    if left is not None:
        axes = tuple(map(left, axes))
        shape = [n if v is None else v.size for n, v in zip(shape, axes)]
    single = tensor.numel() == 1 and all(vector is None for vector in axes)
    if single or not tensor.dtype.is_floating_point:
        value = tensor.detach().cpu().clone()
        if left is not None and axes and axes[0] is not None:
            value = value[: axes[0].size]
        return tracer.dress(value.as_subclass(Labelled), axes, zero=True, learned=True, solid=True)
    # torch 1.10 lacks half-precision operations on the CPU, and rules try some for real
    dtype = torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.dtype
    return tracer.emit(shape, dtype, axes, zero=True, learned=True)


def _watch(twin: nn.Module, tracer: Tracer) -> None:
    """Tell the tracer which module is running."""
    for path, module in twin.named_modules():
        if not isinstance(module, torch.jit.ScriptModule):
            module.register_forward_pre_hook(_entering(tracer, path))
            module.register_forward_hook(_leaving(tracer))


def _entering(tracer: Tracer, path: str) -> Callable[..., None]:
    return lambda *_: tracer.sites.append(path)


def _leaving(tracer: Tracer) -> Callable[..., None]:
    def leave(*_: Any) -> None:
        tracer.sites.pop()

    return leave


def run(twin: nn.Module, example: Any, recorder: Recorder, modes: Sequence[bool] = MODES) -> None:
    """Run a skeleton on labelled inputs like the example, in eval() and in train().

    Whatever is returned is frozen.
    """
    for training in modes:
        for module in twin.modules():
            module.training = training
        outputs = _called(twin, example, recorder)
        for tensor in handed_out(outputs, recorder):
            recorder.freeze(tensor, "is returned by the model")
            if type(tensor) is not Labelled:
                recorder.inspect(tensor)
        recorder.passes.append(len(recorder.operations))


def handed_out(value: Any, tracer: Tracer) -> Iterator[torch.Tensor]:
    """Every tensor that a model returns, in containers and in attributes of objects alike.

    Raises:
        Refused: an object that can't be looked into.
    """
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, INERT):
        return
    elif isinstance(value, collections.abc.Mapping):
        for item in value.values():
            yield from handed_out(item, tracer)
    elif isinstance(value, (tuple, list, set, frozenset)):
        for item in value:
            yield from handed_out(item, tracer)
    elif hasattr(value, "__dict__"):
        yield from handed_out(vars(value), tracer)
    else:
        tracer.refuse("returns a {}, which may hold anything".format(type(value).__name__))


def _called(twin: nn.Module, example: Any, tracer: Tracer) -> Any:
    """What the skeleton answers; random numbers drawn on the way leave no mark on the process."""
    inputs = replaced(example, lambda t: _input(t, tracer))
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    tracer.sites[:] = [""]
    try:
        # alike in every run, so that numbers drawn in a forward compare equal in a smaller model
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        with torch.enable_grad():
            if isinstance(inputs, dict):
                return twin(**inputs)
            return twin(*inputs) if isinstance(inputs, (tuple, list)) else twin(inputs)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def _input(tensor: torch.Tensor, tracer: Tracer) -> Labelled:
    if tensor.dtype.is_floating_point:
        return tracer.emit(tensor.shape, tensor.dtype, [None] * tensor.dim())
    return tracer.dress(
        tensor.detach().cpu().clone().as_subclass(Labelled), [None] * tensor.dim(), solid=True
    )
