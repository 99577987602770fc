"""What a suite will cost, before a single step: recipes run with a trainer that does not train.

Scoring and cutting happen for real on the untrained network with random images, so widths are
right up to what training would change; a search is taken to its last epoch, so an early-bird
estimate is an upper bound.
"""

from contextlib import contextmanager
from types import ModuleType
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

import torch
from torch import Tensor, nn

from edgejoule import plugins
from edgejoule.bench import data, fit, suite
from edgejoule.bench.data import Batch
from edgejoule.bench.training.loop import AfterEpoch, Penalty, learning_rate
from edgejoule.prune import cost
from edgejoule.prune.trainer import Resumable

IMAGES = 16  # that a score sees; its FLOPs are taken in proportion


class Rehearsal:
    """What a recipe needs of `bench.training.loop.Trainer`, without training: counts its epochs.

    Args:
        model: the dense network, untrained.
        source: the data set's module; its pictures are not read.
        settings: the train section of a case.
        shape: (c, h, w) of a picture.
    """

    def __init__(
        self,
        model: nn.Module,
        source: ModuleType,
        settings: Dict[str, Any],
        shape: Tuple[int, int, int],
    ) -> None:
        torch.manual_seed(settings["seed"])
        self.settings = settings
        self.source: Any = source
        self.epochs, self.seed = settings["epochs"], settings["seed"]
        self.batch_size = settings["batch_size"]
        self.shape = shape
        self.example = torch.randn((1,) + self.shape)
        self.flops: Dict[str, float] = {}  # by phase
        self._phase = ""
        self._share = 1.0  # of the images that a recipe asked for: those that it was given
        self.replace(model)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What is asked inside is charged to this phase."""
        self._phase, self._share = name, 1.0
        self.flops.setdefault(name, 0.0)
        yield

    def fresh(self) -> nn.Module:
        """The model: its shapes are all that is counted."""
        return self.model

    def replace(self, model: nn.Module) -> None:
        """Counts this model from now on."""
        self.model = model
        self._per_sample = 2 * cost.count(model, self.example).train_macs  # exact convention

    def train(
        self,
        epochs: int,
        first: int = 0,
        total: Optional[int] = None,
        penalty: Optional[Penalty] = None,
        after_epoch: Optional[AfterEpoch] = None,
        memory: Optional[Resumable] = None,
    ) -> int:
        """Charges the epochs and calls nobody back: nothing was learned that could end them."""
        # for its complaints: a schedule that cannot be followed should fail now, not in the run
        learning_rate(self.settings, first, total or first + epochs)
        self.flops[self._phase] += epochs * self.source.TRAIN_IMAGES * self._per_sample
        return epochs

    def batches(self, count: int, split: str = "train") -> List[Batch]:
        """A few random images of the right shape in place of all; labels in range."""
        images = min(IMAGES, self.settings["batch_size"])
        self._share = images / (count * self.settings["batch_size"])
        return [
            (
                torch.randn((images,) + self.shape),
                torch.randint(self.source.CLASSES, (images,)),
            )
        ]

    def charge(self, flops: float, what: str) -> None:
        """Adds FLOPs of scoring, as if it had seen all the images it asked for."""
        self.flops[self._phase] += flops / self._share

    def keep_round(self, mask: Mapping[str, Tensor], weights: bool = False) -> None:
        """Nothing was trained, so there is nothing to keep."""

    def warn(self, sentence: str) -> None:
        """An untrained network's warnings mean nothing."""


def estimates(cases: Iterable[suite.Case]) -> Iterator[Tuple[suite.Case, Dict[str, float]]]:
    """Each case with its training FLOPs by phase, one by one; seeds of a method share theirs."""
    known: Dict[str, Dict[str, float]] = {}
    for case in cases:
        method = suite.method(case)
        if method not in known:
            known[method] = estimate(case)
        yield case, known[method]


def estimate(case: suite.Case) -> Dict[str, float]:
    """Training FLOPs by phase (2 per MAC, exact convention)."""
    source = plugins.load("datasets", case.dataset["name"])
    options = {k: v for k, v in case.model.items() if k != "name"}
    model = plugins.load("models", case.model["name"]).build(
        source.CLASSES, source.INPUT_SHAPE[0], **options
    )
    shape = data.shape(source, case.dataset)
    fit.check(model, torch.zeros((1,) + shape), case.model["name"], case.dataset["name"])
    rehearsal = Rehearsal(model, source, case.train, shape)
    options = {k: v for k, v in case.prune.items() if k not in ("recipe", "label")}
    plugins.load("recipes", case.prune["recipe"]).run(rehearsal, **options)
    return rehearsal.flops
