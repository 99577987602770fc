"""What a data set hands to training: pictures and labels, normalised when they are asked for."""
from typing import Callable, NamedTuple, Optional, Sequence, Tuple, Union

import torch
from torch import Tensor

Numbers = Union[Sequence[float], Tensor]
Augment = Callable[[Tensor, torch.Generator], Tensor]


class Images:
    """Labelled pictures in memory; `images[indices]` is a normalised batch.

    Pixels stay as they came from disk, one byte each, so that a data set takes a quarter of its
    normalised size and can live on the training device whole.
    """

    def __init__(self, pixels: Tensor, labels: Tensor, mean: Numbers, std: Numbers,
                 white: float = 255.0):
        """Pixels [n, c, h, w] from 0 to `white`; mean and std per channel, of pixels / white."""
        self.pixels, self.labels, self.white = pixels, labels, white
        self.mean = torch.as_tensor(mean).view(-1, 1, 1)
        self.std = torch.as_tensor(std).view(-1, 1, 1)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: Tensor) -> Tuple[Tensor, Tensor]:
        """Pictures [b, c, h, w] with mean 0 and variance 1 per channel, and labels [b]."""
        x = self.pixels[indices].float() / self.white
        return (x - self.mean) / self.std, self.labels[indices]

    def to(self, device) -> "Images":
        """The same pictures on a device."""
        return Images(self.pixels.to(device), self.labels.to(device),
                      self.mean.to(device), self.std.to(device), self.white)


class Data(NamedTuple):
    """Two splits, each with `len(split)` and `split[indices] -> (x, y)`, and the augmentation.

    `augment(x, generator) -> x` changes one normalised training batch [b, c, h, w] on its own
    device; None where a data set is trained on as it is.
    """

    train: Images
    test: Images
    augment: Optional[Augment]
