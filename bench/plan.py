"""What a suite will cost, before a single step: every recipe is walked by a trainer that does
not train.

Scoring and cutting happen for real on the untrained network with random images, so widths are
right up to what training would change; a search is taken to its last epoch, so an early-bird
estimate is an upper bound.
"""
from contextlib import contextmanager
from typing import Dict

import torch

from bench import plugins, suite
from bench.train import learning_rate
from prune import cost

CONVENTION = "exact"


class Rehearsal:
    """The trainer protocol without training: counts the epochs that a recipe asks for."""

    def __init__(self, model, source, settings):
        torch.manual_seed(settings["seed"])
        self.settings, self.source = settings, source
        self.epochs, self.seed = settings["epochs"], settings["seed"]
        self.example = torch.randn((1,) + tuple(source.INPUT_SHAPE))
        self.flops = {}  # type: Dict[str, float]
        self._phase = None
        self.replace(model)

    @contextmanager
    def phase(self, name):
        """What is asked inside is charged to this phase."""
        self._phase = name
        self.flops.setdefault(name, 0.0)
        yield

    def replace(self, model):
        """Counts this model from now on."""
        self.model = model
        self._per_sample = cost.train_flops(model, self.example, CONVENTION)

    def train(self, epochs, first=0, total=None, penalty=None, after_epoch=None) -> int:
        """Charges the epochs and calls nobody back."""
        learning_rate(self.settings, first, total or first + epochs)
        self.flops[self._phase] += epochs * self.source.TRAIN_IMAGES * self._per_sample
        return epochs

    def batches(self, count, split="train"):
        """Random images of the right shape; labels in range."""
        size = self.settings["batch_size"]
        shape = (size,) + tuple(self.source.INPUT_SHAPE)
        return [(torch.randn(shape), torch.randint(self.source.CLASSES, (size,)))
                for _ in range(min(count, 2))]

    def charge(self, flops, what):
        """Adds FLOPs of scoring."""
        self.flops[self._phase] += flops

    def warn(self, sentence):
        """An untrained network's warnings mean nothing."""


def estimate(case: suite.Case) -> Dict[str, float]:
    """Training FLOPs by phase (2 per MAC, exact convention)."""
    source = plugins.load("bench/datasets", case.dataset["name"])
    options = {k: v for k, v in case.model.items() if k != "name"}
    model = plugins.load("bench/models", case.model["name"]).build(
        source.CLASSES, source.INPUT_SHAPE[0], **options)
    rehearsal = Rehearsal(model, source, case.train)
    options = {k: v for k, v in case.prune.items() if k not in ("recipe", "label")}
    plugins.load("prune/recipes", case.prune["recipe"]).run(rehearsal, **options)
    return rehearsal.flops
