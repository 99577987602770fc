"""Mask criteria that compare trained with initial weights (Zhou et al., 2019, arXiv:1905.01067).

With w_i before and w_f after training, `rule` says what is kept, the largest of

    magnitude_increase      |w_f| - |w_i|
    movement                |w_f - w_i|
    large_final             |w_f|, as `magnitude` has it
    small_final             -|w_f|
    large_init              |w_i|
    small_init              -|w_i|
    large_init_large_final  min(a |w_f|, |w_i|)
    small_init_small_final  -max(a |w_f|, |w_i|)

They are compared within layers. The initial weights are those before the first step, also in later
rounds and after rewinding to a later point. Deviation: a, which the paper chooses so that both
magnitudes are alike, is the ratio of their means in each tensor.
"""

from typing import Callable, Dict

import torch
from torch import Tensor, nn

from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.treatments import State
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "layer"
BATCHES = 0
AXIS = None
INITIAL = True


def scores(
    model: nn.Module,
    mask: WeightMask,
    batches: Batches,
    initial: State,
    *,
    rule: str = "magnitude_increase",
) -> Scores:
    """Per tensor, what the rule makes of the weights before and now, in its shape."""
    check(rule=rule)
    return {
        name: RULES[rule](initial[name].detach(), model.get_parameter(name).detach())
        for name in mask
    }


def flops(model: nn.Module, mask: WeightMask, batches: Batches, *, rule: str = "") -> int:
    """FLOPs of one scoring: at most an absolute value each and a subtraction per weight."""
    return 3 * mask.weights


def check(*, rule: str = "magnitude_increase") -> None:
    """Refuses a rule that does not exist."""
    if rule not in RULES:
        raise ValueError("no rule called {!r}; there are: {}".format(rule, ", ".join(RULES)))


def _alike(before: Tensor, now: Tensor) -> Tensor:
    """|w_f| on the scale of |w_i|."""
    mean = now.abs().mean()
    return now.abs() * (before.abs().mean() / mean) if mean else now.abs()


RULES: Dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "magnitude_increase": lambda before, now: now.abs() - before.abs(),
    "movement": lambda before, now: (now - before).abs(),
    "large_final": lambda before, now: now.abs(),
    "small_final": lambda before, now: -now.abs(),
    "large_init": lambda before, now: before.abs(),
    "small_init": lambda before, now: -before.abs(),
    "large_init_large_final": lambda before, now: torch.min(_alike(before, now), before.abs()),
    "small_init_small_final": lambda before, now: -torch.max(_alike(before, now), before.abs()),
}
