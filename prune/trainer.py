"""What recipes, criteria and probes may ask of whoever trains the network.

`bench` brings the trainer that runs epochs, measures them and resumes; tests bring a small one.
Neither inherits from here: whatever has these attributes and methods will do.
"""

from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ContextManager,
    Dict,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from typing import Protocol as Structure
else:
    Structure = object  # Python 3.6 has no Protocol, and only type checkers need one

Batch = Tuple[Tensor, Tensor]  # images [n, c, h, w] and their labels [n]
Batches = Sequence[Batch]
Scores = Dict[str, Tensor]  # by name of a group or of a weight tensor; higher means keep
Answer = Callable[[Tensor], Tensor]  # images [n, c, h, w] -> the network's outputs [n, classes]


class Resumable(Structure):
    """What a caller learns while it trains, kept with the training if that may be interrupted."""

    def state(self) -> Tuple[Dict[str, Tensor], Dict[str, Any]]:
        """(tensors, plain JSON facts) to keep."""

    def restore(self, tensors: Dict[str, Tensor], facts: Dict[str, Any]) -> None:
        """Takes back what `state` gave in an earlier attempt."""


class Trainer(Structure):
    """Trains one network on one data set and accounts for the work.

    Args:
        model: the network as it is now, on `device`; `replace` changes it.
        example: one input [1, ...] of the network, on `device`.
        epochs: length of one whole training, in epochs.
        batch_size: samples in a batch, which only the last of a pass may lack.
        seed: the seed of this run; whatever draws by chance takes it from here.
        steps_per_epoch: steps of an epoch, of which the last one of a training may have fewer.
        optimizer: what moves the weights now; `replace` makes another one.
        device: where the network and its batches are.
    """

    model: nn.Module
    example: Tensor
    epochs: int
    batch_size: int
    seed: int
    steps_per_epoch: int
    optimizer: torch.optim.Optimizer
    device: torch.device

    def phase(self, name: str, work: Optional[Dict[str, Any]] = None) -> ContextManager[None]:
        """Inside, all work is charged to phase "dense", "search", "score" or "retrain".

        `work` is plain JSON that says what the phase does, given by a recipe where that and the
        state of the training decide all of it. A trainer may then take the phase over from another
        run that did the same: what the body does then trains nothing.
        """

    def train(
        self,
        epochs: int,
        first: int = 0,
        total: Optional[int] = None,
        penalty: Optional[Callable[[nn.Module], None]] = None,
        after_epoch: Optional[Callable[[int], Optional[bool]]] = None,
        memory: Optional[Resumable] = None,
        after_step: Optional[Callable[[nn.Module], None]] = None,
    ) -> int:
        """Trains epochs first..first+epochs-1 of a schedule of `total`; the number of epochs done.

        `penalty(model)` runs between backward pass and step, and a parameter whose gradient it
        sets to None stays where it is in this step; `after_step(model)` runs when the weights have
        moved; `after_epoch(epoch)` ends the training early by returning True; `memory` is what the
        caller learns meanwhile.
        """

    def batches(self, count: int, split: str = "train") -> List[Batch]:
        """`count` batches drawn by chance from the "train" or "test" split, anew at every call.

        Not augmented; fewer where the split holds fewer.
        """

    def fresh(self) -> nn.Module:
        """A network like the dense one, with weights drawn anew: other ones at every call."""

    def replace(self, model: nn.Module) -> None:
        """Trains this model from now on, with a fresh optimiser."""

    def charge(self, flops: int, what: str) -> None:
        """Adds FLOPs (2 per multiply-accumulate) of work that is no training to this phase."""

    def warn(self, sentence: str) -> None:
        """Puts a sentence into the record of the run and before the reader's eyes."""

    def accuracy(self) -> float:
        """Share of the test set that the model gets right, 0 to 1."""

    def keep_round(self, mask: Mapping[str, Tensor], weights: bool = False) -> None:
        """Keeps what a round of pruning came to: its mask, and the accuracy after its training.

        `mask` is {tensor name: bool}; with `weights` the model's parameters and buffers are kept
        too. Called after each round, outside phases, and before the first with the full mask.
        """


class EvaluatingTrainer(Trainer, Structure):
    """A trainer that passes over the test set after each epoch and lets others look on.

    No recipe needs it: with a trainer that lacks these methods it does without.
    """

    def sample(self, count: int, split: str = "train") -> Tensor:
        """Places [count] of samples drawn by chance from a split, anew at every call.

        `batches` draws in the same way. Fewer where the split holds fewer.
        """

    def watching(self, observer: Callable[[nn.Module], Answer]) -> ContextManager[None]:
        """Inside, each evaluation asks an observer for its answers instead of the network.

        `observer(model)` is called when a pass over the test set begins; what it returns is given
        every batch of images, in stored order and without gradients, and answers as the model does.
        """
