"""Tiny ImageNet, 64 x 64 pictures of 200 classes (Stanford's course CS231n, 2015).

Training pictures lie in `train/<class>/images/`; validation pictures lie together in
`val/images/`, and `val/val_annotations.txt` tells the class of each. The real test set has no
labels: the validation set is the test set here, as everywhere.
"""

from functools import partial
from pathlib import Path
from typing import Optional, Sequence, Union

from edgejoule.bench.data import Data, side
from edgejoule.bench.formats import archives
from edgejoule.bench.formats.picture_folders import (
    Listing,
    Pictures,
    checked,
    inside,
    listed,
    preloaded,
    squeezed,
)
from edgejoule.bench.training import augmentation

CLASSES = 200
INPUT_SHAPE = (3, 64, 64)
RESIZES = True
TRAIN_IMAGES = 100000
TEST_IMAGES = 10000
LICENCE = "research and education only, as ImageNet"
CHECKSUMS = {"tiny-imagenet-200.zip": "90528d7ca1a48142e341f4ef8d21d0de"}
SOURCE = archives.Source(
    "tiny_imagenet",
    ("http://cs231n.stanford.edu/tiny-imagenet-200.zip",),
    ("tiny-imagenet-200",),
    CHECKSUMS,
)


def load(
    root: Union[str, Path],
    *,
    resize: Optional[int] = None,
    pad: int = 4,
    flip: float = 0.5,
    mean: Sequence[float] = (0.485, 0.456, 0.406),
    std: Sequence[float] = (0.229, 0.224, 0.225),
    preload: bool = False,
    download: bool = False,
    verify: bool = True,
) -> Data:
    """Pictures read from disk as they are needed, or, `preload`, kept in memory (1.4 GB).

    `resize` brings them to other sides than 64; `pad` counts pixels of 64 all the same.
    """
    size = side(resize, INPUT_SHAPE[1])
    folder = archives.folder(SOURCE, root, download)
    counts = {"train": TRAIN_IMAGES, "val": TEST_IMAGES}
    listings = {"train": listed(folder / "train", "images"), "val": _validation(folder)}
    train, test = (
        Pictures(
            checked(
                listings[split], folder / split, "tiny_imagenet", counts[split], CLASSES, verify
            ),
            partial(squeezed, size=size),
            mean,
            std,
        )
        for split in ("train", "val")
    )
    augment = augmentation.crops_and_flips(pad, flip, mean, std, size / INPUT_SHAPE[1])
    if preload:
        return Data(preloaded(train), preloaded(test), augment)
    return Data(train, test, augment)


def _validation(folder: Path) -> Listing:
    """Paths and labels of the validation pictures, numbered as the training classes are."""
    names = sorted(each.name for each in (folder / "train").glob("*") if each.is_dir())
    annotations = archives.file(SOURCE, folder / "val" / "val_annotations.txt", verify=False)
    lines = annotations.read_text(encoding="utf8").splitlines()
    # picture, class, and the corners of a box, which nobody reads here
    classes = dict(line.split("\t")[:2] for line in lines if "\t" in line)
    unknown = sorted(set(classes.values()) - set(names))
    pictures = inside(folder / "val" / "images")
    unlabelled = [path.name for path in pictures if path.name not in classes]
    if unknown or unlabelled:
        raise ValueError(
            "tiny_imagenet: {!r} gives {}; unpack the data set again".format(
                str(annotations),
                "the class {!r}, which train/ does not have".format(unknown[0])
                if unknown
                else "no class for {!r}".format(unlabelled[0]),
            )
        )
    return [(path, names.index(classes[path.name])) for path in pictures]
