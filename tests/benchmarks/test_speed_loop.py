"""What the harness costs over a bare PyTorch loop: the same network, batches and optimiser.

Epochs of both are run in turns, each timed without evaluation: ours is the ledger's own window. The
bare loop is what somebody would write by hand for data in memory, without a single extra. The share
is that of the medians; its interval the quartiles of the pairs.
"""

import time
from statistics import median

import pytest
import torch
from rigs.fake_meter import FakeMeter, Silent
from torch.nn import functional
from torch.utils.data import TensorDataset

from edgejoule import plugins
from edgejoule.bench import settings
from edgejoule.bench.data import Data
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training.loop import Trainer
from edgejoule.prune.weightmasks import weight_mask

ROUNDS = 9
MOST, MOST_MASKED = 0.03, 0.08
LOOPS = [  # network, batch, images [n, c, h, w] of an epoch
    ("resnet20", 64, (256, 3, 32, 32)),
    ("lenet300", 32, (4096, 1, 28, 28)),
    ("lenet5", 32, (1024, 1, 28, 28)),
]


class Clock(FakeMeter):
    """A meter whose windows last as long as the processor worked."""

    def __init__(self):
        super().__init__(None)

    @property
    def now(self):
        return time.process_time()

    @now.setter
    def now(self, value):
        """It cannot be set."""


def data(shape):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=generator)
    y = torch.randint(0, 10, shape[:1], generator=generator)
    return Data(TensorDataset(x, y), TensorDataset(x[:10], y[:10]), None)


def network(name, shape):
    torch.manual_seed(0)
    return plugins.load("models", name).build(10, shape[1])


def harness(name, batch, shape):
    """(a function: the seconds of an epoch of ours, its trainer)."""
    chosen = dict(settings.TRAIN, epochs=10**6, batch_size=batch, threads=1)
    model, ledger = network(name, shape), Ledger(Clock(), lambda: None)
    build = None  # nothing here asks for a fresh network
    trainer = Trainer(model, data(shape), chosen, ledger, Silent(), lambda: None, build)

    def epoch():
        with trainer.phase("dense"):
            trainer.train(1, first=0, total=10**6)
        return ledger.epochs[-1].seconds

    return epoch, trainer


def bare(name, batch, shape):
    """A function: the seconds of an epoch of the loop without a harness."""
    model, (x, y) = network(name, shape), data(shape).train.tensors
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9, weight_decay=1e-4)

    def epoch():
        start = time.process_time()
        model.train()
        for part in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x[part]), y[part])
            loss.backward()
            optimizer.step()
        return time.process_time() - start

    return epoch


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def raced(joules_benchmark, said, ours, theirs, words):
    """The share that ours costs over theirs; both are run in turns."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
    share = median(a for a, _ in pairs) / median(b for _, b in pairs) - 1
    each = sorted(a / b - 1 for a, b in pairs)
    low, high = each[ROUNDS // 4], each[-1 - ROUNDS // 4]
    joules_benchmark.extra_info.update(over_bare_loop=share)
    joules_benchmark.pedantic(ours, rounds=2, iterations=1)
    told = "{:+.1f} % [{:+.1f}, {:+.1f}] of a bare loop of {}, {} rounds"
    said(told.format(100 * share, 100 * low, 100 * high, words, ROUNDS))
    return share


@pytest.mark.parametrize("name, batch, shape", LOOPS, ids=[each[0] for each in LOOPS])
def test_the_harness_over_a_bare_loop(joules_benchmark, said, name, batch, shape):
    ours, _ = harness(name, batch, shape)
    assert raced(joules_benchmark, said, ours, bare(name, batch, shape), name) <= MOST


@pytest.mark.parametrize("name, batch, shape", LOOPS, ids=[each[0] for each in LOOPS])
def test_masks_held_over_a_bare_loop(joules_benchmark, said, name, batch, shape):
    ours, trainer = harness(name, batch, shape)
    generator = torch.Generator().manual_seed(1)
    mask = weight_mask.full(trainer.model, weight_mask.names(trainer.model, "all"))
    for flags in mask.values():
        flags &= torch.rand(flags.shape, generator=generator) < 0.2
    with weight_mask.held(trainer.model, mask):
        share = raced(joules_benchmark, said, ours, bare(name, batch, shape), name + ", masked")
    assert share <= MOST_MASKED
    held = dict(trainer.model.named_parameters())
    assert all(not held[each][~flags].any() for each, flags in mask.items())
