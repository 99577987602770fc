"""Scales of batch norms that are drawn by chance, with a mean and a deviation that are learned.

Variational pruning (Zhao et al., 2019, "Variational Convolutional Neural Network Pruning", CVPR).
A norm is written y = gamma (x + shift), x the normalised input, so that gamma alone can close a
channel; gamma is drawn from N(mu, sigma^2), once per channel and batch, and mu in evaluation. The
loss has the term tau * KL(q, p). With the tied prior p = N(0, sigma^2) and with a fixed one
p = N(0, s^2), the divergences per channel are

    mu^2 / (2 sigma^2)        and        ln(s / sigma) + (sigma^2 + mu^2) / (2 s^2) - 1/2

An unofficial implementation of the layer returns the first with the wrong sign; it is added here.
"""

from typing import Callable, Dict, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgejoule.prune.channelgates.hanging import across

FLOOR = 1e-4  # no deviation falls below: the tied divergence has it in a denominator
SMALL_GAMMA = 1e-3  # a shift is beta divided by gamma, or by this where gamma is smaller

Draw = Callable[[int], Tensor]  # n numbers drawn from N(0, 1) [n]


class Gaussian(nn.Module):
    """The gate of one norm: draws gamma. It takes gamma and beta out of the norm.

    Args:
        norm: the norm, which only normalises from now on.
        draw: where chance comes from.
    """

    def __init__(self, norm: _BatchNorm, draw: Draw) -> None:
        super().__init__()
        gamma, beta = norm.weight.detach().clone(), norm.bias.detach().clone()
        sign = torch.where(gamma < 0, -torch.ones_like(gamma), torch.ones_like(gamma))
        shift = beta / (sign * gamma.abs().clamp(min=SMALL_GAMMA))
        # a tenth of gamma: enough noise to tell channels apart, too little to undo the training
        log_variance = 2 * (0.1 * gamma.abs()).clamp(min=FLOOR).log()
        self.mean, self.shift = nn.Parameter(gamma), nn.Parameter(shift)
        self.log_variance = nn.Parameter(log_variance)
        self.kept: Tensor
        self.register_buffer("kept", torch.ones_like(gamma, dtype=torch.bool))
        self._draw = draw
        with torch.no_grad():
            norm.weight.fill_(1)
            norm.bias.fill_(0)

    @property
    def deviation(self) -> Tensor:
        """sigma of each channel [channels]."""
        return (self.log_variance / 2).exp()

    def forward(self, output: Tensor) -> Tensor:
        """gamma (x + shift) for normalised x [n, channels, ...]; gamma is mu in evaluation."""
        gamma: Tensor = self.mean
        if self.training:
            gamma = gamma + self.deviation * self._draw(len(gamma)).to(gamma)
        gamma = gamma * self.kept
        return (output + across(self.shift, output)) * across(gamma, output)

    def give_back(self, norm: _BatchNorm) -> None:
        """Puts mu and mu times shift into gamma and beta of the norm; 0 for closed channels."""
        with torch.no_grad():
            norm.weight.copy_(self.mean * self.kept)
            norm.bias.copy_(self.mean * self.shift * self.kept)


def divergence(mean: Tensor, variance: Tensor, prior: Optional[float]) -> Tensor:
    """KL per channel [channels]; `prior` is the fixed deviation s, None for the tied prior."""
    if prior is None:
        return mean**2 / (2 * variance)
    ratio = prior**2 / variance
    return ratio.log() / 2 + (variance + mean**2) / (2 * prior**2) - 0.5


def slopes(mean: Tensor, variance: Tensor, prior: Optional[float]) -> Tuple[Tensor, Tensor]:
    """Derivatives of `divergence` with respect to mu and to ln sigma^2 [channels]."""
    if prior is None:
        return mean / variance, -(mean**2) / (2 * variance)
    return mean / prior**2, variance / (2 * prior**2) - 0.5


def small(mean: Tensor, deviation: Tensor, least_mean: float, least_deviation: float) -> Tensor:
    """Which channels are near 0 and sure of it, bool [channels]."""
    return (mean.abs() < least_mean) & (deviation < least_deviation)


class Divergence:
    """Adds the gradient of tau * KL; runs where a penalty runs."""

    def __init__(
        self,
        gates: Dict[str, Gaussian],
        norms: Dict[str, _BatchNorm],
        strength: float,
        prior: Optional[float],
    ) -> None:
        self._gates, self._norms, self._strength, self._prior = gates, norms, strength, prior

    def __call__(self, model: nn.Module) -> None:
        """The gates' shares; the norms themselves keep still."""
        for name, gate in self._gates.items():
            # without a gradient the optimiser, and its weight decay, leave them at 1 and 0
            self._norms[name].weight.grad = self._norms[name].bias.grad = None
            with torch.no_grad():
                gate.log_variance.clamp_(min=2 * torch.tensor(FLOOR).log().item())
                found = slopes(gate.mean, gate.log_variance.exp(), self._prior)
                for tensor, slope in zip((gate.mean, gate.log_variance), found):
                    if tensor.grad is not None:
                        tensor.grad.add_(slope * gate.kept, alpha=self._strength)
