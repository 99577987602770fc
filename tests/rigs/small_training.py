"""A trainer of the real kind on a handful of random pictures, and the batches that it will see."""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from edgejoule.bench import settings
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training.loop import Trainer
from rigs.fake_meter import FakeMeter, Silent

IMAGES, BATCH = 40, 8
PER_EPOCH = IMAGES // BATCH  # steps


def network(classes=3):
    """A convolution with batch norm and a linear layer, the same at every call."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, classes),
    )


def data(classes=3):
    """Random pictures with random labels."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(IMAGES + 20, 1, 6, 6, generator=generator)
    y = torch.randint(classes, (IMAGES + 20,), generator=generator)
    return Data(TensorDataset(x[:IMAGES], y[:IMAGES]), TensorDataset(x[IMAGES:], y[IMAGES:]), None)


def chosen(**changes):
    """The train section of a case, resolved."""
    length = {} if changes.get("steps") else {"epochs": 4}
    return settings.resolve("train", dict(length, **dict({"batch_size": BATCH}, **changes)))


def trainer(classes=3, kind=Trainer, first=(), **changes):
    """A trainer with these settings of [train]; `first` are arguments of its kind before ours."""
    made = network(classes)
    return kind(
        *first,
        made,
        data(classes),
        chosen(**changes),
        Ledger(FakeMeter(None), lambda: None),
        Silent(),
        lambda: None,
        network,
    )


def batches(epochs, seed=0):
    """What a trainer of that seed steps on, in order: it draws its epochs from the seed."""
    train = data().train
    drawing = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for part in torch.randperm(IMAGES, generator=drawing).split(BATCH):
            yield train.tensors[0][part], train.tensors[1][part]


def equal(one, other):
    """True if two networks have the same values to the last bit."""
    ours, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)
