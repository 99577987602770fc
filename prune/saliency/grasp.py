"""Gradient signal preservation (GraSP; Wang, Zhang & Grosse, 2020, arXiv:2002.07376): w * Hg.

What leaves first is what raises the gradient flow ||g||^2 most when it is removed, that is the
highest -w * Hg (eq. 8); so w * Hg is what to keep. The paper's text says "removing the bottom p
fraction" of -w * Hg, but its own preceding sentence and its code have it as here; SNIP-it's code
keeps the opposite set. `prune.scoring.gradient_flow` computes Hg: `per_class` images of every
class, in two halves, logits divided by `temperature`.

`classifier` "xavier" draws the weights of linear layers anew (normal, Glorot) on a copy before
scoring, as the authors' code does and the paper does not say; "kept" scores them as they are.
Scores are divided by |their sum|, which changes no ranking. Deviations: batches are drawn by
chance, so a class may have fewer images than asked (`notes`); both halves have all classes.
"""

from typing import Any, List

import torch
from torch import nn

from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.scoring import gradient_flow
from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "global"
BATCHES = 10  # 1280 images at batch size 128: ten of each of ten classes for certain
AXIS = None
CLASSIFIERS = ("kept", "xavier")
TINY = 1e-10  # the authors' guard against a sum of zero


def scores(
    model: nn.Module,
    mask: WeightMask,
    batches: Batches,
    *,
    per_class: int = 10,
    temperature: float = 200.0,
    train_mode: bool = True,
    classifier: str = "kept",
) -> Scores:
    """Per tensor, w * Hg in its shape, divided by the absolute sum of all."""
    check(per_class=per_class, temperature=temperature, classifier=classifier)
    if classifier == "xavier":
        model = _redrawn(model)
    tensors = [model.get_parameter(name) for name in mask]
    parts = gradient_flow.halves(batches, per_class)
    products = gradient_flow.hessian_gradient(model, parts, tensors, temperature, train_mode)
    # float64: at temperature 200 the smallest products are below float32's range
    raw = [w.detach().double() * h.double() for w, h in zip(tensors, products)]
    total = abs(sum(float(each.sum()) for each in raw)) + TINY
    return {name: each / total for name, each in zip(mask, raw)}


def flops(
    model: nn.Module, mask: WeightMask, batches: Batches, *, per_class: int = 10, **options: Any
) -> int:
    """FLOPs of one scoring: both sweeps over the images that are used."""
    return gradient_flow.flops(model, gradient_flow.halves(batches, per_class))


def notes(
    model: nn.Module, mask: WeightMask, batches: Batches, *, per_class: int = 10, **options: Any
) -> List[str]:
    """What could not be done as asked: classes of which too few images were drawn."""
    said = gradient_flow.shortage(batches, per_class)
    return [said] if said else []


def check(
    *,
    per_class: int = 10,
    temperature: float = 200.0,
    train_mode: bool = True,
    classifier: str = "kept",
) -> None:
    """Refuses values that mean nothing."""
    if per_class < 1 or not temperature > 0:
        raise ValueError(
            "per_class={!r}, temperature={!r}; images start at 1, temperatures above 0".format(
                per_class, temperature
            )
        )
    if classifier not in CLASSIFIERS:
        raise ValueError(
            "no classifier called {!r}; there are: {}".format(classifier, ", ".join(CLASSIFIERS))
        )


def _redrawn(model: nn.Module) -> nn.Module:
    """A copy with the weights of its linear layers drawn anew, by the run's seed alone."""
    twin = duplicate(model)
    with torch.random.fork_rng([]):
        torch.manual_seed(torch.initial_seed())
        for layer in twin.modules():
            if isinstance(layer, nn.Linear):
                # on the CPU: a GPU's generator gives other numbers for the same seed
                drawn = nn.init.xavier_normal_(torch.empty(layer.weight.shape))
                layer.weight.data.copy_(drawn)
    return twin
