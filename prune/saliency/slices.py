"""Norms of the slices along the input axis (seed 003: L1_S, L2_S, L-inf_S).

Everything that reads one input channel leaves together; the norm is taken over what is still
there, zeros of earlier masks included, as torch.nn.utils.prune.ln_structured(dim=1) does.
`norm` "l1", "l2", "linf" (the largest) or "-linf" (the smallest absolute weight).
"""

from edgejoule.prune.groups import tensor_of

SCOPE = "layer"
BATCHES = 0
AXIS = 1
NORMS = {"l1": 1, "l2": 2, "linf": float("inf"), "-linf": -float("inf")}


def scores(model, mask, batches, *, norm="l1"):
    """Per tensor, the norm of each input channel's slice [in channels]."""
    check(norm=norm)
    weights = {
        name: (tensor_of(model, name).detach() * flags).transpose(0, AXIS).flatten(1)
        for name, flags in mask.items()
    }
    return {name: each.norm(NORMS[norm], dim=1) for name, each in weights.items()}


def check(*, norm="l1"):
    """Refuses a norm that does not exist."""
    if norm not in NORMS:
        raise ValueError("no norm called {!r}; there are: {}".format(norm, ", ".join(NORMS)))
