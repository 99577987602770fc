"""Networks whose wiring in Python is the difficulty: sharing, several inputs, several outputs."""

from typing import Any, Dict, Tuple, Union

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.zoo.net import Head, Net, conv_bn, named


class SharedTwice(nn.Module):
    """One layer runs twice, so its inputs and outputs are one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.twice, self.head = conv_bn(3, 12), conv_bn(12, 12), Head(12)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.twice(self.twice(self.a(x))))


class TiedConvs(nn.Module):
    """Two layers, one Parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.head = (
            conv_bn(3, 12),
            nn.Conv2d(12, 12, 3),
            nn.Conv2d(12, 12, 3),
            Head(12),
        )
        self.c.weight = self.b.weight  # so all their inputs and outputs are one group

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.c(F.relu(self.b(self.a(x)))))


class TiedAutoencoder(nn.Module):
    """The decoder is the transposed encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(12, 20), nn.Linear(20, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.b(F.relu(self.a(x))))
        return F.linear(F.relu(F.linear(y, self.b.weight.t())), self.a.weight.t())


class MultiOutput(nn.Module):
    """Two heads, one in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.one, self.two = conv_bn(3, 12), Head(12), Head(12, 3)

    def forward(self, x: Tensor) -> Dict[str, Any]:
        x = self.a(x)
        return {"one": self.one(x), "both": [self.two(x), x.sum()]}


class Answer:
    """What some models return: an object with tensors inside."""

    def __init__(self, scores: Tensor, features: Tensor) -> None:
        self.scores, self.more = scores, {"features": features}


class ObjectOutput(nn.Module):
    """A feature map inside an object is returned all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 16), Head(16)

    def forward(self, x: Tensor) -> Answer:
        features = self.b(self.a(x))
        return Answer(self.head(features), features)


class FeatureOutput(nn.Module):
    """A feature map is returned: its channels belong to the user."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 16), Head(16)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        features = self.b(self.a(x))
        return self.head(features), features


class MultiInput(nn.Module):
    """Two inputs of different depth, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.head = (
            conv_bn(3, 12),
            nn.Linear(4, 12),
            conv_bn(12, 10),
            Head(10),
        )

    def forward(self, image: Tensor, numbers: Tensor) -> Tensor:
        return self.head(self.c(self.a(image) + self.b(numbers)[:, :, None, None]))


class FrozenStem(nn.Module):
    """A stem without gradients on a residual stream."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a, self.b, self.head = (
            conv_bn(3, 12),
            conv_bn(12, 12),
            conv_bn(12, 8),
            Head(8),
        )
        for parameter in self.stem.parameters():
            parameter.requires_grad = False

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.stem(x)
        return self.head(self.b(x + self.a(x)))


class Detached(nn.Module):
    """A branch behind detach()."""

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
        return self.head(self.b(x) + self.c(x.detach()))


class UnusedModule(nn.Module):
    """A layer that never runs."""

    def __init__(self) -> None:
        super().__init__()
        # a trace tells nothing about it: it stays as it is
        self.a, self.never, self.head = conv_bn(3, 12), nn.Conv2d(12, 12, 3), Head(12)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.a(x))


class ModuleDict(nn.Module):
    """Layers by name."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"first": conv_bn(3, 12), "second": conv_bn(12, 10)})
        self.head = Head(10)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers.values():
            x = layer(x)
        return self.head(x)


class AuxTrainOnly(nn.Module):
    """A head that runs in train() only."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head, self.aux = conv_bn(3, 12), conv_bn(12, 12), Head(12), Head(12)

    def forward(self, x: Tensor) -> Union[Tensor, Tuple[Tensor, Tensor]]:
        x = self.a(x)
        y = self.head(self.b(x))
        return (y, self.aux(x)) if self.training else y


class StochasticDepth(nn.Module):
    """A residual branch that is dropped at random while training."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = conv_bn(3, 12), conv_bn(12, 12), Head(12)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        y = self.b(x)
        if self.training:
            # one draw per sample, not per channel, so that a narrower net draws the same
            y = y * torch.bernoulli(torch.full((y.shape[0], 1, 1, 1), 0.8, dtype=y.dtype))
        return self.head(x + y)


def _two(batch: int, dtype: torch.dtype, draw: torch.Generator) -> Tuple[Tensor, Tensor]:
    return (
        torch.randn(batch, 3, 16, 16, generator=draw).to(dtype),
        torch.randn(batch, 4, generator=draw).to(dtype),
    )


def _by_name(batch: int, dtype: torch.dtype, draw: torch.Generator) -> Dict[str, Tensor]:
    image, numbers = _two(batch, dtype, draw)
    return {"numbers": numbers, "image": image}


NETS = named(
    SharedTwice,
    TiedConvs,
    MultiOutput,
    ObjectOutput,
    FeatureOutput,
    FrozenStem,
    Detached,
    UnusedModule,
    ModuleDict,
    AuxTrainOnly,
    StochasticDepth,
)
NETS.update(
    {
        "tied_autoencoder": Net(TiedAutoencoder, (12,)),
        "multi_input": Net(MultiInput, inputs=_two),
        "keyword_input": Net(MultiInput, inputs=_by_name),
    }
)
