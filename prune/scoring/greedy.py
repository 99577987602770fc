"""Greedy removal of one of the closest pair, again and again, without the n^2 list of pairs.

The distances between survivors never change, so a unit's nearest living neighbour is the next
living one in its list of nearest neighbours. Lists are short, computed in blocks by matrix
products, and rebuilt for the survivors when half of the units are gone: 4/3 n^2 distances
altogether, memory proportional to n. `tests/prune/test_greedy.py` holds the obvious version.
"""

from typing import Callable, Iterable, List, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from torch import Tensor

NEIGHBOURS = 64
BLOCK = 1 << 20  # distances held at a time: they fit a processor's cache

Distances = Callable[[Tensor], Tensor]  # from positions of units to [positions, units]
Among = Callable[[Tensor], Distances]  # from the indices of some units to distances among them
Worth = Union[Sequence[float], np.ndarray]


def removal_order(
    among: Among, worth: Worth, neighbours: int = NEIGHBOURS
) -> Tuple[np.ndarray, np.ndarray]:
    """Units in the order of their removal [n] and the distance each fell at [n]; the last has inf.

    `among(units)` gives a function of positions in `units` that returns the distances of those
    to all `units` [rows, units]. Of the closest pair (ties, to 12 digits: the smallest indices) the
    unit of less `worth` [n] falls (ties: the larger index).
    """
    worth = np.asarray(worth, dtype=np.float64)
    alive = np.arange(len(worth))
    order: List[int] = []
    gaps: List[float] = []
    while len(alive) > 1:
        distances = among(torch.from_numpy(alive))
        fallen, fell_at = _stage(distances, worth[alive], neighbours)
        order += [alive[each] for each in fallen]
        gaps += fell_at
        alive = np.delete(alive, fallen)
    order, gaps = order + list(alive), gaps + [np.inf] * len(alive)
    return np.array(order, dtype=np.int64), np.array(gaps)


def comparisons(size: int, neighbours: int = NEIGHBOURS) -> int:
    """Number of distances that the neighbour lists of `size` units take."""
    total = 0
    while size > 1:
        total += size * size
        size -= _quota(size, neighbours)
    return total


def nearest(among: Among, size: int) -> np.ndarray:
    """Distance of each of `size` units to its nearest other [n]; inf for a single unit."""
    if size < 2:
        return np.full(size, np.inf)
    return _lists(among(torch.arange(size)), size, 1)[1][:, 0]


def _quota(size: int, neighbours: int) -> int:
    """How many units one stage removes: all but one if the lists are complete, else half."""
    return size - 1 if size <= neighbours + 1 else size // 2


def _stage(
    distances: Distances, worth: np.ndarray, neighbours: int
) -> Tuple[List[int], List[float]]:
    """Which units fall before the lists are rebuilt, and their distances.

    `heads[i]` is never above the distance of unit i to its nearest living neighbour: its list
    ascends, and neighbours only leave. So the smallest head, once it is exact, is the closest pair.
    """
    size = len(worth)
    width = min(neighbours, size - 1)
    near, far = _lists(distances, size, width)
    cursor, heads = np.zeros(size, dtype=np.int64), far[:, 0].copy()
    living = np.ones(size, dtype=bool)
    fallen: List[int] = []
    fell_at: List[float] = []
    while len(fallen) < _quota(size, neighbours):
        i = int(heads.argmin())
        at = cursor[i]
        while at < width and not living[near[i, at]]:
            at += 1
        if at == width:  # all neighbours on its list have fallen: list the nearest living ones
            closest, apart = _nearest(distances, [i], width, ~living)
            near[i], far[i], at = closest[0], apart[0], 0
        cursor[i] = at
        if far[i, at] > heads[i]:  # another pair may be closer now
            heads[i] = far[i, at]
            continue
        victim = _victim(i, near[i, at], worth)
        living[victim], heads[victim] = False, np.inf
        fallen.append(victim)
        fell_at.append(float(far[i, at]))
    return fallen, fell_at


def _victim(i: int, j: int, worth: np.ndarray) -> int:
    if worth[i] == worth[j]:
        return max(i, j)
    return i if worth[i] < worth[j] else j


def _lists(distances: Distances, size: int, width: int) -> Tuple[np.ndarray, np.ndarray]:
    """Nearest neighbours of each unit and their distances [n, width], ascending."""
    step = max(1, BLOCK // size)
    blocks = [
        _nearest(distances, range(first, min(first + step, size)), width)
        for first in range(0, size, step)
    ]
    return np.concatenate([near for near, _ in blocks]), np.concatenate([far for _, far in blocks])


def _nearest(
    distances: Distances, rows: Iterable[int], width: int, dead: Optional[np.ndarray] = None
) -> Tuple[np.ndarray, np.ndarray]:
    """The `width` nearest of each of `rows` and their distances, by distance, then by index."""
    units = torch.tensor(list(rows))
    found = distances(units)
    found[torch.arange(len(units)), units] = float("inf")  # no unit is its own neighbour
    if dead is not None:
        found[:, torch.from_numpy(dead)] = float("inf")
    far, near = (each.cpu().numpy() for each in found.topk(width, dim=1, largest=False))
    far = far.round(12)  # the rounding noise of a matrix product must not break ties
    # sorted by index first, and then stably by distance: ties go to the smaller index
    by_index = near.argsort(axis=1, kind="stable")
    near, far = (np.take_along_axis(each, by_index, 1) for each in (near, far))
    by_distance = far.argsort(axis=1, kind="stable")
    return np.take_along_axis(near, by_distance, 1), np.take_along_axis(far, by_distance, 1)
