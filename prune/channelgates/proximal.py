"""Scales of channels that an accelerated proximal gradient method drives to exactly 0.

Sparse structure selection (Huang & Wang, 2018, arXiv:1707.01213): with scales s, their gradient g,
a velocity v, the rate eta and the strength of the L1 term,

    z = soft(s - eta g, eta strength);  v = z - s + mu v;  s = z + mu v, and never below 0

where soft(x, a) = sign(x) max(|x| - a, 0). As in the authors' code the velocity keeps what the
bound at 0 took from the scale.
"""

from typing import Dict, Tuple

import torch
from torch import Tensor, nn

from edgejoule.prune.channelgates.hanging import across


class Scale(nn.Module):
    """A factor per channel, 1 at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.ones(channels))

    def forward(self, output: Tensor) -> Tensor:
        """The output [n, channels, ...] times the factors."""
        return output * across(self.factors, output)


def stepped(
    scales: Tensor,
    gradient: Tensor,
    velocity: Tensor,
    rate: float,
    momentum: float,
    strength: float,
) -> Tuple[Tensor, Tensor]:
    """(scales, velocity) [channels] after one step."""
    moved = scales - rate * gradient
    soft = moved.sign() * (moved.abs() - rate * strength).clamp(min=0)
    velocity = soft - scales + momentum * velocity
    return (soft + momentum * velocity).clamp(min=0), velocity


class ProximalSteps:
    """Moves the scales of gates; runs where a penalty runs, between backward pass and step."""

    def __init__(
        self, gates: Dict[str, Scale], rate: float, momentum: float, strength: float
    ) -> None:
        self._gates, self._chosen = gates, (rate, momentum, strength)
        self._velocity: Dict[str, Tensor] = {}

    def __call__(self, model: nn.Module) -> None:
        """One step of every gate, by the gradient that the backward pass left."""
        for name, gate in self._gates.items():
            gradient = gate.factors.grad
            # the trainer's optimiser leaves alone what has no gradient, its weight decay too
            gate.factors.grad = None
            # with float16 a step whose gradients overflowed is left out
            if gradient is None or not bool(torch.isfinite(gradient).all()):
                continue
            velocity = self._velocity.get(name)
            velocity = torch.zeros_like(gradient) if velocity is None else velocity
            with torch.no_grad():
                found, self._velocity[name] = stepped(
                    gate.factors, gradient, velocity, *self._chosen
                )
                gate.factors.copy_(found)
