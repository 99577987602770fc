"""Wall time of a cut network against the dense one, interleaved in one run."""

import statistics
import time
from typing import Callable, Dict, List

import numpy as np
import torch
from torch.nn import functional as F

DRAWS = 2000


def compare(dense, cut, example, pairs: int = 12) -> Dict[str, Dict[str, float]]:
    """Forward and training step of both, on batches like the example [n, c, h, w].

    For each: median seconds of either, and the ratio cut / dense with its 95 % interval over
    dense-cut-cut-dense pairs, so that a drifting machine hits both alike.
    """
    found = {}
    for name, step in (("forward", forward), ("train_step", train_step)):
        one, other = step(dense, example), step(cut, example)
        found[name] = ratio(*interleaved(one, other, pairs))
    return found


def interleaved(one: Callable, other: Callable, pairs: int):
    """Seconds of each call of either, in ABBA order; the first of each is warm-up."""
    one(), other()
    seconds: tuple = ([], [])
    for number in range(pairs):
        order = ((one, 0), (other, 1)) if number % 2 == 0 else ((other, 1), (one, 0))
        for work, which in order:
            start = time.perf_counter()
            work()
            seconds[which].append(time.perf_counter() - start)
    return seconds


def ratio(dense: List[float], cut: List[float]) -> Dict[str, float]:
    """Medians, and the median of the paired ratios with its bootstrap interval (seed 0)."""
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


def forward(model, example) -> Callable:
    """One evaluation of the model, waited for."""
    model.eval()

    def work():
        with torch.no_grad():
            model(example)
        _wait(example)

    return work


def train_step(model, example) -> Callable:
    """One forward and backward pass, waited for; the labels are all 0.

    What is no classifier [n, classes] is trained towards 0, the loss costs next to nothing.
    """
    labels = torch.zeros(len(example), dtype=torch.long, device=example.device)

    def work():
        model.train()
        model.zero_grad()
        out = model(example)
        (F.cross_entropy(out, labels) if out.dim() == 2 else out.pow(2).mean()).backward()
        _wait(example)

    return work


def _wait(example) -> None:
    if example.is_cuda:
        torch.cuda.synchronize()
