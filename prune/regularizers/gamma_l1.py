"""L1 on the scales of batch norms (network slimming, Liu et al., 2017, arXiv:1708.06519, eq. 1).

The subgradient strength * sign(gamma) is added to the gradients. `gammas` "all" is every batch
norm of the network, as in the authors' code; "groups" those alone whose channels may leave, which
in modes "inner" and "select" spares the gammas of residual streams. Strength 0 is training without
it. Deviation: the code knows two-dimensional batch norms only.
"""

from typing import List, Sequence, cast

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgejoule.prune.groups import Group, norm_paths

GAMMAS = ("all", "groups")


def penalty(
    model: nn.Module, groups: Sequence[Group], *, strength: float = 1e-4, gammas: str = "all"
) -> None:
    """Adds the subgradient of strength * sum |gamma| to the gradients of the gammas."""
    for norm in _norms(model, groups, gammas):
        # a norm may have no scale, or one that is frozen
        if norm.weight is not None and norm.weight.grad is not None:
            norm.weight.grad.add_(norm.weight.detach().sign(), alpha=strength)


def check(*, strength: float = 1e-4, gammas: str = "all") -> None:
    """Refuses gammas that do not exist."""
    if gammas not in GAMMAS:
        raise ValueError("no gammas called {!r}; there are: {}".format(gammas, ", ".join(GAMMAS)))


def _norms(model: nn.Module, groups: Sequence[Group], gammas: str) -> List[_BatchNorm]:
    if gammas == "all":
        return [each for each in model.modules() if isinstance(each, _BatchNorm)]
    paths = sorted({path for group in groups for path in norm_paths(model, group)})
    return [cast(_BatchNorm, model.get_submodule(path)) for path in paths]
