"""Networks without branches: what views, flattening, norms and functional calls do to channels."""

from typing import Callable, Type

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.zoo.net import Head, Net, conv_bn, middle, named


class Lenet(nn.Module):
    """Convolutions, pooling, flatten, three linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(84, 5),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Functional(nn.Module):
    """Layers in __init__, everything else a function; the view's batch size is read."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(12, 8, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(8 * 16, 20), nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.a(x)), 2)
        x = F.avg_pool2d(torch.relu(self.b(x)), 2)
        x = x.view(x.size(0), -1)
        return F.log_softmax(self.fc2(F.dropout(F.relu(self.fc1(x)), training=self.training)), 1)


class HardView(nn.Module):
    """A view with a literal size: the convolution before it can't be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(3, 10), conv_bn(10, 18)
        self.fc1, self.fc2 = nn.Linear(288, 20), nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.b(self.a(x)), 4).view(-1, 288)
        return self.fc2(F.relu(self.fc1(x)))


class NumFlat(nn.Module):
    """The flattened size is multiplied together from the shape."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.fc = conv_bn(3, 10), nn.Linear(160, 5)

    def forward(self, x: Tensor) -> Tensor:
        x, count = F.max_pool2d(self.a(x), 4), 1
        # as much old code does; the product must stay a number that follows the cut
        for size in x.size()[1:]:
            count *= size
        return self.fc(x.view(-1, count))


class Bn1dAfterFlatten(nn.Module):
    """A batch norm over flattened pixels: a channel owns a run of its entries."""

    def __init__(self) -> None:
        super().__init__()
        # ten channels of 4 x 4 pixels
        self.a, self.norm, self.fc = conv_bn(3, 10), nn.BatchNorm1d(160), nn.Linear(160, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(F.max_pool2d(self.a(x), 4).flatten(1)))


class AddedBeforeView(nn.Module):
    """Two views of one tensor, one by -1 and one by its shape."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.fc = conv_bn(3, 8), nn.Linear(128, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.a(x), 4)
        return self.fc(x.reshape(x.shape[0], -1) + x.view(x.shape[0], x.shape[1], -1).flatten(1))


class Conv1d(nn.Module):
    """A signal network."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(4, 16, 5, padding=2),
            nn.BatchNorm1d(16),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(16, 24, 3, dilation=2),
            nn.LeakyReLU(0.1),
            nn.AdaptiveAvgPool1d(1),
        )
        self.fc = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.body(x).squeeze(-1))


class Conv3d(nn.Module):
    """A video network, circular padding in its second layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Conv3d(2, 8, 3, padding=1), nn.BatchNorm3d(8), nn.ELU())
        self.b = nn.Conv3d(8, 12, 3, padding=1, padding_mode="circular")
        self.fc = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.adaptive_max_pool3d(self.b(self.a(x)), 1).flatten(1))


class ReflectPad(nn.Module):
    """Padding layers of every kind before convolutions without padding."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(3, 8, 3),
            nn.ReplicationPad2d(1),
            nn.Conv2d(8, 8, 3),
            nn.ZeroPad2d(2),
            nn.Conv2d(8, 8, 5),
            nn.ConstantPad2d(1, 0.7),  # a border that is not zero, in removed channels either
            nn.Conv2d(8, 8, 3),
        )
        self.head = Head(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


class Prelu(nn.Module):
    """One slope per channel, then one slope for all."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 12, 3), nn.PReLU(12), nn.Conv2d(12, 8, 3), nn.PReLU()
        )
        self.head = Head(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


class ParamScale(nn.Module):
    """A scale and a shift per channel that are bare parameters, and one scale for all."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.head = nn.Conv2d(3, 12, 3), Head(12)
        self.scale = nn.Parameter(torch.ones(1, 12, 1, 1))
        self.shift = nn.Parameter(torch.zeros(12, 1, 1))
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.a(x) * self.scale + self.shift) * self.gain


class FunctionalConv(nn.Module):
    """Weights that belong to no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = (
            nn.Parameter(torch.randn(12, 3, 3, 3)),
            nn.Parameter(torch.randn(8, 12, 1, 1)),
        )
        self.out = nn.Parameter(torch.randn(8, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(F.relu(F.conv2d(x, self.one)), self.two)
        return x.mean((2, 3)) @ self.out


class InplaceOps(nn.Module):
    """Operations that write into their operand."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Conv2d(3, 12, 3), nn.Conv2d(3, 12, 3), Head(12)

    def forward(self, x: Tensor) -> Tensor:
        y, z = self.a(x), self.b(x)
        y = y.clone()  # else the write below would change what the norm before kept for backward
        y += z
        y.mul_(0.5).relu_()
        return self.head(F.relu6(y, inplace=False))


class SigmoidBn(nn.Module):
    """A removed channel would be 0.5 after its sigmoid; the next layer must not see it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 12, 3),
            nn.Sigmoid(),
            nn.BatchNorm2d(12),
            nn.Conv2d(12, 10, 3),
            nn.Softplus(),
            nn.Conv2d(10, 8, 3),
            nn.Hardsigmoid(),
        )
        self.head = Head(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


class StandardisedWeights(nn.Conv2d):
    """Weight standardisation: the mean over the inputs would count removed ones."""

    def forward(self, x: Tensor) -> Tensor:
        # a mean over fewer inputs is another mean: inputs must stay, outputs may go
        mean = self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, self.weight - mean, self.bias, self.stride, self.padding)


class TanhWeights(nn.Conv2d):
    """Weights through a function that keeps zero."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, torch.tanh(self.weight), self.bias, self.stride, self.padding)


def _norm(norm: Callable[[], nn.Module]) -> Net:
    return middle(
        lambda: nn.Sequential(nn.Conv2d(16, 16, 3), norm(), nn.ReLU(), nn.Conv2d(16, 16, 1))
    )


def _weights(kind: Type[nn.Conv2d]) -> Net:
    return middle(lambda: nn.Sequential(kind(16, 12, 3), nn.ReLU(), kind(12, 16, 3)))


NETS = named(Lenet, Functional, noisy=True)  # dropout
NETS.update(
    named(
        HardView,
        NumFlat,
        Bn1dAfterFlatten,
        AddedBeforeView,
        ReflectPad,
        Prelu,
        ParamScale,
        FunctionalConv,
        InplaceOps,
        SigmoidBn,
    )
)
NETS.update(
    {
        "conv1d": Net(Conv1d, (4, 32)),
        "conv3d": Net(Conv3d, (2, 6, 6, 6)),
        "norm_bn": _norm(lambda: nn.BatchNorm2d(16)),
        "norm_bn_noaffine": _norm(lambda: nn.BatchNorm2d(16, affine=False)),
        "norm_bn_nostats": _norm(lambda: nn.BatchNorm2d(16, track_running_stats=False)),
        "norm_in": _norm(lambda: nn.InstanceNorm2d(16)),
        "norm_in_affine": _norm(lambda: nn.InstanceNorm2d(16, affine=True)),
        "norm_in_runstats": _norm(lambda: nn.InstanceNorm2d(16, track_running_stats=True)),
        "norm_gn4": _norm(lambda: nn.GroupNorm(4, 16)),
        "norm_gn1": _norm(lambda: nn.GroupNorm(1, 16)),
        "norm_lrn": _norm(lambda: nn.LocalResponseNorm(3)),
        "weight_standardised": _weights(StandardisedWeights),
        "weight_tanh": _weights(TanhWeights),
    }
)
