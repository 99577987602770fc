"""Polarization of batch norm scales (Zhuang et al., 2020, NeurIPS, eq. 2): to 0 or to the bound.

R_s = t sum |g_i| - sum |g_i - mean(g)|, with the mean over the scales of all layers and every scale
held in [0, 1]. L1 alone shrinks all scales; the second term pushes them off their common mean, so
at the minimum a share 1/2 - t/4 of them is 1 and the others are 0. The authors' settings on CIFAR:
ResNet-56 `strength` 5e-5 and `t` 1.4, VGG-16 3e-5 and 1.5; on ImageNet ResNet-50 8e-5 and 1.2,
MobileNetV2 2.5e-5 and 1. `gammas` "groups" takes the scales whose channels may leave, "all" every
batch norm.

Deviations: scales are brought back to [0, 1] when the next gradient comes, so that one pass sees
what the last step did; they start where the model has them (the authors start at 0.5). The variant
weighted by FLOPs is not here.
"""

from typing import List, Sequence, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgejoule.prune.groups import Group, norm_paths

BOUND = 1.0  # `a` in the paper
GAMMAS = ("groups", "all")


def penalty(
    model: nn.Module,
    groups: Sequence[Group],
    *,
    strength: float = 5e-5,
    t: float = 1.2,
    gammas: str = "groups",
) -> None:
    """Holds the scales in [0, 1] and adds the subgradient of strength * R_s to their gradients.

    Raises:
        ValueError: there is no scale to act on.
    """
    found = [each for each in _scales(model, groups, gammas) if each.grad is not None]
    if not found:
        raise ValueError(
            "polarization with gammas={!r} found no batch norm scale that is trained; choose "
            "another regularizer{}".format(gammas, " or gammas='all'" * (gammas == "groups"))
        )
    with torch.no_grad():
        for scale in found:
            scale.clamp_(0, BOUND)
        pulls = subgradient(torch.cat([scale.flatten() for scale in found]), t)
    for scale, pull in zip(found, pulls.split([scale.numel() for scale in found])):
        cast(Tensor, scale.grad).add_(pull.view_as(scale), alpha=strength)


def subgradient(scales: Tensor, t: float) -> Tensor:
    """That of R_s at scales [n], the mean's own share included; the sign of 0 counts as 0."""
    away = (scales - scales.mean()).sign()
    return t * scales.sign() - away + away.mean()


def check(*, strength: float = 5e-5, t: float = 1.2, gammas: str = "groups") -> None:
    """Refuses a push, a t at which the minimum is no longer at both ends, unknown gammas."""
    if not strength >= 0:
        raise ValueError("strength={!r}; a pull starts at 0".format(strength))
    if not -2 < t < 2:
        raise ValueError("t={!r}; between -2 and 2 there are scales at both ends".format(t))
    if gammas not in GAMMAS:
        raise ValueError("no gammas called {!r}; there are: {}".format(gammas, ", ".join(GAMMAS)))


def _scales(model: nn.Module, groups: Sequence[Group], gammas: str) -> List[Tensor]:
    if gammas == "all":
        norms = [each for each in model.modules() if isinstance(each, _BatchNorm)]
    else:
        paths = sorted({path for group in groups for path in norm_paths(model, group)})
        norms = [cast(_BatchNorm, model.get_submodule(path)) for path in paths]
    return [norm.weight for norm in norms if norm.weight is not None]
