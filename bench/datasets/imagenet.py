"""ImageNet, ILSVRC 2012: pictures of a thousand classes (Russakovsky et al., 2015).

Read from `imagenet/train/<class>/*.JPEG` and `imagenet/val/<class>/*.JPEG`. Training takes random
crops and flips, the test the middle 224 of 256 pixels (He et al., 2016, arXiv:1512.03385): `resize`
is here the shorter side before that crop, pictures are always of 224.
"""

from functools import partial
from pathlib import Path
from typing import Sequence, Union

from edgejoule.bench.data import Data
from edgejoule.bench.formats import archives
from edgejoule.bench.formats.picture_folders import Pictures, checked, listed, middle, random_crop

CLASSES = 1000
INPUT_SHAPE = (3, 224, 224)
TRAIN_IMAGES = 1281167
TEST_IMAGES = 50000
LICENCE = "research and education only, by agreement with https://image-net.org"
CHECKSUMS = {
    "ILSVRC2012_img_train.tar": "1d675b47d978889d74fa0da5fadfb00e",
    "ILSVRC2012_img_val.tar": "29b22e2961454d5413ddabcf34fc5622",
}
SOURCE = archives.Source("imagenet", (), ("imagenet", "ILSVRC2012"), CHECKSUMS)


def load(
    root: Union[str, Path],
    *,
    resize: int = 256,
    mean: Sequence[float] = (0.485, 0.456, 0.406),
    std: Sequence[float] = (0.229, 0.224, 0.225),
    verify: bool = True,
) -> Data:
    """Pictures read from disk as they are needed; each reading for training is a new crop."""
    size = INPUT_SHAPE[1]
    if resize < size:
        raise ValueError(
            "dataset.resize = {!r}; pictures of {} pixels cannot be cut from fewer".format(
                resize, size
            )
        )
    folder = archives.folder(SOURCE, root)
    train, test = (
        checked(listed(folder / split), folder / split, "imagenet", count, CLASSES, verify)
        for split, count in (("train", TRAIN_IMAGES), ("val", TEST_IMAGES))
    )
    fixed = partial(middle, size=size, resize=resize)  # scores and tests see the same crop always
    return Data(
        Pictures(train, fixed, mean, std),
        Pictures(test, fixed, mean, std),
        None,
        Pictures(train, partial(random_crop, size=size), mean, std),
    )
