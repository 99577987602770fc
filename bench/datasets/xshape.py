"""Points of the plane in two classes that meet in an X: above or below both diagonals, or not.

The toy of the max-affine spline paper's figures of partitions: 2000 points drawn evenly from
[-5, 5]^2, four fifths of them for training. Drawn here from a fixed seed, so they are always the
same points; a "picture" is one point, [2, 1, 1].
"""

from pathlib import Path
from typing import Dict, Union

import numpy as np
import torch
from torch.utils.data import TensorDataset

from edgejoule.bench.data import Data

CLASSES = 2
INPUT_SHAPE = (2, 1, 1)
TRAIN_IMAGES = 1600
TEST_IMAGES = 400
LICENCE = "none needed: drawn by this file"
CHECKSUMS: Dict[str, str] = {}


def load(root: Union[str, Path, None] = None, *, points_seed: int = 0) -> Data:
    """Points and classes in memory; `root` is not read."""
    drawn = np.random.RandomState(points_seed).uniform(-5, 5, (TRAIN_IMAGES + TEST_IMAGES, 2))
    classes = (abs(drawn[:, 1]) > abs(drawn[:, 0])).astype(np.int64)
    x = torch.from_numpy(drawn.astype(np.float32)).view(-1, *INPUT_SHAPE)
    y = torch.from_numpy(classes)
    return Data(
        TensorDataset(x[:TRAIN_IMAGES], y[:TRAIN_IMAGES]),
        TensorDataset(x[TRAIN_IMAGES:], y[TRAIN_IMAGES:]),
        None,
    )
