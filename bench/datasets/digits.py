"""Handwritten digits, 8 x 8, embedded in scikit-learn (Alpaydin and Kaynak, UCI, 1998).

Real data that every installation carries. Every fifth picture of each class is a test picture:
the split is fixed and stratified, and owes nothing to a random generator.
"""

import importlib.util
from pathlib import Path
from typing import Optional, Union

import numpy as np
import torch

from edgejoule.bench.data import Data, images
from edgejoule.bench.formats import archives

CLASSES = 10
INPUT_SHAPE = (1, 8, 8)
RESIZES = True
TRAIN_IMAGES = 1442
TEST_IMAGES = 355
LICENCE = "CC BY 4.0 (UCI Machine Learning Repository, Optical Recognition of Handwritten Digits)"
CHECKSUMS = {"digits.csv.gz": "9b335364a7bfd63947c7480a5bd51f2d"}
MEAN, STD = (0.3051,), (0.3762,)
WHITE = 16.0  # the largest value of a pixel


def load(root: Union[str, Path, None] = None, *, resize: Optional[int] = None) -> Data:
    """All pictures in memory, brought to `resize` pixels a side.

    `root` is not read, the file comes with scikit-learn.
    """
    rows = np.loadtxt(str(_file()), delimiter=",")  # a picture's 64 values and its class
    values = torch.from_numpy(rows[:, :-1].astype(np.uint8)).view(-1, *INPUT_SHAPE)
    labels = torch.from_numpy(rows[:, -1].astype(np.int64))
    test = _every_fifth(labels)
    return Data(
        images(values[~test], labels[~test], MEAN, STD, WHITE, resize),
        images(values[test], labels[test], MEAN, STD, WHITE, resize),
        None,
    )


def _file() -> Path:
    """The file inside scikit-learn, which is found and not imported: that takes seconds."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "digits: the pictures come with scikit-learn, which is not "
            "installed; pip install scikit-learn"
        )
    source = archives.Source("digits", (), ("scikit-learn",), CHECKSUMS)
    folder = Path(spec.origin).parent / "datasets" / "data"
    return archives.file(source, folder / "digits.csv.gz", verify=True)


def _every_fifth(labels: torch.Tensor) -> torch.Tensor:
    """True for every fifth picture of its class [n]."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(CLASSES):
        chosen[(labels == label).nonzero()[4::5, 0]] = True
    return chosen
