"""Wall time of a cut network against the dense one, interleaved in one run."""

import statistics
import time
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.prune.parity import answered, called, first

DRAWS = 2000  # of the bootstrap

Work = Callable[[], None]


def compare(
    dense: nn.Module, cut: nn.Module, example: Any, pairs: int = 12
) -> Dict[str, Dict[str, float]]:
    """Forward and training step of both, on batches like the example [n, ...], one or several.

    For each: median seconds of either, and the ratio cut / dense with its 95 % interval over
    pairs in the order dense, cut, cut, dense, so that a drifting machine slows both alike.
    """
    found = {}
    for name, step in (("forward", forward), ("train_step", train_step)):
        one, other = step(dense, example), step(cut, example)
        found[name] = ratio(*interleaved(one, other, pairs))
    return found


def interleaved(one: Work, other: Work, pairs: int) -> Tuple[List[float], List[float]]:
    """Seconds of each call of either, in ABBA order, after one call of each to warm up."""
    one()
    other()
    seconds: Tuple[List[float], List[float]] = ([], [])
    for number in range(pairs):
        order = ((one, 0), (other, 1)) if number % 2 == 0 else ((other, 1), (one, 0))
        for work, which in order:
            start = time.perf_counter()
            work()
            seconds[which].append(time.perf_counter() - start)
    return seconds


def ratio(dense: List[float], cut: List[float]) -> Dict[str, float]:
    """Median seconds of both, and the ratio cut / dense with its 95 % bootstrap interval.

    The ratio is e to the median of the pairs' log ratios: of logs, so that exchanging both sides
    gives exactly the inverse. The bootstrap's seed is fixed, so the same seconds give the same
    interval.
    """
    logs = np.log(np.array(cut) / np.array(dense))
    draws = np.random.RandomState(0).randint(0, len(logs), (DRAWS, len(logs)))
    low, high = np.percentile(np.median(logs[draws], axis=1), [2.5, 97.5])
    return {
        "dense_seconds": statistics.median(dense),
        "cut_seconds": statistics.median(cut),
        "ratio": float(np.exp(np.median(logs))),
        "low": float(np.exp(low)),
        "high": float(np.exp(high)),
    }


def forward(model: nn.Module, example: Any) -> Work:
    """Work that evaluates the model once and waits until the device is done."""
    model.eval()

    def work() -> None:
        with torch.no_grad():
            called(model, example)
        _wait(example)

    return work


def train_step(model: nn.Module, example: Any) -> Work:
    """Work that runs one forward and backward pass and waits until the device is done.

    The labels are all 0: which they are changes no time. The outputs of a model that is no
    classifier [n, classes], such as a dict of maps, are trained towards 0; either loss costs next
    to nothing.
    """
    inputs = first(example)
    labels = torch.zeros(len(inputs), dtype=torch.long, device=inputs.device)

    def work() -> None:
        model.train()  # each time: the other work may have left this model in eval()
        model.zero_grad()
        _loss(called(model, example), labels).backward()
        _wait(example)

    return work


def _loss(answer: Any, labels: Tensor) -> Tensor:
    """The cross-entropy of a classifier, else the mean squares of all that is answered."""
    if isinstance(answer, Tensor) and answer.dim() == 2:
        return F.cross_entropy(answer, labels)
    squares = [out.pow(2).mean() for out in answered(answer) if out.requires_grad]
    if not squares:
        raise ValueError("the model answers with nothing that could be trained")
    return torch.stack([square.float() for square in squares]).sum()


def _wait(example: Any) -> None:
    if first(example).is_cuda:
        torch.cuda.synchronize()
