"""How to train: SGD with momentum, steps in the learning rate, one loop for every method.

Recipes ask a `Trainer` for epochs, batches and phases; it knows nothing of pruning.
"""

import hashlib
import math
from contextlib import contextmanager
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    Dict,
    List,
    Mapping,
    Optional,
    Tuple,
)

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.data import Batch, Data, Split
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training.loading import Loading
from edgejoule.bench.training.precision import Arithmetic
from edgejoule.prune import cost
from edgejoule.prune.trainer import Answer, Resumable

if TYPE_CHECKING:
    from edgejoule.bench.progress import Progress
    from edgejoule.bench.rounds import Writer

Penalty = Callable[[nn.Module], None]  # adds to the gradients of the model that it is given
AfterEpoch = Callable[[int], Optional[bool]]  # the epoch that ended -> True to end the training


class Trainer:
    """Trains one network on one data set and enters every epoch into the ledger.

    Args:
        model: the dense network, on its device.
        data: the two splits and how training changes a batch.
        settings: the train section of a case.
        ledger: what measures every epoch and phase.
        progress: told about each epoch outside the measured windows.
        celsius: returns the hottest zone in degrees, or None.
        build: returns a network like the dense one, with weights drawn anew.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Data,
        settings: Dict[str, Any],
        ledger: Ledger,
        progress: "Progress",
        celsius: Callable[[], Optional[float]],
        build: Callable[[], nn.Module],
    ) -> None:
        self.data, self.settings, self.ledger = data, settings, ledger
        self.progress, self.celsius, self._build = progress, celsius, build
        self.epochs, self.seed = settings["epochs"], settings["seed"]
        self.batch_size = settings["batch_size"]
        self.device = next(model.parameters()).device
        self.arithmetic = Arithmetic(settings, self.device)
        self.loading = Loading(data, settings, self.device)
        self.example = data.train[0][0].unsqueeze(0).to(self.device)
        self.warnings: List[str] = []
        self.rounds: Optional["Writer"] = None  # None: nobody keeps rounds
        # Generators of our own, and one for each purpose: a recipe that draws random numbers, or
        # augmentation switched on, must not change the order in which the samples are seen.
        self._shuffling = torch.Generator().manual_seed(self.seed)
        self._augmenting = torch.Generator().manual_seed(self.seed + 1)
        self._sampling = torch.Generator().manual_seed(self.seed + 2)
        self._drawing = torch.Generator().manual_seed(self.seed + 3)
        self.sampled: List[str] = []  # a digest of the indices of every scoring sample
        self._observer: Callable[[nn.Module], Answer] = lambda model: model  # nobody looks on
        self.replace(model)

    def phase(self, name: str, work: Optional[Dict[str, Any]] = None) -> ContextManager[None]:
        """Context manager: everything inside is charged to this phase.

        `work` says what it does, for a trainer that shares phases (`bench.training.resume`).
        """
        return self.ledger.phase(name)

    def fresh(self) -> nn.Module:
        """A network like the dense one, with weights drawn anew: other ones at every call."""
        seed = int(torch.randint(2**31, (1,), generator=self._drawing))
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            return self._build().to(self.device)

    def replace(self, model: nn.Module) -> None:
        """Trains this model from now on, with a new optimiser."""
        s = self.settings
        self.model = model.to(self.device)
        self.arithmetic.prepare(model)
        # New, because the old one's momentum has the shapes of the model before.
        self.optimizer = torch.optim.SGD(
            model.parameters(),
            s["learning_rate"],
            s["momentum"],
            weight_decay=s["weight_decay"],
            nesterov=s["nesterov"],
        )
        self.ledger.per_sample = {
            name: cost.train_flops(model, self.example, name) for name in self.ledger.per_sample
        }
        self._channels = channels(model)

    def train(
        self,
        epochs: int,
        first: int = 0,
        total: Optional[int] = None,
        penalty: Optional[Penalty] = None,
        after_epoch: Optional[AfterEpoch] = None,
        memory: Optional[Resumable] = None,
    ) -> int:
        """Trains epochs first..first+epochs-1 of a schedule of `total` epochs; epochs done.

        `penalty(model)` is called between backward and step; `after_epoch(epoch)` returning
        True ends the training early; `memory` is what the caller learns meanwhile, for a
        trainer that can go on (`bench.training.resume`).
        """
        total = first + epochs if total is None else total
        for epoch in range(first, first + epochs):
            self._epoch(learning_rate(self.settings, epoch, total), penalty)
            if after_epoch is not None and after_epoch(epoch):
                return epoch - first + 1
        return epochs

    def batches(self, count: int, split: str = "train") -> List[Batch]:
        """`count` batches drawn by chance from a split, anew at every call; not augmented.

        Never the first as they are stored: many data sets are stored class by class, and a score
        of one class says nothing of the others. Fewer batches where the split holds fewer.
        """
        order = self.sample(count * self.settings["batch_size"], split)
        return list(self.loading.batches(getattr(self.data, split), order))

    def sample(self, count: int, split: str = "train") -> Tensor:
        """Places [count] of samples drawn by chance from a split, anew at every call."""
        drawn = torch.randperm(len(getattr(self.data, split)), generator=self._sampling)
        order = drawn[:count]
        self.sampled.append(hashlib.sha256(order.numpy().tobytes()).hexdigest()[:16])
        return order

    def charge(self, flops: float, what: str) -> None:
        """Adds FLOPs (2 per MAC) to the running phase."""
        self.ledger.charge(flops, what)

    def warn(self, sentence: str) -> None:
        """Puts a sentence into the record and before the reader's eyes."""
        self.warnings.append(sentence)
        self.progress.say("warning: " + sentence)

    def accuracy(self) -> float:
        """Share of the test set that the current model gets right, from 0 to 1."""
        self.model.eval()
        answer = self._observer(self.model)
        with torch.no_grad():
            right = sum(
                (self.arithmetic.logits(self.model, x, answer).argmax(1) == y).sum()
                for x, y in self.loading.batches(self.data.test)
            )
        return float(right) / len(self.data.test)

    @contextmanager
    def watching(self, observer: Callable[[nn.Module], Answer]) -> Iterator[None]:
        """Context manager: inside, `accuracy` asks `observer(model)` instead of the model."""
        before, self._observer = self._observer, observer
        try:
            yield
        finally:
            self._observer = before

    def keep_round(self, mask: Mapping[str, Tensor], weights: bool = False) -> None:
        """Writes a round's mask, the accuracy after its last epoch and, if asked, all weights."""
        if self.rounds is not None:
            state = self.model.state_dict() if weights else {}
            # the last epoch's accuracy and not a new one: a resumed run has it from its journal
            self.rounds.add(_arrays(mask), self.ledger.epochs[-1].accuracy, _arrays(state))

    def _epoch(self, rate: float, penalty: Optional[Penalty]) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        before = self.loading.waited_s
        with self.ledger.window("epoch") as trained:
            loss, right = self._pass(penalty)
        waited = self.loading.waited_s - before  # now: an evaluation waits as well
        with self.ledger.evaluation() as evaluated:
            accuracy = self.accuracy()
        if not math.isfinite(loss):
            self._warn_diverged(loss)
        count = len(self.data.train)
        record = self.ledger.epoch(
            trained,
            evaluated,
            count,
            train_accuracy=right / count,
            loss=loss if math.isfinite(loss) else None,  # JSON has no NaN
            accuracy=accuracy,
            celsius=self.celsius(),
            learning_rate=rate,
            channels=self._channels,
            loading_seconds=waited,
        )
        self.progress.epoch(record)

    def _warn_diverged(self, loss: float) -> None:
        self.warn(
            "the loss was {} in epoch {}: training diverged; lower train.learning_rate".format(
                loss, len(self.ledger.epochs)
            )
        )

    def _pass(self, penalty: Optional[Penalty]) -> Tuple[float, int]:
        """(mean loss, correct answers) of one pass over the training set.

        Sums stay on the device until the end: reading them each step would stall it.
        """
        self.model.train()  # the evaluation after the last epoch left it in eval()
        order = torch.randperm(len(self.data.train), generator=self._shuffling)
        loss_sum = torch.zeros((), device=self.device)
        right = torch.zeros((), dtype=torch.long, device=self.device)
        for x, y in self.loading.batches(self._training_split(), order):
            loss, logits = self._step(x, y, penalty)
            # A batch's loss is its mean; the last batch may be shorter than the others.
            loss_sum = loss_sum + loss.detach() * len(y)
            right = right + (logits.argmax(1) == y).sum()
        return float(loss_sum) / len(order), int(right)

    def _training_split(self) -> Split:
        """The training split, newly cropped at every reading where pictures have no one size."""
        if self.settings["augment"] and self.data.varied is not None:
            return self.data.varied
        return self.data.train

    def _step(self, x: Tensor, y: Tensor, penalty: Optional[Penalty]) -> Tuple[Tensor, Tensor]:
        """(loss, logits [n, classes]) of one batch, after which the weights have moved."""
        if self.settings["augment"] and self.data.augment is not None:
            x = self.data.augment(x, self._augmenting)
        logits = self.arithmetic.logits(self.model, x)
        loss = F.cross_entropy(logits, y)
        self.optimizer.zero_grad()
        self.arithmetic.backward(loss)
        # a penalty adds to gradients that carry no scale
        added = None if penalty is None else partial(penalty, self.model)
        self.arithmetic.step(self.optimizer, added)
        return loss, logits


def _arrays(tensors: Mapping[str, Tensor]) -> Dict[str, Any]:
    return {name: value.detach().cpu().numpy() for name, value in tensors.items()}


def learning_rate(settings: Dict[str, Any], epoch: int, total: int) -> float:
    """The rate of an epoch: multiplied by `decay` at each milestone, a fraction of `total`.

    Fractions, so that one setting fits trainings of any length.
    """
    passed = sum(epoch >= round(share * total) for share in settings["milestones"])
    return settings["learning_rate"] * settings["decay"] ** passed


def channels(model: nn.Module) -> int:
    """Output channels of all convolutions and linear layers."""
    return sum(
        module.weight.shape[0]
        for module in model.modules()
        if isinstance(module, (nn.modules.conv._ConvNd, nn.Linear))
    )
