"""Norms of the slices along the input axis (seed 003: L1_S, L2_S, L-inf_S).

Everything that reads one input channel leaves together; the norm is taken over what is still
there, zeros of earlier masks included, as torch.nn.utils.prune.ln_structured(dim=1) does.
`norm` "l1", "l2", "linf" (the largest) or "-linf" (the smallest absolute weight).
"""

from torch import nn

from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "layer"
BATCHES = 0
AXIS = 1
NORMS = {"l1": 1, "l2": 2, "linf": float("inf"), "-linf": -float("inf")}


def scores(model: nn.Module, mask: WeightMask, batches: Batches, *, norm: str = "l1") -> Scores:
    """Per tensor, the norm of each input channel's slice [in channels]."""
    check(norm=norm)
    weights = {
        name: (model.get_parameter(name).detach() * flags).transpose(0, AXIS).flatten(1)
        for name, flags in mask.items()
    }
    return {name: each.norm(NORMS[norm], dim=1) for name, each in weights.items()}


def check(*, norm: str = "l1") -> None:
    """Refuses a norm that does not exist."""
    if norm not in NORMS:
        raise ValueError("no norm called {!r}; there are: {}".format(norm, ", ".join(NORMS)))
