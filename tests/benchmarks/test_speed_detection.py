"""What early-bird detection adds to an epoch of VGG-16 whose evaluation brings the sign codes.

An epoch is 50 000 images of 32x32 in batches of 128; one step of it is trained and scaled up. The
detection is done in full: 79 batches of 10 000 test images pass by, the probes' codes are chosen,
packed, compared and sampled. The activations are those of one batch, recorded and played back, so
that no forward pass is timed; out of the caches they cost more than fresh ones.
"""

import time
from statistics import median

import pytest
import torch
from torch import nn

from edgejoule import plugins
from edgejoule.bench.races import kernel_contests
from edgejoule.prune.signcodes import coded_layers, codes, looks
from edgejoule.prune.signcodes.epoch_sampler import Trail
from edgejoule.prune.signcodes.evaluation_codes import EvaluationCodes

BATCH, TRAINED, TESTED = 128, 50000, 10000
ROUNDS = 5
MOST = 0.005  # of an epoch


@pytest.fixture(scope="module", autouse=True)
def compiled():
    if not kernel_contests.here():
        pytest.skip("no compiled kernel here: NumPy packs at 1/50 of the speed")


class Played(nn.Module):
    """The coded layers alone, whose outputs were recorded."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = outputs
        self.layers = nn.ModuleList([nn.Identity() for _ in outputs])

    def forward(self, images):
        for layer, output in zip(self.layers, self.outputs):
            layer(output[: len(images)])
        return images


@pytest.fixture(scope="module")
def vgg():
    """(network, its coded layers played back)."""
    torch.manual_seed(0)
    model = plugins.load("models", "vgg16").build()
    images, outputs = torch.randn(BATCH, 3, 32, 32), []
    names = coded_layers.names(model, images[:1])
    codes.look(model, images, lambda name, values: outputs.append(values), names)
    return model, Played(outputs).eval()


def trained_step(model):
    """A function: one step of training on a batch."""
    images, labels = torch.randn(BATCH, 3, 32, 32), torch.randint(0, 10, (BATCH,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step():
        model.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def detection(played, probes):
    """A function: the detection of one epoch, from the first hook to the distance."""
    names = ["layers.{}".format(place) for place in range(len(played.layers))]
    places = torch.randperm(TESTED, generator=torch.Generator().manual_seed(1))[:probes]
    evaluated = EvaluationCodes(places, names)
    look = looks.older(lambda model: evaluated.take(), "layer_mean", 1, Trail())
    batches = torch.zeros(TESTED, 1).split(BATCH)

    def detect():
        answer = evaluated(played)
        with torch.no_grad():
            for images in batches:
                answer(images)
        return look(played)

    return detect


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


@pytest.mark.parametrize("probes", [1000, TESTED])
def test_detection_from_the_evaluation(joules_benchmark, said, vgg, probes):
    step, detect = trained_step(vgg[0]), detection(vgg[1], probes)
    step(), detect()  # gradients, momentum, memory
    # in turns, so that what slows one down slows the other
    pairs = [(seconds(step), seconds(detect)) for _ in range(ROUNDS)]
    shares = sorted(ours / (one * TRAINED / BATCH) for one, ours in pairs)
    joules_benchmark.extra_info.update(share_of_epoch=median(shares))
    assert joules_benchmark.pedantic(detect, rounds=2, iterations=1) == [0.0]
    said(
        "{:.3f} % of an epoch of VGG-16 [{:.3f}, {:.3f}], {} rounds".format(
            *[100 * each for each in (median(shares), shares[0], shares[-1])], ROUNDS
        )
    )
    assert median(shares) <= MOST
