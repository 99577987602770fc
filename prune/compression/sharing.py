"""Weights that share few values: k-means per layer, and training the shared values.

Deep Compression (Han et al., 2016, arXiv:1510.00149), section 3: centroids start evenly between
the smallest and the largest weight, which keeps the rare large weights that matter; the gradient
of a centroid is the sum of those of its members. Masked weights are no members: code 0 is theirs.
"""

import math
from contextlib import ExitStack, contextmanager
from typing import Callable, Iterator, Mapping, NamedTuple, Tuple

import numpy as np
import torch
from torch import Tensor, nn

LLOYD_STEPS = 300  # large layers still move by then, but hardly
GRADIENTS = ("sum", "mean")


class Shared(NamedTuple):
    """A weight tensor by the value that each weight has: code 0 is zero, code c is book[c].

    `codes` is int64 in the weight's shape, `book` [values] has the weight's type.
    """

    codes: Tensor
    book: Tensor
    steps: int = 0  # of Lloyd, until nothing moved

    def weights(self) -> Tensor:
        """The weight tensor."""
        return self.book[self.codes]


def evenly(values: np.ndarray, count: int) -> np.ndarray:
    """Centroids [count] evenly from the smallest to the largest value, both included."""
    return np.linspace(values.min(), values.max(), count)


def lloyd(ordered: np.ndarray, sums: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Centroids [k] after one step of Lloyd: each is the mean of the values nearest to it.

    `ordered` are the values [n], ascending, `sums` [n + 1] their sums up to each. One without a
    value stays. The sum of squared distances never grows.
    """
    edges = _edges(ordered, centroids)
    members = np.diff(edges)
    totals = np.diff(sums[edges])
    return np.where(members > 0, totals / np.maximum(members, 1), centroids)


def share(weight: Tensor, flags: Tensor, bits: int) -> Shared:
    """The weights that flags keep, in at most 2^bits - 1 values of k-means; one code is for zero.

    Raises:
        ValueError: fewer than one bit, or a weight is NaN or infinite.
    """
    if bits < 1:
        raise ValueError("{} bits for the values of weights; they start at 1".format(bits))
    values = weight.detach()[flags].double().cpu().numpy()
    if not np.isfinite(values).all():
        raise ValueError("weights hold NaN or infinity; the training has diverged")
    codes = torch.zeros(weight.shape, dtype=torch.int64, device=weight.device)
    centroids, steps = _settled(np.sort(values), 2**bits - 1)
    if len(values):
        codes[flags] = torch.from_numpy(_nearest(values, centroids) + 1).to(weight.device)
    book = torch.from_numpy(np.concatenate([[0.0], centroids])).to(weight)
    return Shared(codes, book, steps)


def work(shared: Shared) -> int:
    """FLOPs of k-means: sorting and summing n weights, then per step two searches per centroid."""
    n, k = int((shared.codes > 0).sum()), len(shared.book) - 1
    if not n:
        return 0
    return int(n * math.log2(n) + 2 * n + shared.steps * k * (math.log2(n) + 4))


@contextmanager
def tied(model: nn.Module, layers: Mapping[str, Shared], gradient: str) -> Iterator[None]:
    """Inside, weights of one code stay equal whatever the model is trained with.

    Every member gets the gradient of its centroid, the "sum" of theirs or their "mean". Optimisers
    treat equal weights with equal gradients alike, if they start without a memory of their own;
    so does weight decay. On the way out members are set to the first of them.
    """
    if gradient not in GRADIENTS:
        raise ValueError(
            "no gradient called {!r}; there are: {}".format(gradient, ", ".join(GRADIENTS))
        )
    with ExitStack() as stack:
        for name, shared in layers.items():
            handle = model.get_parameter(name).register_hook(_gathering(shared, gradient))
            stack.callback(handle.remove)
        yield
    with torch.no_grad():
        for name, shared in layers.items():
            parameter = model.get_parameter(name)
            parameter.copy_(trained(parameter, shared).weights())


def trained(weight: Tensor, shared: Shared) -> Shared:
    """The same codes with the values that a tied weight has now."""
    book = shared.book.clone()
    codes, values = shared.codes.flatten().cpu(), weight.detach().flatten().cpu()
    first = np.unique(codes.numpy(), return_index=True)
    book[torch.from_numpy(first[0])] = values[torch.from_numpy(first[1])].to(book)
    book[0] = 0
    return Shared(shared.codes, book, shared.steps)


def sharing_ratio(weights: int, values: int, bits: int = 32) -> float:
    """How many times smaller n weights of `bits` bits are as codes and a book of k values.

    n b / (n log2 k + k b): sharing alone, no zeros left out (Han et al., 2016, eq. 1).
    """
    return weights * bits / (weights * math.log2(values) + values * bits)


def _edges(ordered: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Where each centroid's values begin in the ordered ones, and the end [k + 1]."""
    middles = (centroids[1:] + centroids[:-1]) / 2
    inner = np.searchsorted(ordered, middles, side="right")
    return np.concatenate([[0], inner, [len(ordered)]])


def _nearest(values: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The nearest centroid of each value, the lower one of two as near."""
    return np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values, side="left")


def _settled(ordered: np.ndarray, most: int) -> Tuple[np.ndarray, int]:
    """(centroids that no step moves any more, steps taken), in ascending order."""
    distinct = np.unique(ordered)
    if len(distinct) <= most:  # each value is a centroid, and nothing is lost
        return distinct, 0
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    centroids = evenly(ordered, most)
    for step in range(1, LLOYD_STEPS + 1):
        moved = lloyd(ordered, sums, centroids)
        if np.array_equal(moved, centroids):
            return centroids, step
        centroids = moved
    return centroids, LLOYD_STEPS


def _gathering(shared: Shared, gradient: str) -> Callable[[Tensor], Tensor]:
    """A hook that gives every weight the gradient of its centroid, masked ones 0."""
    codes = shared.codes.flatten()
    size = len(shared.book)
    members = torch.bincount(codes, minlength=size).clamp(min=1)

    def gathered(grad: Tensor) -> Tensor:
        sums = torch.zeros(size, dtype=grad.dtype, device=grad.device)
        sums.index_add_(0, codes, grad.flatten())
        sums = sums / members if gradient == "mean" else sums
        sums[0] = 0
        return sums[codes].view_as(grad)

    return gathered
