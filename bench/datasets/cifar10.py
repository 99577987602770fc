"""CIFAR-10, 32 x 32 pictures of ten classes (Krizhevsky, 2009).

Mean, deviation, 4-pixel crops and flips are those of network slimming's experiments.
"""

from pathlib import Path
from typing import Optional, Sequence, Union

from edgejoule.bench.data import Data, images, side
from edgejoule.bench.formats import archives, cifar_batches
from edgejoule.bench.training import augmentation

CLASSES = 10
INPUT_SHAPE = (3, 32, 32)
RESIZES = True
TRAIN_IMAGES = 50000
TEST_IMAGES = 10000
LICENCE = "none stated; published for research, please cite Krizhevsky (2009)"
CHECKSUMS = {
    "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
BATCHES = ["data_batch_{}".format(number) for number in range(1, 6)]
FILES = {
    "cifar-10-batches-py": (BATCHES, ["test_batch"]),
    "cifar-10-batches-bin": ([name + ".bin" for name in BATCHES], ["test_batch.bin"]),
}
SOURCE = archives.Source(
    "cifar10", ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",), tuple(FILES), CHECKSUMS
)
LAYOUT = cifar_batches.Layout(FILES, CLASSES, key="labels", label_bytes=1)


def load(
    root: Union[str, Path],
    *,
    resize: Optional[int] = None,
    pad: int = 4,
    flip: float = 0.5,
    mean: Sequence[float] = (0.4914, 0.4822, 0.4465),
    std: Sequence[float] = (0.2023, 0.1994, 0.2010),
    download: bool = False,
    verify: bool = True,
) -> Data:
    """All pictures in memory, from the pickled or the binary version under `root`.

    `resize` brings them to other sides; `pad` counts pixels of the pictures as they are stored.
    """
    train, test = cifar_batches.load(SOURCE, root, LAYOUT, download, verify)
    scale = side(resize, INPUT_SHAPE[1]) / INPUT_SHAPE[1]
    return Data(
        images(*train, mean, std, resize=resize),
        images(*test, mean, std, resize=resize),
        augmentation.crops_and_flips(pad, flip, mean, std, scale),
    )
