"""Networks whose Python is the difficulty: sharing, several inputs, hidden code, branches on data."""
import torch
import torch.nn.functional as F
from torch import nn

from bench.zoo.net import Head, Net, conv_bn, named


class SharedTwice(nn.Module):
    """One layer runs twice, so its inputs and outputs are one stream."""

    def __init__(self):
        super().__init__()
        self.a, self.twice, self.head = conv_bn(3, 12), conv_bn(12, 12), Head(12)

    def forward(self, x):
        return self.head(self.twice(self.twice(self.a(x))))


class TiedConvs(nn.Module):
    """Two layers, one Parameter."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 12), nn.Conv2d(12, 12, 3), nn.Conv2d(12, 12, 3), Head(12)
        self.c.weight = self.b.weight

    def forward(self, x):
        return self.head(self.c(F.relu(self.b(self.a(x)))))


class TiedAutoencoder(nn.Module):
    """The decoder is the transposed encoder."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(12, 20), nn.Linear(20, 8)

    def forward(self, x):
        y = F.relu(self.b(F.relu(self.a(x))))
        return F.linear(F.relu(F.linear(y, self.b.weight.t())), self.a.weight.t())


class MultiOutput(nn.Module):
    """Two heads, one in a dict."""

    def __init__(self):
        super().__init__()
        self.a, self.one, self.two = conv_bn(3, 12), Head(12), Head(12, 3)

    def forward(self, x):
        x = self.a(x)
        return {"one": self.one(x), "both": [self.two(x), x.sum()]}


class FeatureOutput(nn.Module):
    """A feature map is returned: its channels belong to the user."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 16), Head(16)

    def forward(self, x):
        features = self.b(self.a(x))
        return self.head(features), features


class MultiInput(nn.Module):
    """Two inputs of different depth, joined."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 12), nn.Linear(4, 12), conv_bn(12, 10), Head(10)

    def forward(self, image, numbers):
        return self.head(self.c(self.a(image) + self.b(numbers)[:, :, None, None]))


class FrozenStem(nn.Module):
    """A stem without gradients on a residual stream."""

    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 12), conv_bn(12, 8), Head(8)
        for parameter in self.stem.parameters():
            parameter.requires_grad = False

    def forward(self, x):
        with torch.no_grad():
            x = self.stem(x)
        return self.head(self.b(x + self.a(x)))


class Detached(nn.Module):
    """A branch behind detach()."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 12), conv_bn(12, 12), conv_bn(12, 12), Head(12)

    def forward(self, x):
        x = self.a(x)
        return self.head(self.b(x) + self.c(x.detach()))


class _Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0] * gradient


class CustomAutograd(nn.Module):
    """A hand-written backward."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 10), Head(10)

    def forward(self, x):
        return self.head(self.b(_Square.apply(self.a(x))))


@torch.jit.script
def _swish(x):
    return x * torch.sigmoid(x)


class Scripted(nn.Module):
    """Compiled code that no tracer sees: what it touches stays, the rest is cut."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 12), conv_bn(12, 10), conv_bn(10, 8), Head(8)

    def forward(self, x):
        return self.head(self.c(self.b(_swish(self.a(x)))))


class UnusedModule(nn.Module):
    """A layer that never runs."""

    def __init__(self):
        super().__init__()
        self.a, self.never, self.head = conv_bn(3, 12), nn.Conv2d(12, 12, 3), Head(12)

    def forward(self, x):
        return self.head(self.a(x))


class ModuleDict(nn.Module):
    """Layers by name."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({"first": conv_bn(3, 12), "second": conv_bn(12, 10)})
        self.head = Head(10)

    def forward(self, x):
        for layer in self.layers.values():
            x = layer(x)
        return self.head(x)


class AuxTrainOnly(nn.Module):
    """A head that runs in train() only."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head, self.aux = conv_bn(3, 12), conv_bn(12, 12), Head(12), Head(12)

    def forward(self, x):
        x = self.a(x)
        y = self.head(self.b(x))
        return (y, self.aux(x)) if self.training else y


class DataBranch(nn.Module):
    """Which layer runs depends on the values: nothing may be cut."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 12), conv_bn(12, 12), conv_bn(12, 12), Head(12)

    def forward(self, x):
        x = self.a(x)
        return self.head(self.b(x) if x.mean() > 0 else self.c(x))


class ReadValue(nn.Module):
    """A value leaves the tensors as a Python number: nothing may be cut."""

    def __init__(self):
        super().__init__()
        self.a, self.head = conv_bn(3, 12), Head(12)

    def forward(self, x):
        x = self.a(x)
        return self.head(x) * max(0.1, x.std().item())


class UnknownOp(nn.Module):
    """An operation without a rule in the middle."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 12), conv_bn(12, 10), conv_bn(10, 8), Head(8)

    def forward(self, x):
        x = self.a(x)
        return self.head(self.c(self.b(torch.renorm(x, 2, 1, 1.0))))


class WrittenSlices(nn.Module):
    """Results written into slices of a prepared tensor."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.head = conv_bn(3, 12), conv_bn(12, 8), conv_bn(20, 10), Head(10)

    def forward(self, x):
        x = self.a(x)
        out = torch.zeros(x.shape[0], 20, x.shape[2], x.shape[3], dtype=x.dtype)
        out[:, :12] = x
        out[:, 12:] = self.b(x)
        return self.head(self.c(out))


class ZeroedSlices(nn.Module):
    """A slice of the channels is overwritten in place."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 8), Head(8)

    def forward(self, x):
        x = self.a(x).clone()
        x[:, :4] = 0
        return self.head(self.b(x))


class FlippedChannels(nn.Module):
    """The order of the channels is reversed and added."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 8), Head(8)

    def forward(self, x):
        x = self.a(x)
        return self.head(self.b(x + x.flip(1)))


class StochasticDepth(nn.Module):
    """A residual branch that is dropped at random while training."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 12), Head(12)

    def forward(self, x):
        x = self.a(x)
        y = self.b(x)
        if self.training:
            y = y * torch.bernoulli(torch.full((y.shape[0], 1, 1, 1), 0.8, dtype=y.dtype))
        return self.head(x + y)


class WeightNorm(nn.Module):
    """Weights recomputed from direction and length before every run."""

    def __init__(self):
        super().__init__()
        self.a, self.head = conv_bn(3, 12), Head(8)
        self.b = nn.utils.weight_norm(nn.Conv2d(12, 8, 3))

    def forward(self, x):
        return self.head(F.relu(self.b(self.a(x))))


def _two(batch, dtype, draw):
    return (torch.randn(batch, 3, 16, 16, generator=draw).to(dtype), torch.randn(batch, 4, generator=draw).to(dtype))


def _by_name(batch, dtype, draw):
    image, numbers = _two(batch, dtype, draw)
    return {"numbers": numbers, "image": image}


NETS = named(SharedTwice, TiedConvs, MultiOutput, FeatureOutput, FrozenStem, Detached, CustomAutograd, Scripted,
             UnusedModule, ModuleDict, AuxTrainOnly, UnknownOp, WrittenSlices, ZeroedSlices, FlippedChannels,
             StochasticDepth)
NETS.update(named(DataBranch, ReadValue, WeightNorm, whole=True))
NETS.update({"tied_autoencoder": Net(TiedAutoencoder, (12,)), "multi_input": Net(MultiInput, inputs=_two),
             "keyword_input": Net(MultiInput, inputs=_by_name)})
