"""Sorting channels into groups: those that occur in the same axes equally often."""

from typing import Dict, List, Optional, Set, Tuple

import numpy as np

from edgejoule.prune.computed_weights import layer_of
from edgejoule.prune.groups import Group, Slice, Unit
from edgejoule.prune.tracing.labels import CONSTANT, Classes, Labels
from edgejoule.prune.tracing.tracer import Tracer


def partition(
    labels: Labels, tracer: Tracer, classes: Classes
) -> Tuple[List[Group], List[np.ndarray]]:
    """The groups, and two masks [labels] for trials, each of which keeps what the other removes.

    One alone would miss code that reads the first n channels, where it happens to keep just those.
    """
    member = _prunable(tracer, classes)
    root, axis = classes.root[member], labels.axis_of()[member]
    group, rank = _sorted_roots(root, axis, len(labels.starts), classes.root.size)
    order = np.lexsort((member, rank[root], axis, group[root]))
    member, root, axis = member[order], root[order], axis[order]
    trials = []
    for flags in _trials(group):
        kept = np.ones(labels.size, bool)
        kept[member] = flags[root]
        trials.append(kept)
    return _groups(labels, tracer, group[root], rank[root], axis, member), trials


def _prunable(tracer: Tracer, classes: Classes) -> np.ndarray:
    """Every label of a class that some layer makes and nothing freezes."""
    made = np.zeros(classes.root.size, bool)
    for vector in tracer.producers:
        made[classes.root[vector]] = True
    made[CONSTANT] = False
    return np.nonzero(made[classes.root] & ~classes.frozen)[0]


def _sorted_roots(
    root: np.ndarray, axis: np.ndarray, axes: int, size: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Per root label [size] its group number and its rank in it, -1 elsewhere.

    A class is known by the sum of random numbers given to the axes that it occurs in.
    """
    group, rank = np.full(size, -1), np.full(size, -1)
    if not root.size:
        return group, rank
    # 62 random bits per axis: two different multisets of axes agree once in 4e18
    marks = np.random.RandomState(0).randint(1, 2**62, axes).astype(np.uint64)
    order = np.argsort(root, kind="stable")
    roots, first = np.unique(root[order], return_index=True)
    sums = np.add.reduceat(marks[axis[order]], first)
    _, earliest, number = np.unique(sums, return_index=True, return_inverse=True)
    # groups in order of their first channel
    number = np.argsort(np.argsort(earliest))[number.ravel()]
    group[roots] = number
    by_group = np.argsort(number, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(number))[:-1]])
    rank[roots[by_group]] = np.arange(roots.size) - starts[number[by_group]]
    return group, rank


def _trials(group: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Per root label whether a trial keeps it: a random part of each group, then the other part.

    Neither is empty, except that a group's only channel stays in both. They are random since
    keeping the first ones could hide code that reads channels by position.
    """
    roots = np.nonzero(group >= 0)[0]
    draw = np.random.RandomState(1)  # its own stream, always the same: groups are found alike
    roots = roots[np.lexsort((draw.rand(roots.size), group[roots]))]
    count = np.bincount(group[roots])
    starts = np.cumsum(count) - count
    stay = (count * (0.3 + 0.5 * draw.rand(count.size))).astype(int)
    stay = np.minimum(np.maximum(stay, 1), np.maximum(count - 1, 1))
    kept = np.ones(group.size, bool)
    kept[roots] = np.arange(roots.size) - starts[group[roots]] < stay[group[roots]]
    rest = np.ones(group.size, bool)
    rest[roots] = ~kept[roots] | (count == 1)[group[roots]]
    return kept, rest


def _groups(
    labels: Labels,
    tracer: Tracer,
    group: np.ndarray,
    rank: np.ndarray,
    axis: np.ndarray,
    member: np.ndarray,
) -> List[Group]:
    """The groups, from members [n] sorted by group, axis and rank."""
    shared: Dict[tuple, tuple] = {}
    makers = _makers(labels, tracer)
    result: List[Group] = []
    names: Set[str] = set()
    for low, high in _runs(group):
        slices = []
        for start, stop in _runs(axis[low:high]):
            start, stop = low + start, low + stop
            number = int(axis[start])
            positions = member[start:stop] - labels.starts[number]
            slices.append(
                Slice(
                    labels.owners[number][0],
                    labels.owners[number][1],
                    _shared(shared, positions, int(rank[low:high].max()) + 1),
                )
            )
        units = _units(slices, makers, tracer)
        result.append(
            Group(_name(slices, units, names), len(slices[0].indices), tuple(slices), units)
        )
    return result


def _runs(values: np.ndarray) -> List[Tuple[int, int]]:
    """(start, stop) of every run of equal neighbours."""
    if not values.size:
        return []
    edges = np.nonzero(np.diff(values))[0] + 1
    stops = edges.tolist() + [values.size]
    return list(zip([0] + stops[:-1], stops))


def _shared(shared: dict, positions: np.ndarray, channels: int) -> tuple:
    """Positions per channel as tuples, equal ones shared."""
    # nearly all slices own one position per channel: `mask.leaving` looks at each object once
    key = (channels, positions.tobytes())
    if key not in shared:
        shared[key] = tuple(map(tuple, positions.reshape(channels, -1).tolist()))
    return shared[key]


def _makers(labels: Labels, tracer: Tracer) -> Set[Tuple[str, int]]:
    """The (tensor, axis) along which layers make channels."""
    return {labels.owner(int(vector[0])) for vector in tracer.producers}


def _units(slices: List[Slice], makers: Set[Tuple[str, int]], tracer: Tracer) -> Tuple[Unit, ...]:
    """The layers that make a group's channels; behind an index, those that read them."""
    # an index is noted as a maker, so that its entries may leave, but makes nothing
    made = [s for s in slices if (s.tensor, s.axis) in makers and not _index(s)]
    if made:
        return tuple(_unit(s, tracer.followers.get(s.tensor)) for s in made)
    norms = [s.tensor.rpartition(".")[0] for s in slices if s.tensor.endswith(".running_mean")]
    read = [s for s in slices if s.axis == 1]
    return tuple(_unit(s, norms[0] if norms else None) for s in read)


def _index(part: Slice) -> bool:
    return part.tensor.rpartition(".")[2] == "index"


def _unit(part: Slice, norm: Optional[str]) -> Unit:
    path, leaf = layer_of(part.tensor)
    return Unit(path, norm, "" if leaf == "weight" else part.tensor, part.axis)


def _name(slices: List[Slice], units: Tuple[Unit, ...], names: Set[str]) -> str:
    """The path of the first layer, or of the index layer where there is one.

    It is numbered where a layer's outputs fall into several groups.
    """
    index = [part.tensor.rpartition(".")[0] for part in slices if _index(part)]
    bare = index[0] if index else units[0].producer or units[0].weight
    name, count = bare, 1
    while name in names:
        count += 1
        name = "{}#{}".format(bare, count)
    names.add(name)
    return name


def whole(labels: Labels, tracer: Tracer, classes: Classes) -> List[Tuple[str, str]]:
    """(layer, reason) of every layer that makes channels of which none can leave."""
    result: Dict[str, str] = {}
    for vector in tracer.producers:
        tensor = labels.owner(int(vector[0]))[0]
        if classes.frozen[vector].all():
            site, sentence = classes.reasons[classes.reason[vector[0]]]
            place = " in {!r}".format(site) if site else ""
            result.setdefault(
                layer_of(tensor)[0] or tensor, "its channel axis {}{}".format(sentence, place)
            )
    for label in tracer.lost:  # what is computed from it has no labels, so it makes none
        weight, sentence = labels.owner(label)[0], classes.reasons[classes.reason[label]][1]
        result.setdefault(layer_of(weight)[0] or weight, "its weight {}".format(sentence))
    return list(result.items())
