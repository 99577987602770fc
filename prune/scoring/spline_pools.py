"""Spline pruning across layers: filters of all layers reduced to a common dimension first.

Max-affine spline insights (2021), section 3.3: filter sizes differ between layers, so PCA (or
factor analysis) reduces every layer's slopes to the same dimension before eq. 2 compares them.
Decisions where the paper is silent: one reduction per layer; the dimension is the smallest number
of filters or of weights per filter of any layer. `pool` "within" compares pairs inside layers and
removes the closest pairs of all layers. "cross" compares all pairs of all layers, at the cost that
the paper quotes for ResNet-50, and of a pair from two layers removes the unit whose layer is the
denser one: the mean distance of its units to their nearest neighbours is smaller. Where several
layers write to a channel its slopes stand side by side and its biases are averaged.
"""

from typing import Callable, List, Optional, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from edgejoule.prune.groups import Group
from edgejoule.prune.scoring import greedy, spline_order
from edgejoule.prune.scoring.hyperplanes import Planes, neurons
from edgejoule.prune.scoring.spline_order import Layer, Rule
from edgejoule.prune.trainer import Scores

POOLS = ("within", "cross")

Reduction = Callable[[np.ndarray, int], np.ndarray]  # from rows [n, d] and k to rows [n, k]


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    rule: Rule,
    reduce: Reduction,
    pool: str,
    components: Optional[int],
) -> Scores:
    """Per group with units, ranks in the removal order over all layers [channels], float64."""
    check(rule, pool)
    found = spline_order.judged(model, groups)
    d = dimension(model, found, components)
    layers = [reduced(layer, reduce, d) for layer in spline_order.layers(model, found, rule)]
    merge = spline_order.within if pool == "within" else _cross
    return {group.name: rank for group, rank in zip(found, merge(layers, rule))}


def check(rule: Rule, pool: str) -> None:
    """Refuses rules and pools that do not exist."""
    spline_order.check(rule)
    if pool not in POOLS:
        raise ValueError(
            "spline: no pool called {!r}; there are: {}".format(pool, ", ".join(POOLS))
        )


def dimension(model: nn.Module, groups: Sequence[Group], components: Optional[int] = None) -> int:
    """The common dimension: given, or the largest that every layer can be reduced to."""
    # n rows of width d have at most min(n, d) principal components
    limits = {group.name: min(group.channels, _width(model, group)) for group in groups}
    if not limits:
        return 0
    least = min(limits, key=lambda name: limits[name])
    if components is None:
        return limits[least]
    if not 1 <= components <= limits[least]:
        raise ValueError(
            "spline: components={!r}; layer {} allows 1 to {}".format(
                components, least, limits[least]
            )
        )
    return components


def reduced(layer: Layer, reduce: Reduction, d: int) -> Layer:
    """The layer with slopes of dimension `d`; the true sizes still say who is smaller."""
    slopes = torch.cat([each.slopes for each in layer.planes], 1)
    biases = torch.stack([each.biases for each in layer.planes]).mean(0)
    rows = np.asarray(reduce(slopes.cpu().numpy(), d), dtype=np.float64)
    return layer._replace(planes=[Planes(torch.from_numpy(rows).to(slopes), biases)])


def flops(
    model: nn.Module,
    groups: Sequence[Group],
    pool: str = "within",
    components: Optional[int] = None,
) -> int:
    """FLOPs of one scoring: a thin SVD per layer at its leading order, and the comparisons."""
    found = spline_order.judged(model, groups)
    shapes = [(group.channels, _width(model, group)) for group in found]
    sizes = [rows for rows, _ in shapes]
    # "cross" compares inside layers too, to say which of two layers is the denser one
    pools = sizes if pool == "within" else [sum(sizes)] + sizes
    compared = dimension(model, found, components) * sum(greedy.comparisons(n) for n in pools)
    return 2 * (compared + sum(rows * columns * min(rows, columns) for rows, columns in shapes))


def _width(model: nn.Module, group: Group) -> int:
    """Weights per filter of a group, over all layers that write to it."""
    return sum(rows.shape[1] for _, rows in neurons(model, group))


def _cross(layers: Sequence[Layer], rule: Rule) -> List[Tensor]:
    """Ranks of one greedy removal among the living units of all layers."""
    planes = [
        Planes(
            torch.cat([layer.planes[0].slopes for layer in layers]),
            torch.cat([layer.planes[0].biases for layer in layers]),
        )
    ]
    everyone = Layer(planes, torch.cat([layer.sizes for layer in layers]))
    homes = np.repeat(np.arange(len(layers)), [len(layer.sizes) for layer in layers])
    order, _ = spline_order.ordered(everyone, rule, _worth_across(layers, rule, homes))
    place = np.empty(len(order))
    place[order] = np.arange(len(order))
    return [torch.from_numpy(place[homes == home]) for home in range(len(layers))]


def _worth_across(layers: Sequence[Layer], rule: Rule, homes: np.ndarray) -> np.ndarray:
    """Worth of every unit of all layers [n]; `homes` [n] is the number of each unit's layer.

    Units of a layer where neighbours lie far apart are worth more; inside a layer the rule decides.
    """
    apart = [greedy.nearest(spline_order.among(each, rule), len(each.sizes)) for each in layers]
    _, of_layer = np.unique([each.mean() for each in apart], return_inverse=True)
    worth = np.concatenate([spline_order.worth(each, rule) for each in layers])
    # both as ranks, so that no difference inside a layer outweighs one between layers
    _, inside = np.unique(worth, return_inverse=True)
    return of_layer[homes] * len(homes) + inside
