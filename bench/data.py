"""What a data set hands to training: pictures and labels, normalised when they are asked for."""

import copy
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    cast,
)

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from edgejoule.bench.resizing import resized

if TYPE_CHECKING:
    from typing import Protocol as Structure
else:
    Structure = object  # Python 3.6 has no Protocol, and only type checkers need one

Augment = Callable[[Tensor, torch.Generator], Tensor]
Batch = Tuple[Tensor, Tensor]  # pictures [n, c, h, w] and their labels [n]


class Split(Structure):
    """A torch data set that knows its length: each index has a picture [c, h, w] and a label."""

    def __len__(self) -> int:
        """Number of pictures."""

    def __getitem__(self, index: int) -> Tuple[Tensor, Any]:
        """(picture, label) at an index from 0."""


class Data(NamedTuple):
    """Two splits of pairs (picture [c, h, w], label), and how training changes them.

    `augment(x, generator) -> x` takes one normalised batch [b, c, h, w] and draws with the
    generator. `varied` is the train split with new random crops at every reading, for pictures
    that have to be cropped before they make a batch. None where there is no such thing.
    """

    train: Split
    test: Split
    augment: Optional[Augment]
    varied: Optional[Split] = None


class Pixels:
    """Pictures in memory as they came from disk, one byte a value; an index normalises them.

    A quarter of the memory of normalised pictures. It stands where a `TensorDataset` expects a
    tensor: an integer gives one picture [c, h, w], a list of integers a batch [b, c, h, w].
    """

    def __init__(
        self,
        values: Tensor,
        mean: Sequence[float],
        std: Sequence[float],
        white: float,
        side: Optional[int] = None,
    ) -> None:
        """Values [n, c, h, w] from 0 to `white`; mean and std per channel, of values / white.

        With `side` pictures come out [c, side, side]: resized when they are asked for, because
        CIFAR-10 at 224 pixels would take 9 GB.
        """
        self.values, self.side = values, side
        self.mean = white * torch.tensor(mean).view(-1, 1, 1)
        self.std = white * torch.tensor(std).view(-1, 1, 1)

    def __getitem__(self, index: Any) -> Tensor:
        values = self.values[index].float()
        return ((resized(values, self.side) if self.side else values) - self.mean) / self.std

    def size(self, dimension: int) -> int:
        """Length along one dimension, as a tensor tells it."""
        return self.values.size(dimension)

    @property
    def nbytes(self) -> int:
        """Bytes of all pictures as they are stored."""
        return self.values.element_size() * self.values.nelement()

    def to(self, device: torch.device) -> "Pixels":
        """The same pictures on a device, where an index then normalises them."""
        there = copy.copy(self)
        for name in ("values", "mean", "std"):
            setattr(there, name, getattr(self, name).to(device))
        return there


def images(
    values: Tensor,
    labels: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    white: float = 255.0,
    resize: Optional[int] = None,
) -> TensorDataset:
    """Pairs (picture with mean 0 and variance 1 per channel, label) from bytes in memory.

    With `resize` every picture is brought to that many pixels a side.
    """
    wanted = None if resize is None else side(resize, 0)
    pixels = cast(Tensor, Pixels(values, mean, std, white, wanted))  # all that TensorDataset uses
    return TensorDataset(pixels, labels)


def side(resize: Optional[int], stored: int) -> int:
    """Pixels a side of the pictures that a data set gives: as they are stored without `resize`.

    Raises:
        ValueError: `resize` is no whole number from 1.
    """
    if resize is None:
        return stored
    if not isinstance(resize, int) or resize < 1:
        raise ValueError(
            "dataset.resize = {!r}; it must be a whole number of pixels from 1".format(resize)
        )
    return resize


def shape(source: Any, options: Dict[str, Any]) -> Tuple[int, int, int]:
    """(c, h, w) of the pictures that a data set's module gives under these settings."""
    c, h, w = source.INPUT_SHAPE
    resize = options.get("resize") if getattr(source, "RESIZES", False) else None
    return c, side(resize, h), side(resize, w)
