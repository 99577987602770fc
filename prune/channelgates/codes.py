"""Codes of channels: numbers between 0 and 1 that a layer computes and that are driven apart.

AutoPruner (Luo & Wu, 2020, arXiv:1805.08941): behind a layer's ReLU the activations are averaged
over the batch and pooled to k x k; a linear layer makes one number per channel of them, and

    v = sigmoid(alpha * number)

multiplies the channel. alpha grows while the network trains, so v ends near 0 or 1. The loss has
the term lambda (mean v - r)^2 with r the share to keep; lambda is 10, and after every `refresh`
steps 100 |r_b - r|, where r_b is the share of channels that were open (v at least 1/2) most of
the time. So the term is off while the share is right.
"""

from math import sqrt
from typing import Dict

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgejoule.prune.channelgates.hanging import across

SIDE = 4  # of the pooled map at most: the linear layer has its channels squared times side squared
FIRST_WEIGHT = 10.0  # lambda before the first refresh


class Code(nn.Module):
    """The gate of one group: one code per batch in training, the open channels otherwise.

    Args:
        shape: what the gated layer emits, [n, channels, ...].
        refresh: how many of the last codes are remembered.
        random: draws the linear layer's weights.
    """

    def __init__(self, shape: torch.Size, refresh: int, random: torch.Generator) -> None:
        super().__init__()
        channels, self._side = shape[1], min([SIDE] + list(shape[2:]))
        inputs = channels * self._side ** (len(shape) - 2)
        drawn = torch.randn(channels, inputs, generator=random)
        # of the authors' code: numbers of unit variance make logits of deviation 10 sqrt(2)
        self.weight = nn.Parameter(drawn * 10 * sqrt(2 / inputs))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.alpha = 1.0
        self.pooled = torch.zeros(0)  # what the last code was computed from [inputs]
        self.recent: Tensor
        self.register_buffer("recent", torch.ones(refresh, channels))  # all are open at first

    def forward(self, output: Tensor) -> Tensor:
        """The output [n, channels, ...] times the batch's code, or without closed channels."""
        if not self.training:
            return output * across(self.open, output)
        # after the norm, before its ReLU: a factor from 0 up may come first, pooling may not
        pooled = functional.relu(output).mean(0, keepdim=True)
        if pooled.dim() == 4:
            pooled = functional.adaptive_avg_pool2d(pooled, self._side)
        self.pooled = pooled.detach().flatten()
        code = self.code(pooled.flatten())
        self.recent.copy_(torch.cat([self.recent[1:], code.detach()[None].to(self.recent)]))
        return output * across(code, output)

    def code(self, pooled: Tensor) -> Tensor:
        """Numbers between 0 and 1 [channels] for pooled activations [inputs]."""
        number = functional.linear(pooled.to(self.weight.dtype), self.weight, self.bias)
        return torch.sigmoid(self.alpha * number)

    @property
    def mean(self) -> Tensor:
        """The mean of the last codes [channels]."""
        return self.recent.mean(0)

    @property
    def open(self) -> Tensor:
        """Which channels were open in most of the last codes, bool [channels]."""
        return (self.recent >= 0.5).to(self.recent).mean(0) >= 0.5


def weight_of(open_share: float, keep: float) -> float:
    """lambda for the share of channels that is open and the share that shall be."""
    return 100 * abs(open_share - keep)


class Balance:
    """Adds the gradient of lambda (mean v - r)^2; runs where a penalty runs.

    `keep` is r of each gate. The term moves the linear layers of the codes and nothing below them.
    """

    def __init__(self, gates: Dict[str, Code], keep: Dict[str, float], refresh: int) -> None:
        self._gates, self._keep, self._refresh, self._steps = gates, keep, refresh, 0
        self._weights = dict.fromkeys(gates, FIRST_WEIGHT)

    def __call__(self, model: nn.Module) -> None:
        """One step's share, for the activations that the last code was computed from."""
        self._steps += 1
        for name, gate in self._gates.items():
            if self._steps % self._refresh == 0:
                share = float(gate.open.float().mean())
                self._weights[name] = weight_of(share, self._keep[name])
            tensors = [gate.weight, gate.bias]
            if not self._weights[name]:
                continue
            with torch.enable_grad():
                off = gate.code(gate.pooled).mean() - self._keep[name]
                found = torch.autograd.grad(self._weights[name] * off * off, tensors)
            for tensor, gradient in zip(tensors, found):
                if tensor.grad is not None:
                    tensor.grad.add_(gradient)
