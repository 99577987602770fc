"""Adversarial: weights that were trained to fit random labels (Liu et al., 2019, arXiv:1906.02613).

The labels of the training set are shuffled once, so each class keeps its number of pictures, and
the network is trained on them, not augmented, with the settings of the run, until it knows a share
`pretrain_until` of them. Deviation: the paper also adds copies of each picture with some pixels
set to zero; here every picture is seen once an epoch, as it is.
"""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator, Tuple

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from edgejoule.bench.data import Data, Split
from edgejoule.prune import cost

if TYPE_CHECKING:
    from edgejoule.bench.training.loop import Trainer

TRAINS = True


class Relabelled:
    """The pictures of a split that is read from disk, with these labels [n] in place of its own."""

    def __init__(self, split: Split, labels: Tensor) -> None:
        self._split, self._labels = split, labels

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, index: int) -> Tuple[Tensor, Any]:
        return self._split[index][0], int(self._labels[index])


def initialise(
    trainer: "Trainer", *, pretrain_epochs: int = 100, pretrain_until: float = 0.99
) -> None:
    """Trains the model on random labels; the learning rate falls over `pretrain_epochs`."""

    def known() -> float:
        return trainer.ledger.epochs[-1].train_accuracy

    with random_labels(trainer):
        trainer.train(pretrain_epochs, after_epoch=lambda epoch: known() >= pretrain_until)
    if known() < pretrain_until:
        trainer.warn(
            "the network knows {:.1%} of the random labels after {} epochs, asked were {:.1%}; "
            "raise train.pretrain_epochs".format(known(), pretrain_epochs, pretrain_until)
        )


def work(
    model: nn.Module, example: Tensor, *, pretrain_epochs: int = 100, pretrain_until: float = 0.99
) -> Tuple[int, int]:
    """(epochs at most, FLOPs of a picture in one of them)."""
    return pretrain_epochs, 2 * cost.count(model, example).train_macs


@contextmanager
def random_labels(trainer: "Trainer") -> Iterator[None]:
    """Inside, the trainer trains on shuffled labels and without augmentation."""
    true = trainer.data
    trainer.data = Data(shuffled(true.train, trainer.seed), true.test, None)
    try:
        yield
    finally:
        trainer.data = true


def shuffled(split: Split, seed: int) -> Split:
    """The split with its labels dealt out anew by chance; the same for the same seed."""
    # a generator of our own: the trainer's must give the run the same samples as ever
    chance = torch.Generator().manual_seed(seed)
    own = labels(split)
    dealt = own[torch.randperm(len(own), generator=chance)]
    if isinstance(split, TensorDataset):  # stays one, because those are read batch by batch
        return TensorDataset(split.tensors[0], dealt)
    return Relabelled(split, dealt)


def labels(split: Split) -> Tensor:
    """All labels [n] of a split, without reading pictures where it has a list of them."""
    if isinstance(split, TensorDataset):
        return split.tensors[1]
    listing = getattr(split, "listing", None)  # of `bench.formats.picture_folders`
    if listing is not None:
        return torch.tensor([label for _, label in listing])
    return torch.tensor([int(split[index][1]) for index in range(len(split))])
