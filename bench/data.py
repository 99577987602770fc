"""What a data set hands to training: pictures and labels, normalised when they are asked for."""

from typing import Callable, NamedTuple, Optional, Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

Augment = Callable[[Tensor, torch.Generator], Tensor]


class Data(NamedTuple):
    """Two splits of pairs (picture [c, h, w], label), and how training changes them.

    `augment(x, generator) -> x` takes one normalised batch [b, c, h, w] and draws with the
    generator. `varied` is the train split with new random crops at every reading, for pictures
    that have to be cut before they make a batch. None where there is no such thing.
    """

    train: Dataset
    test: Dataset
    augment: Optional[Augment]
    varied: Optional[Dataset] = None


class Pixels:
    """Pictures in memory as they came from disk, one byte a value; an index normalises them.

    A quarter of the memory of normalised pictures. It stands where a `TensorDataset` expects a
    tensor: an integer gives one picture [c, h, w], a list of integers a batch [b, c, h, w].
    """

    def __init__(self, values: Tensor, mean: Sequence[float], std: Sequence[float], white: float):
        """Values [n, c, h, w] from 0 to `white`; mean and std per channel, of values / white."""
        self.values = values
        self.mean = white * torch.tensor(mean).view(-1, 1, 1)
        self.std = white * torch.tensor(std).view(-1, 1, 1)

    def __getitem__(self, index) -> Tensor:
        return (self.values[index].float() - self.mean) / self.std

    def size(self, dimension: int) -> int:
        """Length along one dimension, as a tensor tells it."""
        return self.values.size(dimension)


def images(
    values: Tensor,
    labels: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    white: float = 255.0,
) -> TensorDataset:
    """Pairs (picture with mean 0 and variance 1 per channel, label) from bytes in memory."""
    return TensorDataset(Pixels(values, mean, std, white), labels)
