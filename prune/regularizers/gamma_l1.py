"""L1 on the scales of batch norms (network slimming, Liu et al., 2017, arXiv:1708.06519, eq. 1).

As in the authors' code, the subgradient strength * sign(gamma) is added to the gradient of every
gamma that a group owns. Strength 0 is training without it.
"""

from typing import Sequence

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgejoule.prune.groups import Group


def penalty(model: nn.Module, groups: Sequence[Group], *, strength: float = 1e-4) -> None:
    """Adds the subgradient of strength * sum |gamma| to the gradients of the groups' gammas."""
    for name in sorted({each.tensor for group in groups for each in group.slices}):
        owner, _, last = name.rpartition(".")
        module = model.get_submodule(owner)
        if last == "weight" and isinstance(module, _BatchNorm) and module.weight.grad is not None:
            module.weight.grad.add_(module.weight.detach().sign(), alpha=strength)
