"""Networks whose channels weigh, compare or attend to each other."""

from typing import Callable, Dict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.zoo.net import conv_bn, middle


class SeLinear(nn.Module):
    """Squeeze and excite with linear layers and views."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.down, self.up = conv_bn(16, 16), nn.Linear(16, 4), nn.Linear(4, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        n, c, _, _ = x.size()  # read off the tensor, so the views below follow a cut
        gate = F.adaptive_avg_pool2d(x, 1).view(n, c)
        return x * torch.sigmoid(self.up(F.relu(self.down(gate)))).view(n, c, 1, 1)


class SeConv(nn.Module):
    """Squeeze and excite with 1x1 convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.down, self.up = conv_bn(16, 16), nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        gate = self.up(F.relu(self.down(x.mean((2, 3), keepdim=True))))
        return F.hardsigmoid(gate).expand_as(x) * x


class CbamSpatial(nn.Module):
    """Mean and maximum over the channels make a map."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 24), conv_bn(24, 16)
        self.gate = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        both = torch.cat([x.mean(1, keepdim=True), torch.max(x, dim=1, keepdim=True)[0]], 1)
        return self.b(x * torch.sigmoid(self.gate(both)))


class SpatialGate(nn.Module):
    """A map of one channel gates all."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.gate = conv_bn(16, 16), nn.Conv2d(16, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return x * torch.sigmoid(self.gate(x))


class Eca(nn.Module):
    """A convolution along the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 16), conv_bn(16, 16)
        # over neighbouring channels: if one left, others would become neighbours
        self.mix = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.b(self.a(x))
        y = F.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose(-1, -2)
        return x * torch.sigmoid(self.mix(y).transpose(-1, -2).unsqueeze(-1))


class Maxout(nn.Module):
    """The larger of two halves."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(16, 24, 3, padding=1), nn.Conv2d(12, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x)
        n, c, h, w = y.shape
        # channel i against channel i + 12: one of them can't leave alone
        return self.b(y.view(n, 2, c // 2, h, w).max(1)[0])


class Einsum(nn.Module):
    """A 1x1 convolution written as einsum, and one as matmul over flattened pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Parameter(torch.randn(12, 16)), nn.Parameter(torch.randn(16, 12))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(torch.einsum("nchw,dc->ndhw", x, self.one))
        n, c, h, w = x.shape
        return torch.matmul(self.two, x.reshape(n, c, h * w)).view(n, -1, h, w)


class SelectiveKernel(nn.Module):
    """Softmax between two branches, channel by channel."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 16), conv_bn(16, 16, 5)
        self.down, self.up = nn.Linear(16, 8), nn.ModuleList([nn.Linear(8, 16), nn.Linear(8, 16)])

    def forward(self, x: Tensor) -> Tensor:
        parts = torch.stack([self.a(x), self.b(x)], 1)
        squeezed = F.relu(self.down(parts.sum(1).mean((-1, -2))))
        gates = torch.softmax(torch.stack([up(squeezed) for up in self.up], 1), dim=1)
        return (parts * gates[..., None, None]).sum(1)


class NonLocal(nn.Module):
    """Pixels attend to pixels; scores are sums over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Conv2d(16, 8, 1) for _ in range(3))
        self.out = nn.Conv2d(8, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        # a channel of q and the same one of k leave together; those of v are a group of their own
        q, k, v = (f(x).flatten(2) for f in (self.q, self.k, self.v))
        scores = torch.softmax(torch.bmm(q.transpose(1, 2), k), dim=-1)
        y = torch.bmm(v, scores.transpose(1, 2)).view(n, -1, h, w)
        return x + self.out(y)


class GlobalContext(nn.Module):
    """One attention map pools the pixels; its context is added everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.mask, self.down, self.up = (
            nn.Conv2d(16, 1, 1),
            nn.Conv2d(16, 6, 1),
            nn.Conv2d(6, 16, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        weights = self.mask(x).view(n, 1, h * w).softmax(2).unsqueeze(-1)
        context = torch.matmul(x.view(n, 1, c, h * w), weights).view(n, c, 1, 1)
        return x + self.up(F.relu(self.down(context)))


class CosineHead(nn.Module):
    """Features of unit length before the classifier: zeros don't lengthen them."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 24), nn.Conv2d(24, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(F.normalize(self.a(x), dim=1))


class BilinearPool(nn.Module):
    """Products of all pairs of channels, flattened."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.out = conv_bn(16, 6), conv_bn(16, 4), nn.Linear(24, 16)

    def forward(self, x: Tensor) -> Tensor:
        # two channel axes are merged into one, so neither of both layers is cut
        pairs = torch.einsum("nchw,ndhw->ncd", self.a(x), self.b(x))
        return self.out(pairs.flatten(1))[:, :, None, None]


class ChannelMean(nn.Module):
    """The mean over channels is subtracted: it counts them, so they stay."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 12), conv_bn(12, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return self.b(x - x.mean(dim=1, keepdim=True))


class ChannelCount(nn.Module):
    """A scale computed from the number of channels, which a cut would change."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(16, 12), conv_bn(12, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        return self.b(x * x.shape[1] ** -0.5)


class Involution(nn.Module):
    """Unfolded pixels weighted by a kernel that other pixels make."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.kernel, self.b = conv_bn(16, 12), nn.Conv2d(12, 9, 1), conv_bn(12, 16)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        n, c, h, w = x.shape
        pixels = F.unfold(x, 3, padding=1).view(n, c, 9, h, w)  # nine neighbours of each pixel
        return self.b((pixels * self.kernel(x).unsqueeze(1)).sum(dim=2))


_KINDS: Dict[str, Callable[[], nn.Module]] = {
    "se_linear": SeLinear,
    "se_conv": SeConv,
    "cbam_spatial": CbamSpatial,
    "spatial_gate": SpatialGate,
    "eca": Eca,
    "maxout": Maxout,
    "einsum": Einsum,
    "selective_kernel": SelectiveKernel,
    "non_local": NonLocal,
    "global_context": GlobalContext,
    "cosine_features": CosineHead,
    "bilinear_pool": BilinearPool,
    "channel_mean": ChannelMean,
    "channel_count": ChannelCount,
    "involution": Involution,
}
NETS = {name: middle(kind) for name, kind in _KINDS.items()}
