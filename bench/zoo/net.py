"""What a network of the zoo is: how to build it, what to feed it, what may be expected."""

from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

import torch
from torch import nn


class Net(NamedTuple):
    """One network of the zoo."""

    build: Callable[[], nn.Module]
    shape: Tuple[int, ...] = (3, 16, 16)  # of one input, without the batch
    whole: bool = False  # nothing of it may be cut
    noisy: bool = False  # train() draws a number per channel, which no cut can repeat
    per_channel: bool = False  # a layer runs once per channel, so MACs are no product of widths
    # (batch, dtype, generator) -> example of a batch, where one tensor isn't it
    inputs: Optional[Callable[[int, torch.dtype, torch.Generator], Any]] = None


def example(net: Net, batch: int = 2, dtype: torch.dtype = torch.float32) -> Any:
    """Random inputs [batch, ...] of a network, the same at every call."""
    draw = torch.Generator().manual_seed(7)
    if net.inputs is not None:
        return net.inputs(batch, dtype, draw)
    return torch.randn((batch,) + net.shape, generator=draw).to(dtype)


def answer(model: nn.Module, inputs: Any) -> Any:
    """What a model makes of an example."""
    if isinstance(inputs, dict):
        return model(**inputs)
    return model(*inputs) if isinstance(inputs, (tuple, list)) else model(inputs)


def tensors(outputs: Any) -> Tuple[torch.Tensor, ...]:
    """Every tensor of a nested output, in order."""
    if isinstance(outputs, torch.Tensor):
        return (outputs,)
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    if isinstance(outputs, (tuple, list)):
        return tuple(tensor for item in outputs for tensor in tensors(item))
    return tensors(vars(outputs)) if hasattr(outputs, "__dict__") else ()


def awake(model: nn.Module) -> nn.Module:
    """The same model, its biases, norms and running statistics drawn at random.

    A fresh batch norm shifts by 0 and scales by 1, so a cut that forgot a norm's parameters would
    compute the right numbers all the same. With random ones it can't.
    """
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            # biases, norms' gamma and beta, and whole weights that begin near zero
            if parameter.dim() < 2 or float(parameter.abs().max()) < 1e-3:
                parameter.copy_(torch.rand(parameter.shape, generator=draw) * 0.8 + 0.3)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.rand(buffer.shape, generator=draw) - 0.5)
            if name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=draw) + 0.5)
    return model


def named(*classes: type, **settings: Any) -> Dict[str, Net]:
    """NETS entries for classes without arguments, named after themselves in snake case."""
    return {_snake(kind.__name__): Net(kind, **settings) for kind in classes}


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))


def conv_bn(inner: int, out: int, kernel: int = 3, **settings: Any) -> nn.Sequential:
    """Convolution, batch norm, ReLU; spatial size kept."""
    settings.setdefault("padding", kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inner, out, kernel, bias=False, **settings), nn.BatchNorm2d(out), nn.ReLU()
    )


class Head(nn.Module):
    """Global average pooling and a linear layer."""

    def __init__(self, channels: int, classes: int = 5) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.mean([2, 3]))


class Middle(nn.Module):
    """stem -> middle -> head, where only the middle is interesting."""

    def __init__(self, middle: nn.Module, channels: int = 16, out: int = 0) -> None:
        super().__init__()
        self.stem = conv_bn(3, channels)
        self.middle = middle
        self.head = Head(out or channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.middle(self.stem(x)))


def middle(kind: Callable[[], nn.Module], out: int = 0) -> Net:
    """A net in which only what `kind()` makes is interesting.

    It is given 16 channels and returns `out`, or as many where `out` is 0.
    """
    return Net(lambda: Middle(kind(), 16, out))
