"""How to train: one loop for every method, optimiser and schedule.

Recipes ask a `Trainer` for epochs, batches and phases; it knows nothing of pruning.
"""

import hashlib
import math
from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Tuple,
)

import torch
from torch import Tensor, nn

from edgejoule.bench.data import Batch, Data, Split
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training.lengths import length
from edgejoule.bench.training.loading import Loading
from edgejoule.bench.training.precision import Arithmetic
from edgejoule.bench.training.rates import Rates, learning_rate
from edgejoule.bench.training.stepping import AfterStep, Penalty, Stepper
from edgejoule.bench.training.validation import Patience, mean_loss, parted
from edgejoule.prune import cost
from edgejoule.prune.trainer import Answer, Resumable

if TYPE_CHECKING:
    from edgejoule.bench.progress import Progress
    from edgejoule.bench.rounds import Writer

AfterEpoch = Callable[[int], Optional[bool]]  # the epoch that ended -> True to end the training
TOP = 5  # a top-5 accuracy says nothing of ten classes or fewer, where chance reaches a half
__all__ = ["AfterEpoch", "Penalty", "Trainer", "channels", "learning_rate"]


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
        self.length = length(settings, len(data.train))
        self.epochs, self.seed = self.length.epochs, settings["seed"]
        self.batch_size = settings["batch_size"]
        self.steps_per_epoch = self.length.per_epoch
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
        # Not drawn from the others, or holding images out would change what they draw.
        self._trained_on, self._validating = parted(
            len(data.train), settings["validation"], self.seed + 4
        )
        self._rates = Rates(settings, self.length)
        self.top5_accuracy: Optional[float] = None  # of the last evaluation; None: few classes
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
        self.model = model.to(self.device)
        self.arithmetic.prepare(model)
        # New, because the old one's momentum has the shapes of the model before.
        self.stepper = Stepper(self.model, self.settings, self.arithmetic)
        self.ledger.per_sample = {
            name: cost.train_flops(model, self.example, name) for name in self.ledger.per_sample
        }
        self._channels = channels(model)

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """What moves the weights of the present network."""
        return self.stepper.optimizer

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
        """Trains epochs first..first+epochs-1 of a schedule of `total` epochs; epochs done.

        `penalty(model)` is called between backward and step, `after_step(model)` when the weights
        have moved; `after_epoch(epoch)` returning True ends the training early; `memory` is what
        the caller learns meanwhile, for a trainer that can go on (`bench.training.resume`). With
        `patience` set, a validation loss that no longer falls ends it too: its lowest is sought
        anew in every call.
        """
        total = first + epochs if total is None else total
        patience = Patience(self.settings["patience"])
        self.stepper.after = after_step
        for epoch in range(first, first + epochs):
            self._epoch(epoch, total, penalty)
            ended = after_epoch is not None and after_epoch(epoch)
            if ended or patience.is_over(self.ledger.epochs[-1].validation_loss):
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
        # what validates is not for scoring either
        among = self._trained_on if split == "train" else torch.arange(len(self.data.test))
        order = among[torch.randperm(len(among), generator=self._sampling)][:count]
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
        right = among = torch.zeros((), dtype=torch.long, device=self.device)
        with torch.no_grad():
            for x, y in self.loading.batches(self.data.test):
                logits = self.arithmetic.logits(self.model, x, answer)
                right = right + (logits.argmax(1) == y).sum()
                if logits.shape[1] > 2 * TOP:
                    among = among + (logits.topk(TOP)[1] == y.unsqueeze(1)).sum()
        few = logits.shape[1] <= 2 * TOP
        self.top5_accuracy = None if few else float(among) / len(self.data.test)
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

    def _epoch(self, epoch: int, total: int, penalty: Optional[Penalty]) -> None:
        rate = self._rates.at(epoch, total)  # of the first step, or of all
        self.stepper.set_rate(rate)
        before = self.loading.waited_s
        with self.ledger.window("epoch") as trained:
            order = self._order(epoch, total)
            loss, right = self._pass(order, epoch, total, penalty)
        waited = self.loading.waited_s - before  # now: an evaluation waits as well
        with self.ledger.evaluation() as evaluated:
            accuracy, validation = self.accuracy(), self._validation_loss()
        if not math.isfinite(loss):
            self._warn_diverged(loss)
        record = self.ledger.epoch(
            trained,
            evaluated,
            len(order),
            train_accuracy=right / len(order),
            loss=loss if math.isfinite(loss) else None,  # JSON has no NaN
            accuracy=accuracy,
            celsius=self.celsius(),
            learning_rate=rate,
            channels=self._channels,
            loading_seconds=waited,
            top5_accuracy=self.top5_accuracy,
            validation_loss=validation if math.isfinite(validation or 0) else None,
        )
        self.progress.epoch(record)

    def _order(self, epoch: int, total: int) -> Tensor:
        """The indices that an epoch trains on, in order; the last epoch may have fewer."""
        drawn = self._trained_on[torch.randperm(len(self._trained_on), generator=self._shuffling)]
        return drawn[: self.length.of_epoch(epoch, total) * self.batch_size]

    def _warn_diverged(self, loss: float) -> None:
        self.warn(
            "the loss was {} in epoch {}: training diverged; lower train.learning_rate".format(
                loss, len(self.ledger.epochs)
            )
        )

    def _pass(
        self, order: Tensor, epoch: int, total: int, penalty: Optional[Penalty]
    ) -> Tuple[float, int]:
        """(mean loss, correct answers) of one pass over the training set in that order.

        Sums stay on the device until the end: reading them each step would stall it.
        """
        augment = self.data.augment if self.settings["augment"] else None
        loss_sum = torch.zeros((), device=self.device)
        right = torch.zeros((), dtype=torch.long, device=self.device)
        with self.stepper.epoch():
            for step, (x, y) in enumerate(self.loading.batches(self._training_split(), order)):
                if self._rates.vary:
                    self.stepper.set_rate(self._rates.at(epoch, total, step))
                if augment is not None:
                    x = augment(x, self._augmenting)
                loss, logits = self.stepper.step(x, y, penalty)
                # A batch's loss is its mean; the last batch may be shorter than the others.
                loss_sum = loss_sum + loss.detach() * len(y)
                right = right + (logits.argmax(1) == y).sum()
        return float(loss_sum) / len(order), int(right)

    def _validation_loss(self) -> Optional[float]:
        """Mean loss of the images that were held out; None where there are none."""
        if not len(self._validating):
            return None
        held_out = self.loading.batches(self.data.train, self._validating)
        return mean_loss(self.model, self.stepper.logits, held_out, self.stepper.loss)

    def _training_split(self) -> Split:
        """The training split, newly cropped at every reading where pictures have no one size."""
        if self.settings["augment"] and self.data.varied is not None:
            return self.data.varied
        return self.data.train


def _arrays(tensors: Mapping[str, Tensor]) -> Dict[str, Any]:
    return {name: value.detach().cpu().numpy() for name, value in tensors.items()}


def channels(model: nn.Module) -> int:
    """Output channels of all convolutions and linear layers."""
    return sum(
        module.weight.shape[0]
        for module in model.modules()
        if isinstance(module, (nn.modules.conv._ConvNd, nn.Linear))
    )
