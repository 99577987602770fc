"""What a suite will cost, before a single step: recipes run with a trainer that does not train.

Scoring and cutting happen for real on the untrained network with random images, so widths are
right up to what training would change; a search is taken to its last epoch, so an early-bird
estimate is an upper bound.

A rehearsal of a deep network takes a second or two, ThiNet's a minute. When a plan's time is over,
the methods that are left are rehearsed on a stand-in, a chain of a few small layers, which takes
milliseconds: their epochs are those of the network, and what an epoch costs after a cut is the
chain's share of the dense cost. They are marked as such.
"""

import json
import time
from contextlib import contextmanager
from types import SimpleNamespace
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Set,
    Tuple,
    cast,
)

import torch
from torch import Tensor, nn

from edgejoule import plugins
from edgejoule.bench import data, fit, suite
from edgejoule.bench.data import Batch
from edgejoule.bench.training import initial
from edgejoule.bench.training.lengths import length
from edgejoule.bench.training.loop import AfterEpoch, Penalty
from edgejoule.bench.training.rates import chosen, learning_rate
from edgejoule.bench.training.stepping import AfterStep
from edgejoule.prune import cost
from edgejoule.prune.grouping import find
from edgejoule.prune.trainer import Resumable
from edgejoule.prune.weightmasks.treatments import Moment, snapshot

IMAGES = 16  # that a score sees; its FLOPs are taken in proportion
IN_TIME_S = 1.0  # of true rehearsals in a plan; what is left of 10 s goes to imports and stand-ins
STAND_INS = (2, 3)  # layers: two depths show what a recipe does once for every layer
CHAIN_PICTURE = (3, 8, 8)  # c, h, w of what the chains see


class Part(NamedTuple):
    """A stretch of training within one phase: its epochs and the FLOPs of each."""

    phase: str
    epochs: float
    flops: float  # of one epoch, exact convention


class Alike(NamedTuple):
    """A phase that other cases may have in common with this one."""

    work: str  # what it and all phases before it do; equal for equal work of equal settings
    phase: str
    parts: Tuple[Part, ...]


class Plan(NamedTuple):
    """A method's work; `exact` if its own network was rehearsed, not a stand-in."""

    flops: Dict[str, float]  # training FLOPs by phase, scoring included
    parts: Tuple[Part, ...]
    exact: bool
    alike: Tuple[Alike, ...] = ()


class Chain(NamedTuple):
    """What a method does on a stand-in."""

    parts: Tuple[Part, ...]
    alike: Tuple[Alike, ...]


class Late(Exception):
    """A rehearsal had not ended when its time was over."""


class Rehearsal:
    """What a recipe needs of `bench.training.loop.Trainer`, without training: counts its epochs.

    Args:
        model: the dense network, untrained.
        source: the data set's module; its pictures are not read.
        settings: the train section of a case.
        shape: (c, h, w) of a picture.
        is_late: told true, the rehearsal ends with `Late` at its next step.
    """

    def __init__(
        self,
        model: nn.Module,
        source: Any,
        settings: Dict[str, Any],
        shape: Tuple[int, int, int],
        is_late: Callable[[], bool] = lambda: False,
    ) -> None:
        torch.manual_seed(settings["seed"])
        self.settings = settings
        self.source: Any = source
        self.epochs, self.seed = settings["epochs"], settings["seed"]
        self.batch_size = settings["batch_size"]
        self.steps_per_epoch = length(settings, source.TRAIN_IMAGES).per_epoch
        self.shape = shape
        self.example = torch.randn((1,) + self.shape)
        self.flops: Dict[str, float] = {}  # by phase
        self.parts: List[Part] = []
        self.alike: List[Alike] = []
        self._row: Optional[List[Any]] = []  # work of all phases so far; None: one did not say
        self._is_late = is_late
        self._phase = ""
        self._share = 1.0  # of the images that a recipe asked for: those that it was given
        self.replace(model)

    @contextmanager
    def phase(self, name: str, work: Optional[Dict[str, Any]] = None) -> Iterator[None]:
        """What is asked inside is charged to this phase."""
        self._check_time()
        self._phase, self._share = name, 1.0
        self.flops.setdefault(name, 0.0)
        begun = len(self.parts)
        yield
        self._row = None if work is None or self._row is None else self._row + [name, work]
        if self._row is not None:
            told = json.dumps(self._row, sort_keys=True)
            self.alike.append(Alike(told, name, tuple(self.parts[begun:])))

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """An optimiser of the kind that would train; a recipe may need a certain one."""
        made = chosen("optimisers", "optimiser", self.settings)(self.model.parameters())
        return cast(torch.optim.Optimizer, made)

    def fresh(self) -> nn.Module:
        """The model: its shapes are all that is counted."""
        return self.model

    def replace(self, model: nn.Module) -> None:
        """Counts this model from now on."""
        self._check_time()
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
        after_step: Optional[AfterStep] = None,
    ) -> int:
        """Charges the epochs and calls nobody back: nothing was learned that could end them."""
        # for its complaints: a schedule that cannot be followed should fail now, not in the run
        learning_rate(self.settings, first, total or first + epochs)
        trained = self.source.TRAIN_IMAGES * (1 - self.settings["validation"])
        flops = float(trained * self._per_sample)  # of a whole epoch: the last may have less
        self.flops[self._phase] += epochs * flops
        self.parts.append(Part(self._phase, epochs, flops))
        if isinstance(memory, Moment):  # there are no passes to count, and no state but this one
            counted = epochs * length(self.settings, self.source.TRAIN_IMAGES).per_epoch
            memory.restore(snapshot(self.model), {"steps": counted, "reached": True})
        return epochs

    def pretrain(self, passes: int, flops: float) -> None:
        """Charges passes over the training pictures before the recipe, of so many FLOPs each."""
        if passes:
            with self.phase(initial.PHASE):
                self.flops[initial.PHASE] += passes * flops
                self.parts.append(Part(initial.PHASE, passes, flops))

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
        self._check_time()  # a method may score a hundred times
        self.flops[self._phase] += flops / self._share

    def keep_round(self, mask: Mapping[str, Tensor], weights: bool = False) -> None:
        """Nothing was trained, so there is nothing to keep."""

    def warn(self, sentence: str) -> None:
        """An untrained network's warnings mean nothing."""

    def _check_time(self) -> None:
        if self._is_late():
            raise Late


class Planner:
    """Plans the methods of a suite; seeds of a method share a plan, and all of them the time.

    Args:
        seconds: how long true rehearsals may take in all; None: as long as they take.
        now: the clock of that time: the processor's, so that a busy machine plans the same.
    """

    def __init__(
        self, seconds: Optional[float] = None, now: Callable[[], float] = time.process_time
    ) -> None:
        self._now = now
        self._until = None if seconds is None else now() + seconds
        self._known: Dict[str, Optional[Plan]] = {}
        self._fitting: Set[str] = set()  # of networks and pictures that go together
        self._dense: Dict[str, Part] = {}
        self._depths: Dict[str, int] = {}
        self._chains: Dict[str, List[Chain]] = {}

    def plan(self, case: suite.Case) -> Optional[Plan]:
        """The plan of a case; None if there was no time and no stand-in takes its method.

        Raises:
            ValueError: its settings cannot be followed.
        """
        # as they stand and not less their defaults: hundreds of cases are told apart in no time
        key = repr([case.model, case.dataset, dict(case.train, seed=0), case.prune])
        if key not in self._known:
            self._check(case)
            self._known[key] = self._new(case)
        return self._known[key]

    def dense(self, case: suite.Case) -> Part:
        """An epoch of a case's network as it is built."""
        source = plugins.load("datasets", case.dataset["name"])
        shape = data.shape(source, case.dataset)
        key = repr([case.model, case.dataset["name"], shape])
        if key not in self._dense:
            seen = Rehearsal(network(case), source, case.train, shape)
            with seen.phase("dense"):
                seen.train(1)
            self._dense[key] = seen.parts[0]
        return self._dense[key]

    def _check(self, case: suite.Case) -> None:
        """Refuse a network that does not take the pictures, whoever rehearses its method."""
        source = plugins.load("datasets", case.dataset["name"])
        shape = data.shape(source, case.dataset)
        key = repr([case.model, case.dataset["name"], shape])
        if key not in self._fitting:
            model, example = network(case), torch.zeros((1,) + shape)
            fit.check(model, example, case.model["name"], case.dataset["name"])
            self._fitting.add(key)

    def _is_late(self) -> bool:
        return self._until is not None and self._now() > self._until

    def _new(self, case: suite.Case) -> Optional[Plan]:
        try:
            if not self._is_late():
                source = plugins.load("datasets", case.dataset["name"])
                shape = data.shape(source, case.dataset)
                seen = rehearsed(case, network(case), source, shape, self._is_late)
                return Plan(seen.flops, tuple(seen.parts), True, tuple(seen.alike))
        except Late:
            pass
        return self._stand_in(case)

    def _stand_in(self, case: suite.Case) -> Optional[Plan]:
        """What small chains do, carried over to the case's own network."""
        try:
            chains = [list(each.parts) for each in self._of_chains(case)]
            alike = self._of_chains(case)[0].alike
            dense, depth = self.dense(case), self._depth(case, chains)
        except (ValueError, RuntimeError, LookupError):  # it needs what a chain does not have
            return None
        parts = _carried([_merged(each) for each in chains], depth, dense.flops)
        flops: Dict[str, float] = {}
        for part in parts:
            flops[part.phase] = flops.get(part.phase, 0.0) + part.epochs * part.flops
        return Plan(flops, parts, False, tuple(_priced(each, dense.flops) for each in alike))

    def _of_chains(self, case: suite.Case) -> List["Chain"]:
        """What a method does on chains of either depth; an epoch of a dense chain costs 1."""
        key = repr([dict(case.train, seed=0), case.prune])
        if key not in self._chains:
            self._chains[key] = [_on_chain(case, layers) for layers in STAND_INS]
        return self._chains[key]

    def _depth(self, case: suite.Case, chains: List[List[Part]]) -> int:
        """Cut layers of the case's network; they are looked for only where their number tells."""
        shallow, deep = (sum(part.epochs for part in each) for each in chains)
        if shallow == deep:
            return STAND_INS[0]
        mode = case.prune.get("mode", "coupled")
        source = plugins.load("datasets", case.dataset["name"])
        shape = data.shape(source, case.dataset)
        key = repr([case.model, shape, mode])  # the classes cut no deeper
        if key not in self._depths:
            example = torch.randn((1,) + shape)
            self._depths[key] = len(find(network(case), example, mode=mode))
        return self._depths[key]


def ahead(case: suite.Case) -> List[Tuple[str, float, float]]:
    """(phase, epochs, cost of an epoch against a dense one) of a case, in order; [] if not known.

    By a stand-in, so in milliseconds, and without drawing one of the caller's random numbers.
    """
    with torch.random.fork_rng([]):
        try:
            parts = _merged(list(_on_chain(case, STAND_INS[0]).parts))
            return [(part.phase, part.epochs, part.flops) for part in parts]
        except (ValueError, RuntimeError, LookupError):  # it needs what a chain does not have
            return []


def network(case: suite.Case) -> nn.Module:
    """The dense network of a case, untrained."""
    source = plugins.load("datasets", case.dataset["name"])
    options = {k: v for k, v in case.model.items() if k != "name"}
    return plugins.load("models", case.model["name"]).build(
        source.CLASSES, source.INPUT_SHAPE[0], **options
    )


def rehearsed(
    case: suite.Case,
    model: nn.Module,
    source: Any,
    shape: Tuple[int, int, int],
    is_late: Callable[[], bool] = lambda: False,
) -> Rehearsal:
    """A case's recipe, gone through with a network and a data set of pictures [c, h, w]."""
    rehearsal = Rehearsal(model, source, case.train, shape, is_late)
    passes, flops = initial.work(case.train, model, rehearsal.example)
    rehearsal.pretrain(passes, flops * source.TRAIN_IMAGES)
    options = {k: v for k, v in case.prune.items() if k not in ("recipe", "label")}
    plugins.load("recipes", case.prune["recipe"]).run(rehearsal, **options)
    return rehearsal


def estimate(case: suite.Case) -> Dict[str, float]:
    """Training FLOPs by phase (2 per MAC, exact convention)."""
    source, model = plugins.load("datasets", case.dataset["name"]), network(case)
    shape = data.shape(source, case.dataset)
    fit.check(model, torch.zeros((1,) + shape), case.model["name"], case.dataset["name"])
    return rehearsed(case, model, source, shape).flops


def chain(layers: int) -> nn.Sequential:
    """The stand-in: so many convolutions with batch norms, for pictures [n, 3, 8, 8]."""
    found: List[nn.Module] = []
    for layer in range(layers):
        found += [
            nn.Conv2d(16 if layer else 3, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
        ]
    return nn.Sequential(*found, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


def _on_chain(case: suite.Case, layers: int) -> Chain:
    # as many pictures as the case has: what counts in steps asks how many an epoch takes
    images = int(str(plugins.constant("datasets", case.dataset["name"], "TRAIN_IMAGES")))
    source = SimpleNamespace(INPUT_SHAPE=CHAIN_PICTURE, CLASSES=10, TRAIN_IMAGES=images)
    model = chain(layers)
    whole = 2.0 * images * cost.count(model, torch.randn((1,) + CHAIN_PICTURE)).train_macs
    seen = rehearsed(case, model, source, CHAIN_PICTURE)
    parts = tuple(part._replace(flops=part.flops / whole) for part in seen.parts)
    return Chain(parts, tuple(_priced(each, 1 / whole) for each in seen.alike))


def _priced(alike: Alike, factor: float) -> Alike:
    """The same work, its epochs at that many times the cost."""
    parts = tuple(part._replace(flops=part.flops * factor) for part in alike.parts)
    return alike._replace(parts=parts)


def _merged(parts: List[Part]) -> List[Part]:
    """One part for a run of parts of the same phase, at their mean cost."""
    found: List[Part] = []
    for part in parts:
        if found and found[-1].phase == part.phase:
            epochs = found[-1].epochs + part.epochs
            work = found[-1].epochs * found[-1].flops + part.epochs * part.flops
            found[-1] = Part(part.phase, epochs, work / epochs if epochs else part.flops)
        else:
            found.append(part)
    return found


def _carried(chains: List[List[Part]], depth: int, flops: float) -> Tuple[Part, ...]:
    """The parts of a network of that depth, by a straight line through the two chains'."""
    steps = (depth - STAND_INS[0]) / (STAND_INS[1] - STAND_INS[0])
    if len(chains[0]) != len(chains[1]):
        raise ValueError("the two chains were not gone through alike")
    return tuple(
        Part(a.phase, a.epochs + steps * (b.epochs - a.epochs), a.flops * flops)
        for a, b in zip(*chains)
    )
