"""Pictures in folders, one folder a class, read when they are needed.

`<split>/<class>/*.JPEG`, as ImageNet and Imagenette come; Tiny ImageNet has its own two layouts.
Classes are numbered in the order of their folders' names.
"""
import math
from pathlib import Path
from typing import List, Sequence, Tuple

import numpy
import torch
from torch import Tensor
from torch.utils.data import Dataset

SUFFIXES = (".jpeg", ".jpg", ".png")
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Listing = List[Tuple[Path, int]]


class Unreadable(ValueError):
    """A picture that cannot be decoded.

    A worker process hands an error on wrapped in its traceback; the last line is the sentence.
    """

    def __init__(self, text: str):
        super().__init__(text.strip().splitlines()[-1].split("Unreadable: ")[-1])


class Pictures(Dataset):
    """Pairs (picture [3, size, size], label), the middle of each picture.

    The shorter side is brought to `resize` pixels, the middle `size` x `size` are cut out.
    """

    def __init__(self, listing: Listing, size: int, resize: int, mean: Sequence[float],
                 std: Sequence[float]):
        self.listing, self.size, self.resize = listing, size, resize
        self.mean = 255.0 * torch.tensor(mean).view(-1, 1, 1)
        self.std = 255.0 * torch.tensor(std).view(-1, 1, 1)

    def __len__(self) -> int:
        return len(self.listing)

    def __getitem__(self, index: int) -> Tuple[Tensor, int]:
        path, label = self.listing[index]
        picture = decoded(path)
        pixels = torch.from_numpy(numpy.array(self._cut(picture)))
        return (pixels.permute(2, 0, 1).float() - self.mean) / self.std, label

    def _cut(self, picture):
        return middle(picture, self.size, self.resize)


class RandomCrops(Pictures):
    """The same pairs with a new random crop, half of them mirrored, at every reading.

    A crop has 8 to 100 % of the area and a ratio of sides from 3/4 to 4/3, both drawn evenly
    (Szegedy et al., 2015, arXiv:1409.4842, section 6). Draws come from torch's generator, which
    a loader seeds in each of its workers.
    """

    def _cut(self, picture):
        width, height = box_size(picture.size)
        left = int(torch.randint(0, picture.width - width + 1, ()))
        top = int(torch.randint(0, picture.height - height + 1, ()))
        box = (left, top, left + width, top + height)
        cut = picture.resize((self.size, self.size), BILINEAR, box)
        return cut.transpose(MIRROR) if torch.rand(()) < 0.5 else cut


BILINEAR, MIRROR = 2, 0  # numbers of Pillow's BILINEAR and FLIP_LEFT_RIGHT, whose homes moved


def box_size(size: Tuple[int, int]) -> Tuple[int, int]:
    """Width and height of a random crop of a picture; the largest square after ten misses."""
    width, height = size
    for _ in range(10):
        area = width * height * float(torch.empty(()).uniform_(0.08, 1.0))
        ratio = math.exp(float(torch.empty(()).uniform_(math.log(3 / 4), math.log(4 / 3))))
        w, h = int(round(math.sqrt(area * ratio))), int(round(math.sqrt(area / ratio)))
        if 0 < w <= width and 0 < h <= height:
            return w, h
    return min(size), min(size)


def middle(picture, size: int, resize: int):
    """The middle `size` x `size` pixels after the shorter side was brought to `resize`."""
    scale = resize / min(picture.size)
    width, height = (max(resize, int(round(side * scale))) for side in picture.size)
    left, top = (width - size) // 2, (height - size) // 2
    return picture.resize((width, height), BILINEAR).crop((left, top, left + size, top + size))


def decoded(path: Path):
    """A Pillow picture in RGB."""
    from PIL import Image

    try:
        with Image.open(str(path)) as picture:
            return picture.convert("RGB")
    except FileNotFoundError:
        raise
    except Exception as error:  # a broken picture raises SyntaxError, struct.error, OSError, ...
        raise Unreadable("{!r} is not a readable picture ({}); fetch the data set again".format(
            str(path), error))


def listed(folder: Path, inner: str = "") -> Listing:
    """Paths and labels of all pictures in `folder/<class>/inner`, in the order of their names."""
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) \
        if folder.is_dir() else []
    return [(path, label) for label, name in enumerate(classes)
            for path in sorted((folder / name / inner).iterdir())
            if path.suffix.lower() in SUFFIXES]


def counted(name: str, folder: Path, listing: Listing, pictures: int, classes: int,
            verify: bool) -> Listing:
    """The listing, if it has pictures, and as many as were published when that is asked for."""
    found = len({label for _, label in listing})
    if not listing or found > classes or (verify and (len(listing), found) != (pictures, classes)):
        raise ValueError("{}: {!r} has {} pictures of {} classes, published are {} of {}; unpack "
                         "the data set again{}".format(
                             name, str(folder), len(listing), found, pictures, classes,
                             ", or set dataset.verify = false to read what is there"
                             if listing and found <= classes else ""))
    return listing
