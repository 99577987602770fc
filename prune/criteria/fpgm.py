"""FPGM: filters nearest the geometric median of their layer leave (He et al., 2019, 1811.00250).

A filter near the point that has the least sum of distances to all filters can be replaced by the
others. Its score is that sum for itself, sum_j |W_i - W_j|. Layerwise.

`small` first removes a share of each layer by norm, and distances are taken among the rest, as the
authors' code does with its two rates. `distance` is "l2", "l1" or "cos" (1 - cosine). Deviations:
where several layers write to one group, their filters count as one long filter; the authors zero
the filters softly after every epoch, here a recipe cuts them.
"""

from typing import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgejoule.prune.groups import Group, filters
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "layer"
BATCHES = 0
DISTANCES = ("l2", "l1", "cos")


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    *,
    distance: str = "l2",
    small: float = 0.0,
) -> Scores:
    """Per group, the sum of each filter's distances to the others [channels].

    Those that leave by their norm have negative scores: the norm less one above the largest.
    """
    check(distance=distance, small=small)
    return {
        # float64: the sums of near duplicates differ in digits that float32 does not have
        group.name: _sums(torch.cat(filters(model, group), 1).double(), distance, small)
        for group in groups
        if group.units
    }


def check(*, distance: str = "l2", small: float = 0.0) -> None:
    """Refuses a distance that does not exist and a share outside [0, 1)."""
    if distance not in DISTANCES:
        raise ValueError(
            "no distance called {!r}; there are: {}".format(distance, ", ".join(DISTANCES))
        )
    if not 0 <= small < 1:
        raise ValueError("small={!r}; it is a share in [0, 1)".format(small))


def flops(
    model: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    *,
    distance: str = "l2",
    small: float = 0.0,
) -> int:
    """FLOPs of one scoring: a subtraction, a product and a sum per weight and pair of filters."""
    return sum(3 * (len(rows) - 1) * rows.numel() for g in groups for rows in filters(model, g))


def _sums(rows: Tensor, distance: str, small: float) -> Tensor:
    """The scores of one layer's filters [channels, d]."""
    norms = rows.norm(p=1 if distance == "l1" else 2, dim=1)
    first = int(small * len(rows) + 1e-9)
    gone = norms.argsort()[:first] if first else norms.new_zeros(0, dtype=torch.long)
    kept = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
    kept[gone] = False
    found = norms - norms.max() - 1
    found[kept] = _distances(rows[kept], distance).sum(1)
    return found


def _distances(rows: Tensor, distance: str) -> Tensor:
    if distance == "cos":
        unit = functional.normalize(rows, dim=1)
        return 1 - unit @ unit.t()
    # through a matrix product the distance of equal filters would be rounding noise, not 0
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(rows, rows, p=1.0 if distance == "l1" else 2.0, compute_mode=exact)
