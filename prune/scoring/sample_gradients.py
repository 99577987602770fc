"""Gradients of single images with respect to single weights, without a backward pass for each.

One backward pass gives dL/dy of every image at a layer's output. The gradient of an image with
respect to the layer's weight is the product of that and of what the layer read, so second-order
methods need only these two tensors of each layer.
"""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple, Union

import torch
from torch import Tensor, nn
from torch.nn import functional

Layer = Union[nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d]
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)

Probes = Dict[str, List[Tuple[Tensor, Tensor]]]  # per layer and call (input, zeros on the output)


class Call(NamedTuple):
    """What a layer read in one call [n, ...] and the gradient of its output [n, ...]."""

    read: Tensor
    gradient: Tensor


def owners(model: nn.Module, tensors: Iterable[str]) -> Dict[str, Layer]:
    """The layer of each weight, by the weight's name.

    Raises:
        ValueError: a layer is neither linear nor a convolution forwards.
    """
    found = {}
    for name in tensors:
        layer = model.get_submodule(name.rpartition(".")[0])
        if not isinstance(layer, LAYERS):
            raise ValueError(
                "gradients of single images are known of linear layers and convolutions; {} "
                "belongs to a {}: choose other layers or another saliency".format(
                    name, type(layer).__name__
                )
            )
        found[name] = layer
    return found


@contextmanager
def probed(layers: Dict[str, Layer]) -> Iterator[Probes]:
    """Inside, a zero that takes gradients is added to what each layer emits; see `Probes`."""
    seen: Probes = {name: [] for name in layers}
    hooks = [layer.register_forward_hook(_prober(seen[name])) for name, layer in layers.items()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _prober(calls: List[Tuple[Tensor, Tensor]]) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def hook(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        probe = torch.zeros_like(output, requires_grad=True)
        calls.append((inputs[0].detach(), probe))
        # a sum and not the output itself: an activation behind it may work in place
        return output + probe

    return hook


def of_images(layer: Layer, calls: Sequence[Call], images: slice) -> Tensor:
    """The gradients of these images with respect to the layer's weight [images, *weight.shape].

    A layer that is called several times adds up what its calls owe.
    """
    parts = [
        torch.einsum(
            "ngto,ngtd->ngod",
            by_position(layer, call.gradient[images]),
            patches(layer, call.read[images]),
        )
        for call in calls
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total.reshape((len(total),) + tuple(layer.weight.shape))


def patches(layer: Layer, read: Tensor) -> Tensor:
    """What each output position reads [n, groups, positions, inputs], in the weight's order."""
    if isinstance(layer, nn.Linear):
        return read.reshape(len(read), 1, -1, layer.in_features)
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    padded = functional.pad(read, _padding(layer), mode=mode)
    for axis, (size, step, far) in enumerate(
        zip(layer.kernel_size, layer.stride, layer.dilation), start=2
    ):
        # of a window as wide as the dilated kernel, every far-th entry
        padded = padded.unfold(axis, far * (size - 1) + 1, step)[..., ::far]
    axes = len(layer.kernel_size)
    apart = padded.reshape((len(read), layer.groups, -1) + tuple(padded.shape[2:]))
    places = [3 + each for each in range(axes)]
    kernel = [3 + axes + each for each in range(axes)]
    return apart.permute([0, 1] + places + [2] + kernel).reshape(
        len(read), layer.groups, -1, layer.weight[0].numel()
    )


def by_position(layer: Layer, gradient: Tensor) -> Tensor:
    """The gradient of a layer's output as [n, groups, positions, outputs]."""
    if isinstance(layer, nn.Linear):
        return gradient.reshape(len(gradient), 1, -1, layer.out_features)
    outputs = layer.out_channels // layer.groups
    return gradient.reshape(len(gradient), layer.groups, outputs, -1).transpose(2, 3)


def _padding(layer: Union[nn.Conv1d, nn.Conv2d, nn.Conv3d]) -> List[int]:
    """What a convolution adds before and behind, from the last axis to the first."""
    pairs = []
    for axis, (size, far) in enumerate(zip(layer.kernel_size, layer.dilation)):
        if isinstance(layer.padding, str):
            whole = far * (size - 1) if layer.padding == "same" else 0
            pairs.append((whole // 2, whole - whole // 2))
        else:
            pairs.append((layer.padding[axis],) * 2)
    return [side for pair in reversed(pairs) for side in pair]
