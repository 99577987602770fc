"""Spline pruning across layers: filters of all layers reduced to a common dimension first.

Max-affine spline insights (2021), section 3.3: filter sizes differ between layers, so PCA (or
factor analysis) reduces every layer's slopes to the same dimension before eq. 2 compares them.
Decisions where the paper is silent: one reduction per layer; the dimension is the smallest number
of filters or of weights per filter of any layer; `pool` "within" compares pairs inside layers and
removes the closest pairs of all layers, "cross" compares all pairs of all layers (their cost is
the one that the paper quotes for ResNet-50) and takes the unit from the layer whose units lie
nearer to each other, measured by the mean distance to the nearest neighbour. Where several layers
write to a channel its slopes stand side by side and its biases are averaged.
"""

from typing import Callable, List, Optional

import numpy as np
import torch

from edgejoule.prune.scoring import greedy, spline_order
from edgejoule.prune.scoring.hyperplanes import Planes, neurons

POOLS = ("within", "cross")


def scores(model, groups, rule, reduce: Callable, pool: str, components: Optional[int]):
    """Per group with units, ranks in the removal order over all layers [channels], float64."""
    check(rule, pool)
    found = spline_order.judged(model, groups)
    d = dimension(model, found, components)
    layers = [_reduced(layer, reduce, d) for layer in spline_order.layers(model, found, rule)]
    merge = spline_order.within if pool == "within" else _cross
    return {group.name: rank for group, rank in zip(found, merge(layers, rule))}


def check(rule, pool: str) -> None:
    """Refuses rules and pools that do not exist."""
    spline_order.check(rule)
    if pool not in POOLS:
        raise ValueError(
            "spline: no pool called {!r}; there are: {}".format(pool, ", ".join(POOLS))
        )


def dimension(model, groups, components: Optional[int] = None) -> int:
    """The common dimension: given, or the largest that every layer can be reduced to."""
    limits = {group.name: min(group.channels, _width(model, group)) for group in groups}
    if not limits:
        return 0
    least = min(limits, key=limits.get)
    if components is None:
        return limits[least]
    if not 1 <= components <= limits[least]:
        raise ValueError(
            "spline: components={!r}; layer {} allows 1 to {}".format(
                components, least, limits[least]
            )
        )
    return components


def flops(model, groups, pool: str = "within", components: Optional[int] = None) -> int:
    """FLOPs of one scoring: a thin SVD per layer at its leading order, and the comparisons."""
    found = spline_order.judged(model, groups)
    shapes = [(group.channels, _width(model, group)) for group in found]
    sizes = [rows for rows, _ in shapes]
    pools = sizes if pool == "within" else [sum(sizes)] + sizes
    compared = dimension(model, found, components) * sum(greedy.comparisons(n) for n in pools)
    return 2 * (compared + sum(rows * columns * min(rows, columns) for rows, columns in shapes))


def _width(model, group) -> int:
    return sum(rows.shape[1] for _, rows in neurons(model, group))


def _reduced(layer, reduce: Callable, d: int):
    """The layer with slopes of dimension `d`; the true sizes still say who is smaller."""
    slopes = torch.cat([each.slopes for each in layer.planes], 1)
    biases = torch.stack([each.biases for each in layer.planes]).mean(0)
    rows = np.asarray(reduce(slopes.cpu().numpy(), d), dtype=np.float64)
    return layer._replace(planes=[Planes(torch.from_numpy(rows).to(slopes), biases)])


def _cross(layers: List, rule):
    """Ranks of one greedy removal among the living units of all layers."""
    planes = [
        Planes(
            torch.cat([layer.planes[0].slopes for layer in layers]),
            torch.cat([layer.planes[0].biases for layer in layers]),
        )
    ]
    sizes = torch.cat([layer.sizes for layer in layers])
    everyone = spline_order.Layer(planes, sizes)
    homes = np.repeat(np.arange(len(layers)), [len(layer.sizes) for layer in layers])
    order, gaps = spline_order.ordered(everyone, rule, _homely(layers, rule, homes))
    place = np.empty(len(order))
    place[order] = np.arange(len(order))
    return [torch.from_numpy(place[homes == home]) for home in range(len(layers))]


def _homely(layers, rule, homes):
    """Worth of every unit: first its layer's looseness, then what the rule says inside it."""
    looseness, inside = [], []
    for layer in layers:
        gaps = greedy.nearest(spline_order.among(layer, rule), len(layer.sizes))
        looseness.append(gaps.mean())
        inside.append(spline_order.worth(layer, rule))
    _, inside = np.unique(np.concatenate(inside), return_inverse=True)
    _, looseness = np.unique(looseness, return_inverse=True)
    return looseness[homes] * len(homes) + inside
