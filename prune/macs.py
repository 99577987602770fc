"""Multiply-accumulates of each call of each layer, by forward hooks on the real network.

One multiply and its addition is one MAC. A convolution or linear layer works once forward and
again for each gradient it owes: for its input if something before it is trained, for its weight
if it is itself trained. The first layer therefore owes two thirds of what the others owe.
Elementwise work is in FLOPs, forward only, by the rules of the counter that the pruning
literature used (rethinking-network-pruning, `compute_flops.py`): a bias 1, a norm 2 and an
activation 1 per element, a pooling its window per output element.
"""

from contextlib import contextmanager
from typing import Any, Callable, Collection, Dict, Iterator, List, NamedTuple, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn.modules import batchnorm, conv, pooling

from edgejoule.prune.parity import called, first
from edgejoule.prune.tracing.labelled import replaced

NORMS = (batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)
POOLINGS = (pooling._MaxPoolNd, pooling._AvgPoolNd)
ACTIVATIONS = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.GELU,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    nn.Tanh,
    nn.Hardtanh,
    nn.Hardswish,
    nn.Hardsigmoid,
    nn.Softplus,
)


# of one call: MACs forward, for the input's and for the weight's gradient; elementwise FLOPs
Counts = Tuple[int, int, int, int]
Rule = Callable[[Any, Tensor, Any], Counts]  # of a layer, its input and its output


class Call(NamedTuple):
    """Work of one call of one layer on a whole batch: MACs, and elementwise FLOPs."""

    name: str
    layer: nn.Module
    forward: int
    input_gradient: int
    weight_gradient: int
    elementwise: int


class Work(NamedTuple):
    """All calls in order, and the layers with weights of their own that no rule covers."""

    calls: Tuple[Call, ...]
    uncounted: Tuple[str, ...]


def observe(model: nn.Module, example: Any) -> Work:
    """The work of one evaluation of the model on the example [n, ...], a tensor or several.

    The model is left as it was found: mode, buffers, gradients and random state.
    """
    calls: List[Call] = []
    handles = []
    for name, layer in model.named_modules():
        count = rule(layer)
        if count is not None:
            handles.append(layer.register_forward_hook(_counting(name, calls, count)))
    try:
        with undisturbed(model, first(example)):
            # copies: a first layer may work in place
            called(model, replaced(example, lambda tensor: tensor.clone()))
    finally:
        for handle in handles:
            handle.remove()
    return Work(tuple(calls), _uncounted(model, {call.name for call in calls}))


def _counting(name: str, calls: List[Call], count: Rule) -> Callable[..., None]:
    def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            calls.append(Call(name, layer, *count(layer, inputs[0], output)))

    return hook


def _uncounted(model: nn.Module, counted: Collection[str]) -> Tuple[str, ...]:
    """Layers that own parameters and were not counted, each with its type."""
    return tuple(
        "{} ({})".format(name or "the model itself", type(layer).__name__)
        for name, layer in model.named_modules()
        if name not in counted and any(True for _ in layer.parameters(recurse=False))
    )


@contextmanager
def undisturbed(model: nn.Module, example: Tensor) -> Iterator[None]:
    """Inside, the model is in evaluation mode and records gradients; afterwards it is as before."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    devices = [example.device] if example.is_cuda else []
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        try:
            model.eval()
            yield
        finally:
            for module, training in modes:
                module.training = training
            with torch.no_grad():
                for module, name, buffer, value in buffers:
                    module._buffers[name] = buffer.copy_(value)


def rule(layer: nn.Module) -> Optional[Rule]:
    """The function that counts a call of this layer, or None where there is no rule."""
    for types, count in RULES.items():
        if isinstance(layer, types):
            return count
    return None


def _gradients(macs: int, x: Tensor, weight: Tensor) -> Tuple[int, int, int]:
    return macs, macs * x.requires_grad, macs * weight.requires_grad


def _bias(layer: Any, output: Tensor) -> int:
    return 0 if layer.bias is None else output.numel()


def _convolution(layer: Any, x: Tensor, output: Any) -> Counts:
    # each output pixel of a channel reads its group's inputs: weight [c_out, c_in / groups, ...]
    macs = output.numel() * layer.weight[0].numel()
    return _gradients(macs, x, layer.weight) + (_bias(layer, output),)


def _transposed(layer: Any, x: Tensor, output: Any) -> Counts:
    # each input pixel of a channel writes its group's outputs: weight [c_in, c_out / groups, ...]
    macs = x.numel() * layer.weight[0].numel()
    return _gradients(macs, x, layer.weight) + (_bias(layer, output),)


def _linear(layer: Any, x: Tensor, output: Any) -> Counts:
    macs = output.numel() * layer.in_features
    return _gradients(macs, x, layer.weight) + (_bias(layer, output),)


def _recurrent(layer: Any, x: Tensor, output: Any) -> Counts:
    """Every weight once per time step; the first step's zero state needs no gradient."""
    steps = x.numel() // layer.input_size
    batch = x.shape[0] if layer.batch_first else x.shape[1]
    forward = into = weight = 0
    for name, parameter in layer.named_parameters():
        if name.startswith("weight"):
            macs = steps * parameter.numel()
            forward += macs
            weight += macs * parameter.requires_grad
            if name.startswith("weight_hh"):
                into += macs - batch * parameter.numel()
            elif x.requires_grad or not name.startswith("weight_ih_l0"):
                into += macs
    return forward, into, weight, 0


def _pooling(layer: Any, x: Tensor, output: Any) -> Counts:
    output = output[0] if isinstance(output, tuple) else output  # return_indices
    size, window = layer.kernel_size, 1
    for side in [size] * (output.dim() - 2) if isinstance(size, int) else size:
        window *= side
    return 0, 0, 0, window * output.numel()


def _norm(layer: Any, x: Tensor, output: Any) -> Counts:
    return 0, 0, 0, 2 * x.numel()


def _activation(layer: Any, x: Tensor, output: Any) -> Counts:
    return 0, 0, 0, x.numel()


def _lookup(layer: Any, x: Tensor, output: Any) -> Counts:
    return 0, 0, 0, 0


# the first match counts, so a subclass stands before its base
RULES: Dict[Any, Rule] = {
    conv._ConvTransposeNd: _transposed,
    conv._ConvNd: _convolution,
    nn.Linear: _linear,
    nn.RNNBase: _recurrent,
    NORMS: _norm,
    POOLINGS: _pooling,
    ACTIVATIONS: _activation,
    nn.Embedding: _lookup,
}
