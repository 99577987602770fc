"""Pictures in folders, one folder a class, read when they are needed.

Classes are numbered in the order of their folders' names. A picture becomes a square in one of
three ways: its middle, the whole squeezed, or a random crop.
"""

import math
from pathlib import Path
from typing import Any, Callable, List, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from edgejoule.bench.data import images

SUFFIXES = (".jpeg", ".jpg", ".png")
BILINEAR, MIRROR = 2, 0  # Pillow's BILINEAR and FLIP_LEFT_RIGHT; the names moved, the numbers not
Listing = List[Tuple[Path, int]]
Picture = Any  # Pillow's Image; a board that reads no pictures need not have Pillow


class Unreadable(ValueError):
    """A picture that cannot be decoded.

    A worker process of torch's loader hands an error on as its kind, made anew with the traceback
    for its text. The last line there is the sentence.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text.strip().splitlines()[-1].split("Unreadable: ")[-1])


class Pictures(Dataset):
    """Pairs (normalised picture [3, size, size], label), read from disk each time."""

    def __init__(
        self,
        listing: Listing,
        square: Callable[[Picture], Picture],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        """`square(picture)` makes a Pillow picture square; mean and std are of pixels / 255."""
        self.listing, self.square, self.constants = listing, square, (mean, std)
        self.mean = 255.0 * torch.tensor(mean).view(-1, 1, 1)
        self.std = 255.0 * torch.tensor(std).view(-1, 1, 1)

    def __len__(self) -> int:
        return len(self.listing)

    def __getitem__(self, index: int) -> Tuple[Tensor, int]:
        return (self.pixels(index).float() - self.mean) / self.std, self.listing[index][1]

    def pixels(self, index: int) -> Tensor:
        """Bytes [3, size, size] of one picture, made square."""
        picture = self.square(decoded(self.listing[index][0]))
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)  # Pillow has colours last


def preloaded(pictures: Pictures) -> TensorDataset:
    """The same pairs, every picture decoded once and kept in memory as bytes."""
    values = torch.stack([pictures.pixels(index) for index in range(len(pictures))])
    labels = torch.tensor([label for _, label in pictures.listing])
    return images(values, labels, *pictures.constants)


def middle(picture: Picture, size: int, resize: int) -> Picture:
    """The middle `size` x `size` pixels after the shorter side was brought to `resize`."""
    width, height = (int(resize * side / min(picture.size)) for side in picture.size)
    left, top = int(round((width - size) / 2)), int(round((height - size) / 2))
    return picture.resize((width, height), BILINEAR).crop((left, top, left + size, top + size))


def squeezed(picture: Picture, size: int) -> Picture:
    """The whole picture in `size` x `size` pixels, whatever its sides were."""
    return picture.resize((size, size), BILINEAR)


def random_crop(picture: Picture, size: int) -> Picture:
    """A random part of the picture in `size` x `size` pixels, half the time mirrored.

    8 to 100 % of the area and a ratio of sides from 3/4 to 4/3, both drawn evenly (Szegedy et
    al., 2015, arXiv:1409.4842, section 6), by torch's generator, which a loader seeds in each
    of its workers.
    """
    width, height = crop_sides(*picture.size)
    left = int(torch.randint(0, picture.width - width + 1, ()))
    top = int(torch.randint(0, picture.height - height + 1, ()))
    crop = picture.resize((size, size), BILINEAR, (left, top, left + width, top + height))
    return crop.transpose(MIRROR) if float(torch.rand(())) < 0.5 else crop


def crop_sides(width: int, height: int) -> Tuple[int, int]:
    """Width and height of a random crop; the largest square after ten that do not fit."""
    for _ in range(10):
        area = width * height * float(torch.empty(()).uniform_(0.08, 1.0))
        ratio = math.exp(float(torch.empty(()).uniform_(math.log(3 / 4), math.log(4 / 3))))
        w, h = int(round(math.sqrt(area * ratio))), int(round(math.sqrt(area / ratio)))
        if 0 < w <= width and 0 < h <= height:
            return w, h
    return min(width, height), min(width, height)


def decoded(path: Path) -> Picture:
    """A Pillow picture in RGB.

    Raises:
        Unreadable: the file is no picture, or a broken one.
    """
    from PIL import Image  # here, so that other data sets need no Pillow

    try:
        with Image.open(str(path)) as picture:
            return picture.convert("RGB")
    except FileNotFoundError:
        raise
    except Exception as error:  # a broken picture raises SyntaxError, struct.error, OSError, ...
        raise Unreadable(
            "{!r} is not a readable picture ({}); unpack the data set again".format(
                str(path), " ".join(str(error).split())
            )
        ) from error


def listed(folder: Path, inner: str = "") -> Listing:
    """Paths and labels of the pictures in `folder/<class>/inner`, in the order of their names."""
    names = (
        sorted(each.name for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []
    )
    return [
        (path, label) for label, name in enumerate(names) for path in inside(folder / name / inner)
    ]


def inside(folder: Path) -> List[Path]:
    """The pictures of one folder in the order of their names, none if it is not there."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)


def checked(
    listing: Listing, where: Path, name: str, pictures: int, classes: int, verify: bool
) -> Listing:
    """The listing, if it has pictures and, when asked, as many as were published.

    Raises:
        ValueError: it has none, too many classes, or another number than was published.
    """
    found = len({label for _, label in listing})
    if not listing or found > classes or verify and (len(listing), found) != (pictures, classes):
        usable = 0 < found <= classes
        raise ValueError(
            "{}: {!r} has {} pictures of {} classes, published are {} of {}; unpack "
            "the data set again{}".format(
                name,
                str(where),
                len(listing),
                found,
                pictures,
                classes,
                ", or set dataset.verify = false to read what is there" * usable,
            )
        )
    return listing
