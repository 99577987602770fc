"""Networks that hide what they do from a tracer, or let the data decide."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from edgejoule.bench.zoo.net import Head, conv_bn, named


class _Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0] * gradient


class CustomAutograd(nn.Module):
    """A hand-written backward."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 10), Head(10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.b(_Square.apply(self.a(x))))


@torch.jit.script
def _swish(x):
    return x * torch.sigmoid(x)


class Scripted(nn.Module):
    """Compiled code that no tracer sees: what it touches stays, the rest is cut."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 12), conv_bn(12, 10), conv_bn(10, 8), Head(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.c(self.b(_swish(self.a(x)))))


class Checkpointed(nn.Module):
    """A part that is run twice to save memory."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 10), Head(10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(checkpoint(self.b, self.a(x)))


class SpectralNorm(nn.Module):
    """A weight divided by its largest singular value: the layer stays, others are cut."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.c, self.head = conv_bn(3, 12), conv_bn(8, 10), Head(10)
        self.b = nn.utils.parametrizations.spectral_norm(nn.Conv2d(12, 8, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.c(torch.relu(self.b(self.a(x)))))


class DataBranch(nn.Module):
    """Which layer runs depends on the values: nothing may be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.head = (
            conv_bn(3, 12),
            conv_bn(12, 12),
            conv_bn(12, 12),
            Head(12),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        # a trace sees one of both branches only
        return self.head(self.b(x) if x.mean() > 0 else self.c(x))


class ReadValue(nn.Module):
    """A value leaves the tensors as a Python number: nothing may be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.head = conv_bn(3, 12), Head(12)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return self.head(x) * max(0.1, x.std().item())


class UnknownOp(nn.Module):
    """An operation without a rule in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 12), conv_bn(12, 10), conv_bn(10, 8), Head(8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return self.head(self.c(self.b(torch.renorm(x, 2, 1, 1.0))))


class WrittenSlices(nn.Module):
    """Results written into slices of a prepared tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.head = (
            conv_bn(3, 12),
            conv_bn(12, 8),
            conv_bn(20, 10),
            Head(10),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        out = torch.zeros(x.shape[0], 20, x.shape[2], x.shape[3], dtype=x.dtype)
        out[:, :12] = x  # literal bounds: all twelve must be there
        out[:, 12:] = self.b(x)
        return self.head(self.c(out))


class ZeroedSlices(nn.Module):
    """A slice of the channels is overwritten in place."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 8), Head(8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x).clone()
        x[:, :4] = 0  # after a cut the first four would be others
        return self.head(self.b(x))


class FlippedChannels(nn.Module):
    """The order of the channels is reversed and added."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 8), Head(8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return self.head(self.b(x + x.flip(1)))


class WeightNorm(nn.Module):
    """Weights recomputed from direction and length before every run."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.head = conv_bn(3, 12), Head(8)
        self.b = nn.utils.weight_norm(nn.Conv2d(12, 8, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.b(self.a(x))))


class WeightNormBackwards(nn.Module):
    """Weight norms of every kind: of a transposed convolution, depthwise, of a linear, of all."""

    def __init__(self) -> None:
        super().__init__()
        norm = getattr(nn.utils.parametrizations, "weight_norm", nn.utils.weight_norm)
        self.a, self.deep = norm(nn.Conv2d(3, 12, 3)), norm(nn.Conv2d(12, 12, 3, groups=12))
        self.up = norm(nn.ConvTranspose2d(12, 10, 2, stride=2))
        everything: Any = None  # one length for all filters; torch's annotation lacks it
        self.b, self.fc = norm(nn.Conv2d(10, 8, 3), dim=everything), norm(nn.Linear(8, 6))
        self.out = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.up(F.relu(self.deep(F.relu(self.a(x))))))
        return self.out(F.relu(self.fc(self.b(x).mean((2, 3)))))


class QuantizedWeight(nn.Module):
    """A weight rounded with a scale per filter: the layer stays, others are cut."""

    scale: Tensor
    zero: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(3, 12), nn.Conv2d(12, 8, 3)
        self.c, self.head = conv_bn(8, 10), Head(10)
        self.register_buffer("scale", torch.full((8,), 0.01))
        self.register_buffer("zero", torch.zeros(8, dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.fake_quantize_per_channel_affine(
            self.b.weight.float(), self.scale.float(), self.zero, 0, -128, 127
        )
        x = F.conv2d(self.a(x), weight.to(x.dtype), self.b.bias)
        return self.head(self.c(F.relu(x)))


NETS = named(
    CustomAutograd,
    Checkpointed,
    SpectralNorm,
    Scripted,
    UnknownOp,
    WrittenSlices,
    ZeroedSlices,
    FlippedChannels,
)
NETS.update(named(WeightNorm, WeightNormBackwards, QuantizedWeight))
NETS.update(named(DataBranch, ReadValue, whole=True))
