"""How many processes should make batches: measured, because neither cores nor disk tell it.

Each number is timed on pictures of its own, so that none finds what another brought into memory.
"""

import os
from typing import Callable, Dict, Iterable, List, Tuple

import torch
from torch import Tensor

MOST = 16  # beyond it processes cost memory and start-up, on any machine
ROUNDS = 3  # batches of each process; the first is not timed, it has the start-up in it
NEAR = 1.1  # of the best time: fewer processes draw less power

Open = Callable[[Tensor, int], Iterable]  # (indices in order, processes) -> batches


def candidates(cores: int) -> List[int]:
    """0, 1, 2, 4, ... processes up to the number of cores."""
    return [0] + [2**power for power in range(5) if 2**power <= min(cores, MOST)]


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on every system, and a container may allow few
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def measured(
    loader: Open, pictures: int, size: int, numbers: Iterable[int], clock: Callable[[], float]
) -> Dict[int, float]:
    """Seconds per batch of `size` pictures, by the number of processes that make them.

    `pictures` there are, drawn from by chance, without touching torch's own random generator.
    """
    drawn = torch.randperm(pictures, generator=torch.Generator().manual_seed(0))
    found, first = {}, 0
    with torch.random.fork_rng([]):  # a loader draws a seed for its processes
        for number in numbers:
            count = size * ROUNDS * max(number, 1)
            order = drawn[(torch.arange(count) + first) % pictures]
            found[number] = _seconds(loader(order, number), number, clock)
            first += count
    return found


def _seconds(batches: Iterable, processes: int, clock: Callable[[], float]) -> float:
    """Seconds per batch once each process has handed over its first."""
    source, count = iter(batches), 0
    for _ in range(processes):
        next(source)
    begun = clock()
    for _ in source:
        count += 1
    return (clock() - begun) / count


def fewest(seconds: Dict[int, float]) -> int:
    """The smallest number of processes that is about as fast as the best."""
    best = min(seconds.values())
    return min(number for number, each in seconds.items() if each <= NEAR * best)


def chosen(
    loader: Open, pictures: int, size: int, clock: Callable[[], float]
) -> Tuple[int, Dict[int, float]]:
    """(number of processes, seconds per batch of each number that was tried) on this machine."""
    seconds = measured(loader, pictures, size, candidates(cores()), clock)
    return fewest(seconds), seconds
