"""Handwritten digits, 8 x 8, embedded in scikit-learn (Alpaydin and Kaynak, UCI, 1998).

Real data that every installation carries. Every fifth picture of each class is a test picture:
the split is fixed and stratified, and owes nothing to a random generator.
"""
import numpy
import torch

from bench.data import Data, images

CLASSES = 10
INPUT_SHAPE = (1, 8, 8)
TRAIN_IMAGES = 1442
TEST_IMAGES = 355
LICENCE = "CC BY 4.0 (UCI Machine Learning Repository, Optical Recognition of Handwritten Digits)"
CHECKSUMS = {"digits.csv.gz": "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"}
MEAN, STD = (0.3051,), (0.3762,)
WHITE = 16.0


def load(root=None):
    """All pictures in memory; `root` is not read, the file comes with scikit-learn."""
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    values = torch.from_numpy(values.astype(numpy.uint8)).view(-1, *INPUT_SHAPE)
    labels = torch.from_numpy(labels.astype(numpy.int64))
    test = _every_fifth(labels)
    return Data(images(values[~test], labels[~test], MEAN, STD, WHITE),
                images(values[test], labels[test], MEAN, STD, WHITE), None)


def _every_fifth(labels: torch.Tensor) -> torch.Tensor:
    """True for every fifth picture of its class [n]."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(CLASSES):
        chosen[(labels == label).nonzero()[4::5, 0]] = True
    return chosen
