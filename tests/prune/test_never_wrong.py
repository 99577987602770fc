"""Forwards made to fool a tracer: each is cut exactly, left whole or refused, never cut wrong."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from edgejoule.bench.zoo.examination import cut, parity_of
from edgejoule.bench.zoo.net import awake
from edgejoule.prune import grouping


@torch.jit.script
def scripted_mean(x):
    return x.mean(1, keepdim=True)


@torch.jit.script
def scripted_flip(x):
    return x.flip(1)


def unseen_mean(net, x):
    with torch.no_grad():
        return x + scripted_mean(x)


def unseen_flip(net, x):
    with torch.no_grad():
        return scripted_flip(x)


def written_data(net, x):
    weight = net.spare.weight
    weight.data.add_(1.0)
    try:
        return F.conv2d(x, weight, net.spare.bias)
    finally:
        weight.data.sub_(1.0)


def written_out(net, x):
    y = torch.empty_like(x)
    with torch.no_grad():
        torch.add(x, 1.0, out=y)
    return y + x


def filled_slice(net, x):
    x = x.clone()
    x[:, :3].fill_(0.5)
    return x


def copied_slice(net, x):
    x = x.clone()
    x[:, 2:5].copy_(x[:, 5:8])
    return x


def scattered(net, x):
    return x.index_fill(1, torch.tensor([1, 4]), 0.3)


def walked(net, x):
    return torch.stack([x[:, i] * (i + 1) for i in range(x.shape[1])], 1)


def grown(net, x):
    for _ in range(x.shape[1] // 4):
        x = torch.relu(x * 0.9)
    return x


def branched(net, x):
    return torch.relu(x) if x.shape[1] == 8 else torch.sigmoid(x)


def numpied(net, x):
    return torch.from_numpy(np.array(x.detach().cpu().numpy())[:, ::-1].copy()) + x


def aliased(net, x):
    return net.hidden_list[0](x)


def viewed_wrong(net, x):
    n, c, h, w = x.shape
    return x.reshape(n, h, w, c).permute(0, 3, 1, 2)


def interleaved(net, x):
    n, c, h, w = x.shape
    return x.view(n, c // 2, 2, h, w).flip(2).reshape(n, c, h, w)


def mixed_tokens(net, x):
    y = x.flatten(2)
    return torch.bmm(torch.bmm(y, y.transpose(1, 2)).softmax(-1), y).view_as(x)


def nonzero_product(net, x):
    y = torch.sigmoid(x).flatten(2)
    return torch.bmm(y.transpose(1, 2), y).mean((1, 2)).view(-1, 1, 1, 1) + x


FORWARDS = {
    "pixels by channels": lambda net, x: x[:, :, x.shape[1] // 4 : x.shape[1] // 4 + 3],
    "one pixel by channels": lambda net, x: x.select(3, x.shape[1] // 4).unsqueeze(3),
    "narrowed by channels": lambda net, x: x.narrow(2, x.shape[1] // 4, 2),
    "padded with channels": lambda net, x: F.pad(x, (1, 1), value=x.shape[1] / 8),
    "shifted padding": lambda net, x: F.pad(x, (x.shape[1] // 4, 4 - x.shape[1] // 4)),
    "rolled by channels": lambda net, x: torch.roll(x, x.shape[1] // 4, 2),
    "scaled by channels": lambda net, x: x / x.shape[1],
    "scaled by a tensor": lambda net, x: x * torch.tensor(float(x.shape[1])),
    "scaled by numel": lambda net, x: x * (1.0 / x[0, :, 0, 0].numel()),
    "numbered channels": lambda net, x: x * torch.arange(x.shape[1]).to(x).view(1, -1, 1, 1),
    "unseen mean": unseen_mean,
    "unseen flip": unseen_flip,
    "written data": written_data,
    "written out": written_out,
    "filled slice": filled_slice,
    "copied slice": copied_slice,
    "scattered": scattered,
    "walked": walked,
    "grown": grown,
    "branched": branched,
    "numpied": numpied,
    "aliased": aliased,
    "viewed wrong": viewed_wrong,
    "interleaved": interleaved,
    "mixed tokens": mixed_tokens,
    "nonzero product": nonzero_product,
    "smallest norm": lambda net, x: x * torch.norm(x, -1.0, 1, keepdim=True),
    "norm": lambda net, x: x * torch.norm(x, 2, 1, keepdim=True),
    "norm after sigmoid": lambda net, x: x * torch.norm(torch.sigmoid(x), 2, 1, keepdim=True),
    "log": lambda net, x: torch.log(torch.relu(x)),
    "log of one more": lambda net, x: torch.log(torch.relu(x) + 1),
    "reciprocal": lambda net, x: 1 / x,
    "quotient": lambda net, x: x / (net.other(x) + 3),
    "quotient of channels": lambda net, x: net.other(x) / x,
    "power": lambda net, x: (x.abs() + 0.1) ** -0.5,
    "picked list": lambda net, x: x[:, [0, 2, 5, 7, 1, 3, 4, 6]],
    "picked tensor": lambda net, x: x[:, torch.tensor([7, 6, 5, 4, 3, 2, 1, 0])],
    "picked by mask": lambda net, x: x * x[:, x[0, :, 0, 0] > 0].mean(),
    "last two": lambda net, x: x * x[:, -2:].sum(1, keepdim=True),
    "every other": lambda net, x: torch.cat([x[:, ::2], x[:, 1::2]], 1),
    "rolled channels": lambda net, x: x + torch.roll(x, 1, 1),
    "sorted": lambda net, x: x + x.sort(1)[0],
    "largest": lambda net, x: x + x.topk(2, 1)[0].sum(1, keepdim=True),
    "argmax": lambda net, x: x + x.argmax(1, keepdim=True).to(x),
    "cumulated": lambda net, x: x.cumsum(1),
    "softmax": lambda net, x: x.softmax(1),
    "variance": lambda net, x: x - x.var(1, keepdim=True),
    "maximum": lambda net, x: x - torch.relu(x).max(1, keepdim=True)[0],
    "sum": lambda net, x: x - x.sum(1, keepdim=True),
    "sum of sigmoids": lambda net, x: x - torch.sigmoid(x).sum(1, keepdim=True),
    "gathered": lambda net, x: x.gather(1, torch.zeros(len(x), 8, 8, 8).long()) + x,
    "where": lambda net, x: torch.where(x > 0, x, x * 0.1 + 0.2),
    "masked": lambda net, x: x.masked_fill(x < 0, 0.7),
    "strided": lambda net, x: (
        torch.as_strided(x.contiguous(), (len(x), 8, 8, 8), (512, 64, 8, 1)) + x
    ),
    "unfolded": lambda net, x: F.unfold(x, 3, padding=1).view(len(x), -1, 9, 8, 8)[:, :, 4],
    "folded": lambda net, x: F.fold(F.unfold(x, 2, stride=2), 8, 2, stride=2),
    "fixed groups": lambda net, x: F.conv2d(x, net.deep, groups=8),
    "own groups": lambda net, x: F.conv2d(x, net.deep, groups=x.shape[1]),
    "expanded": lambda net, x: x.mean(1, keepdim=True).expand(-1, 8, -1, -1) * x,
    "repeated": lambda net, x: x + x[:, :1].repeat(1, 8, 1, 1),
    "cosine": lambda net, x: x * F.cosine_similarity(x, x + 1, dim=1).unsqueeze(1),
    "transposed": lambda net, x: x.transpose(1, 2),
    "three chunks": lambda net, x: torch.cat(x.chunk(3, 1)[::-1], 1),
    "two chunks turned": lambda net, x: torch.cat(x.chunk(2, 1)[::-1], 1),
    "squeezed": lambda net, x: x.mean((2, 3), keepdim=True).squeeze().view(len(x), -1, 1, 1) * x,
    "table of one": lambda net, x: x + torch.ones(1).to(x)[x.argmax(1, keepdim=True) * 0],
    "outer": lambda net, x: torch.einsum("nchw,ndhw->ncdhw", x, x).sum(2),
    "prelu": lambda net, x: F.prelu(x, net.slopes),
    "instance norm": lambda net, x: F.instance_norm(x),
    "layer norm": lambda net, x: F.layer_norm(x, x.shape[1:]),
    "shuffled": lambda net, x: x[:, torch.randperm(8, generator=torch.Generator().manual_seed(1))],
}


class Fooling(nn.Module):
    """stem -> the forward in question -> a convolution of whatever comes out -> head."""

    def __init__(self, forward):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.other, self.spare = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
        self.deep, self.slopes = nn.Parameter(torch.randn(8, 1, 1, 1)), nn.Parameter(torch.rand(8))
        self.hidden_list = [nn.Conv2d(8, 8, 1).double()]
        self.tail, self.fc = nn.Conv2d(8, 6, 1), nn.Linear(6, 3)
        self.way = forward

    def forward(self, x):
        y = self.way(self, self.stem(x))
        return self.fc(self.tail(y).mean((2, 3)))


@pytest.mark.parametrize("name", sorted(FORWARDS))
def test_cut_exactly_or_not_at_all(name):
    torch.manual_seed(0)
    model, x = awake(Fooling(FORWARDS[name])).double().eval(), torch.randn(2, 3, 8, 8).double()
    assert model(x).shape == (2, 3)
    found = grouping.find(model, x)
    for ratio in (0.3, 0.5, 0.8):
        try:
            case = cut(model, x, found, ratio, "random")
        except RuntimeError as refusal:
            assert "the cut is refused" in str(refusal)
            continue
        assert parity_of(case, x, (False,)) < 1e-10


EXACT = (
    "own groups",
    "norm",
    "sum",
    "log of one more",
    "two chunks turned",
    "where",
    "prelu",
    "instance norm",
    "quotient",
    "unfolded",
    "interleaved",
    "outer",
)


@pytest.mark.parametrize("name", EXACT)
def test_what_can_be_cut_is(name):
    model, x = awake(Fooling(FORWARDS[name])).double(), torch.randn(2, 3, 8, 8).double()
    made = {unit.producer for group in grouping.find(model, x) for unit in group.units}
    assert "stem.0" in made
