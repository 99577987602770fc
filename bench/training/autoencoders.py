"""One layer of a network as an autoencoder, and what enters that layer."""

from contextlib import contextmanager
from typing import Any, Iterator, List, Tuple

import torch
from torch import Tensor, nn
from torch.nn.modules import batchnorm

from edgejoule.prune.scoring.gradients import in_mode


class Autoencoder(nn.Module):
    """The layer, a ReLU, and a decoder of the transposed shape: x [n, ...] to its likeness."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.encoder, self.relu, self.decoder = layer, nn.ReLU(), _decoder(layer)

    def forward(self, x: Tensor) -> Tensor:
        """What the decoder makes of the code of x, in the shape of x."""
        code = self.relu(self.encoder(x))
        if isinstance(self.decoder, nn.ConvTranspose2d):
            # a stride maps several sizes to one: say which of them it was
            return self.decoder(code, output_size=list(x.shape[-2:]))
        return self.decoder(code)


class _Reached(Exception):
    """The layer was reached; what comes after it need not be computed."""


def layers(model: nn.Module, example: Tensor) -> List[Tuple[str, nn.Module]]:
    """(name, layer) of all that can be autoencoders, in the order of the forward pass.

    Convolutions and linear layers, less the last of them, which gives the classes.
    """
    found: List[Tuple[str, nn.Module]] = []

    def note(layer: nn.Module, inputs: Any) -> None:
        if all(layer is not each for _, each in found):
            found.append((names[layer], layer))

    names = {layer: name for name, layer in model.named_modules() if _has_decoder(layer)}
    handles = [layer.register_forward_pre_hook(note) for layer in names]
    try:
        with torch.no_grad(), in_mode(model, False):
            model(example)
    finally:
        for handle in handles:
            handle.remove()
    return found[:-1]


def entering(model: nn.Module, layer: nn.Module, x: Tensor) -> Tensor:
    """What enters a layer when pictures x [n, c, h, w] enter the model; norms over the batch."""
    seen: List[Tensor] = []

    def reached(layer: nn.Module, inputs: Tuple[Tensor, ...]) -> None:
        seen.append(inputs[0].detach())
        raise _Reached

    handle = layer.register_forward_pre_hook(reached)
    try:
        with torch.no_grad(), _norms_over_the_batch(model, len(x)):
            model(x)
    except _Reached:
        pass
    finally:
        handle.remove()
    # a copy: an activation that works in place would change it under the decoder
    return seen[0].clone()


@contextmanager
def _norms_over_the_batch(model: nn.Module, count: int) -> Iterator[None]:
    """Inside, dropout is off and norms take the batch's statistics, if it has more than one x."""
    with in_mode(model, False):
        for module in model.modules():
            if isinstance(module, batchnorm._BatchNorm):
                module.training = count > 1
        yield


def _has_decoder(layer: Any) -> bool:
    if isinstance(layer, nn.Conv2d):
        # other paddings have no transposed layer
        return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return isinstance(layer, nn.Linear)


def _decoder(layer: Any) -> nn.Module:
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.out_features, layer.in_features)
    return nn.ConvTranspose2d(
        layer.out_channels,
        layer.in_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        groups=layer.groups,
        dilation=layer.dilation,
    )
