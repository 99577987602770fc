"""MNIST, handwritten digits of 28 x 28 pixels (LeCun et al., 1998).

Read from the four IDX files, compressed or not. Seed 003 trains AlexNet on it at `resize` 224.
Deviation: that study shows the picture in three equal channels, and crops and mirrors it.
"""

from pathlib import Path
from typing import Optional, Sequence, Tuple, Union

from torch import Tensor

from edgejoule.bench.data import Data, images
from edgejoule.bench.formats import archives, idx

CLASSES = 10
INPUT_SHAPE = (1, 28, 28)
RESIZES = True
TRAIN_IMAGES = 60000
TEST_IMAGES = 10000
LICENCE = "CC BY-SA 3.0"
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
# torchvision's mirror: the original address refuses most requests
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
SOURCE = archives.Source(
    "mnist",
    tuple(MIRROR + name for name in CHECKSUMS if name[-3:] == ".gz"),
    ("mnist", "MNIST/raw"),
    CHECKSUMS,
)


def load(
    root: Union[str, Path],
    *,
    resize: Optional[int] = None,
    mean: Sequence[float] = (0.1307,),
    std: Sequence[float] = (0.3081,),
    download: bool = False,
    verify: bool = True,
) -> Data:
    """All pictures in memory; `resize` brings them to other sides. No augmentation."""
    folder = archives.folder(SOURCE, root, download)
    train, test = (_split(folder, name, verify) for name in ("train", "t10k"))
    return Data(
        images(*train, mean, std, resize=resize), images(*test, mean, std, resize=resize), None
    )


def _split(folder: Path, name: str, verify: bool) -> Tuple[Tensor, Tensor]:
    """Bytes [n, 1, 28, 28] and labels [n] of one split."""
    values, labels = (
        idx.read(_file(folder, name + kind, verify))
        for kind in ("-images-idx3-ubyte", "-labels-idx1-ubyte")
    )
    known = labels.dim() == 1 and len(labels) > 0 and int(labels.max()) < CLASSES
    if not known or values.shape != (len(labels),) + INPUT_SHAPE[1:]:
        raise ValueError(
            "mnist: {!r} has {} pictures {} and labels {}; expected [n, 28, 28] and "
            "[n] labels from 0 to 9".format(
                str(folder), name, list(values.shape), list(labels.shape)
            )
        )
    return values.unsqueeze(1), labels.long()


def _file(folder: Path, name: str, verify: bool) -> Path:
    """The plain file if it is there, else the compressed one."""
    plain = folder / name
    return archives.file(SOURCE, plain if plain.is_file() else folder / (name + ".gz"), verify)
