"""Removal orders of spline pruning: eq. 2 turned into scores that any selection can use."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from edgejoule.prune.groups import Group
from edgejoule.prune.scoring import greedy, hyperplanes

VICTIMS = ("small_norm", "larger_index", "mean_distance", "random")

Run = Tuple[np.ndarray, np.ndarray]  # channels in the order of removal, and the distances [n]


class Rule(NamedTuple):
    """Which pairs are close (`rho` and `equation` of eq. 2) and which of a pair falls."""

    rho: float = 0.05
    equation: str = "paper"
    fold_bn: bool = True
    victim: str = "small_norm"
    seed: Optional[int] = None


class Layer(NamedTuple):
    """Hyperplanes to compare, and the true lengths of the slopes [channels]."""

    planes: List[hyperplanes.Planes]
    sizes: Tensor


def layers(model: nn.Module, groups: Sequence[Group], rule: Rule) -> List[Layer]:
    """The units of each group, compared as they are."""
    check(rule)
    found = [hyperplanes.planes(model, group, rule.fold_bn) for group in groups]
    return [Layer(planes, hyperplanes.sizes(planes)) for planes in found]


def within(found: Sequence[Layer], rule: Rule) -> List[Tensor]:
    """Rank of every channel [channels] by layer: greedy inside layers, merged by distance."""
    return ranks([ordered(each, rule) for each in found])


def ranks(runs: Sequence[Run]) -> List[Tensor]:
    """Ranks [channels] of the channels of several runs, float64: merged by gap, then as given."""
    gaps = np.concatenate([gap for _, gap in runs]) if runs else np.zeros(0)
    place = np.empty(len(gaps))
    # stable: of equal distances the earlier layer's channel leaves first, in every NumPy alike
    place[gaps.argsort(kind="stable")] = np.arange(len(gaps))
    merged, first = [], 0
    for order, _ in runs:
        values = np.empty(len(order))
        values[order] = place[first : first + len(order)]
        merged.append(torch.from_numpy(values))
        first += len(order)
    return merged


def check(rule: Rule) -> None:
    """Refuses equations and victims that do not exist, and a seed that decides nothing."""
    for name, value, allowed in (
        ("equation", rule.equation, hyperplanes.EQUATIONS),
        ("victim", rule.victim, VICTIMS),
    ):
        if value not in allowed:
            raise ValueError(
                "spline: no {} called {!r}; there are: {}".format(name, value, ", ".join(allowed))
            )
    if rule.seed is not None and rule.victim != "random":
        raise ValueError(
            "spline: seed={!r} has no effect with victim={!r}; remove it or set "
            "victim='random'".format(rule.seed, rule.victim)
        )


def gram_flops(model: nn.Module, groups: Sequence[Group]) -> int:
    """FLOPs of comparing slopes: 2 per multiply-accumulate, lists rebuilt as units fall."""
    return sum(
        2 * greedy.comparisons(group.channels) * rows.shape[1]
        for group in groups
        for _, rows in hyperplanes.neurons(model, group)
    )


def judged(model: nn.Module, groups: Sequence[Group]) -> List[Group]:
    """The groups that have hyperplanes of their own."""
    return [group for group in groups if hyperplanes.neurons(model, group)]


def among(layer: Layer, rule: Rule) -> greedy.Among:
    """Eq. 2 among units of a layer, as `greedy` asks for it."""
    device = layer.sizes.device
    return lambda units: hyperplanes.among(layer.planes, units.to(device), rule.rho, rule.equation)


def worth(layer: Layer, rule: Rule) -> np.ndarray:
    """What decides who of a pair stays [channels]: the unit that is worth more."""
    size = len(layer.sizes)
    if rule.victim == "small_norm":
        return layer.sizes.cpu().numpy()
    if rule.victim == "larger_index":
        return np.zeros(size)  # of equal worth, `greedy` removes the larger index
    if rule.victim == "random":
        seed = torch.initial_seed() if rule.seed is None else rule.seed
        return torch.rand(size, generator=torch.Generator().manual_seed(seed)).numpy()
    everything = torch.arange(size)
    return among(layer, rule)(everything)(everything).mean(1).cpu().numpy()


def ordered(layer: Layer, rule: Rule, values: Optional[np.ndarray] = None) -> Run:
    """Order of removal and distances; units without slope fall first, at distance -1.

    `values` [channels] says what each unit is worth; without them the rule does.
    """
    values = worth(layer, rule) if values is None else values
    # a unit without slope has no hyperplane, so no distance to any other
    dead = (layer.sizes == 0).nonzero().flatten().cpu()
    living = (layer.sizes > 0).nonzero().flatten().cpu()
    all_among = among(layer, rule)
    order, gaps = greedy.removal_order(
        lambda units: all_among(living[units]), values[living.numpy()]
    )
    return (
        np.concatenate([dead.numpy(), living.numpy()[order]]),
        np.concatenate([np.full(len(dead), -1.0), gaps]),
    )
