"""The hard concrete distribution, and networks whose channels have gates drawn from it.

Louizos et al., 2018 (arXiv:1712.01312, equations 10 to 13): with u uniform in (0, 1),

    s = sigmoid((log u - log(1 - u) + log alpha) / beta)
    z = clip(s (zeta - gamma) + gamma, 0, 1)

which is 0 and 1 with probabilities above 0; beta is 2/3, gamma -0.1 and zeta 1.1 there.
"""

import math
from typing import List, Sequence

import torch
from torch import Tensor, nn

from edgejoule.prune.gates import readers
from edgejoule.prune.gates.readers import Reader

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1  # section 4 of the paper
LEAST, MOST = math.log(1e-2), math.log(1e2)  # of log alpha: the authors' code holds it there
SPREAD = 0.01  # standard deviation of log alpha at the start, from the authors' code


def sample(log_alpha: Tensor, uniform: Tensor) -> Tensor:
    """Gates z in [0, 1] from numbers that are uniform in (0, 1), both of one shape."""
    logit = uniform.log() - (1 - uniform).log()
    return _stretched(torch.sigmoid((logit + log_alpha) / BETA))


def settled(log_alpha: Tensor) -> Tensor:
    """The gates without chance, as a trained network has them (equation 13)."""
    return _stretched(torch.sigmoid(log_alpha))


def open_probability(log_alpha: Tensor) -> Tensor:
    """P(z != 0), in closed form (equation 12)."""
    return torch.sigmoid(log_alpha - BETA * math.log(-GAMMA / ZETA))


def log_alpha_of(drop: float) -> float:
    """The log alpha of which the concrete variable lies below one half with probability `drop`."""
    return math.log(1 - drop) - math.log(drop)


def _stretched(s: Tensor) -> Tensor:
    return (s * (ZETA - GAMMA) + GAMMA).clamp(0, 1)


class Gated(nn.Module):
    """A network in front of whose readers every channel of a group is multiplied by its gate.

    In training the gates are drawn anew for every pass, one for a channel and all images of it; in
    eval mode they are settled. `log_alphas` [channels] by group are trained like all parameters.

    Args:
        network: is trained in place; its layers keep their names within it.
        sites: the readers of each group.
        sizes: the number of channels of each group.
        drop: the chance of a gate, before its stretch, to lie below one half at the start.
        seed: of the gates.
    """

    def __init__(
        self,
        network: nn.Module,
        sites: Sequence[Sequence[Reader]],
        sizes: Sequence[int],
        drop: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.network, self._sites = network, sites
        # drawn on the CPU: a GPU's generator gives other numbers for the same seed
        chance, like = torch.Generator().manual_seed(seed), next(network.parameters())
        starts = [log_alpha_of(drop) + SPREAD * torch.randn(n, generator=chance) for n in sizes]
        self.log_alphas = nn.ParameterList([nn.Parameter(each.to(like)) for each in starts])
        self._chance = chance.get_state()  # not the generator: torch 1.10 cannot copy one

    def forward(self, x: Tensor) -> Tensor:
        """The network's answers to x [n, ...] through gates drawn now, or settled in eval mode."""
        with readers.read_through(self.network, self._sites, self.gates(), torch.mul):
            return self.network(x)

    def gates(self) -> List[Tensor]:
        """z [channels] by group: drawn anew in training, settled in eval mode."""
        if not self.training:
            return [settled(each) for each in self.log_alphas]
        self.hold()
        return [sample(each, u) for each, u in zip(self.log_alphas, self._drawn())]

    def hold(self) -> None:
        """Brings every log alpha back between LEAST and MOST."""
        with torch.no_grad():
            for each in self.log_alphas:
                each.clamp_(LEAST, MOST)

    def penalise(self, strengths: Sequence[float]) -> None:
        """Adds the gradient of sum strength * P(z != 0) to the log alphas' gradients.

        `strengths` are by group, of one channel each.
        """
        for each, strength in zip(self.log_alphas, strengths):
            likely = open_probability(each.detach())
            slope = strength * likely * (1 - likely)
            each.grad = slope if each.grad is None else each.grad.add_(slope)

    def folded(self) -> nn.Module:
        """The network itself, its readers' weights multiplied by the settled gates."""
        self.hold()
        readers.fold(
            self.network, self._sites, [settled(each.detach()) for each in self.log_alphas]
        )
        return self.network

    def _drawn(self) -> List[Tensor]:
        """New numbers [channels] by group, uniform in (0, 1)."""
        chance = torch.Generator()
        chance.set_state(self._chance)
        found = [torch.rand(each.shape, generator=chance) for each in self.log_alphas]
        self._chance = chance.get_state()
        least = torch.finfo(torch.float32).eps  # the logarithm of 0 is infinite
        pairs = zip(found, self.log_alphas)
        return [drawn.clamp(least, 1 - least).to(each) for drawn, each in pairs]
