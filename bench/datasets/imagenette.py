"""Imagenette, ten easy classes of ImageNet (Howard, 2019, github.com/fastai/imagenette).

Pictures are squeezed to 128 x 128 and a fifth of them mirrored, as SNIP-it trains on them
(Verdenius et al., 2020, arXiv:2006.00896, appendix K).
"""

from functools import partial
from pathlib import Path
from typing import Optional, Sequence, Union

from edgejoule.bench.data import Data, side
from edgejoule.bench.formats import archives
from edgejoule.bench.formats.picture_folders import Pictures, checked, listed, preloaded, squeezed
from edgejoule.bench.training import augmentation

CLASSES = 10
INPUT_SHAPE = (3, 128, 128)
RESIZES = True
TRAIN_IMAGES = 9469
TEST_IMAGES = 3925
LICENCE = "Apache-2.0 for the selection; the pictures are ImageNet's, research and education only"
CHECKSUMS = {
    "imagenette2-160.tgz": "e793b78cc4c9e9a4ccc0c1155377a412",
    "imagenette2-320.tgz": "3df6f0d01a2c9592104656642f5e78a3",
}
SOURCE = archives.Source(
    "imagenette",
    ("https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",),
    ("imagenette2-160", "imagenette2-320", "imagenette2"),
    CHECKSUMS,
)


def load(
    root: Union[str, Path],
    *,
    resize: Optional[int] = None,
    flip: float = 0.2,
    mean: Sequence[float] = (0.485, 0.456, 0.406),
    std: Sequence[float] = (0.229, 0.224, 0.225),
    preload: bool = False,
    download: bool = False,
    verify: bool = True,
) -> Data:
    """Pictures read from disk as they are needed, or, `preload`, kept in memory (0.7 GB).

    `resize` squeezes them to other sides than 128.
    """
    size = side(resize, INPUT_SHAPE[1])
    folder = archives.folder(SOURCE, root, download)
    train, test = (
        Pictures(
            checked(listed(folder / split), folder / split, "imagenette", count, CLASSES, verify),
            partial(squeezed, size=size),
            mean,
            std,
        )
        for split, count in (("train", TRAIN_IMAGES), ("val", TEST_IMAGES))
    )
    augment = augmentation.crops_and_flips(0, flip, mean, std)
    if preload:
        return Data(preloaded(train), preloaded(test), augment)
    return Data(train, test, augment)
