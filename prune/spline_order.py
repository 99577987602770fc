"""Removal orders of spline pruning: eq. 2 turned into scores that any selection can use."""
from typing import List, NamedTuple, Optional

import numpy as np
import torch

from prune import greedy, hyperplanes
from prune.groups import filters

VICTIMS = ("small_norm", "larger_index", "mean_distance", "random")


class Rule(NamedTuple):
    """Which pairs are close and which of a pair falls."""

    rho: float = 0.05
    mode: str = "paper"
    fold_bn: bool = True
    victim: str = "small_norm"
    seed: Optional[int] = None


def layerwise(model, groups, rule: Rule):
    """Per group with units, ranks in the order of removal over all layers [channels], float64.

    Inside a layer the order is the greedy one; layers are merged by the distance at removal.
    """
    check(rule)
    found = [group for group in groups if group.units]
    runs = [_layer(hyperplanes.planes(model, group, rule.fold_bn), rule) for group in found]
    return ranks(found, runs)


def ranks(groups, runs):
    """{group name: rank [channels]} of several (order, gaps), merged by gap, then as given."""
    gaps = np.concatenate([gap for _, gap in runs]) if runs else np.zeros(0)
    place = np.empty(len(gaps))
    place[gaps.argsort(kind="stable")] = np.arange(len(gaps))
    merged, first = {}, 0
    for group, (order, _) in zip(groups, runs):
        values = np.empty(len(order))
        values[order] = place[first:first + len(order)]
        merged[group.name] = torch.from_numpy(values)
        first += len(order)
    return merged


def check(rule: Rule) -> None:
    """Refuses modes and victims that do not exist, and a seed that decides nothing."""
    for name, value, allowed in (("mode", rule.mode, hyperplanes.MODES),
                                 ("victim", rule.victim, VICTIMS)):
        if value not in allowed:
            raise ValueError("spline: no {} called {!r}; there are: {}".format(
                name, value, ", ".join(allowed)))
    if rule.seed is not None and rule.victim != "random":
        raise ValueError("spline: seed={!r} has no effect with victim={!r}; remove it or set "
                         "victim='random'".format(rule.seed, rule.victim))


def gram_flops(model, groups) -> int:
    """FLOPs of comparing slopes: 2 per multiply-accumulate, lists rebuilt as units fall."""
    return sum(2 * greedy.comparisons(group.channels) * rows.shape[1]
               for group in groups for rows in filters(model, group))


def _layer(layers: List[hyperplanes.Planes], rule: Rule):
    """Order of removal and distances of one layer; units without slope fall first, at -1."""
    sizes = hyperplanes.sizes(layers)
    dead = (sizes == 0).nonzero().flatten().cpu().numpy()
    living = (sizes > 0).nonzero().flatten()

    def distance(rows, columns):
        rows, columns = living[rows.to(living.device)], living[columns.to(living.device)]
        return hyperplanes.distances(layers, rows, columns, rule.rho, rule.mode)

    worth = _worth(rule, sizes[living], distance)
    order, gaps = greedy.removal_order(distance, worth)
    order = living.cpu().numpy()[order]
    return np.concatenate([dead, order]), np.concatenate([np.full(len(dead), -1.0), gaps])


def _worth(rule: Rule, sizes, distance):
    """What decides who of a pair stays [channels], more stays."""
    if rule.victim == "small_norm":
        return sizes.cpu().numpy()
    if rule.victim == "larger_index":
        return np.zeros(len(sizes))
    if rule.victim == "random":
        seed = torch.initial_seed() if rule.seed is None else rule.seed
        return torch.rand(len(sizes), generator=torch.Generator().manual_seed(seed)).numpy()
    everything = torch.arange(len(sizes))
    return distance(everything, everything).mean(1).cpu().numpy()
