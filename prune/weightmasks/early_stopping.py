"""The early-stopping iteration of a training: where the loss on held-out images is least.

Frankle & Carbin, 2019 (arXiv:1803.03635) compare how fast tickets learn by it, and by the accuracy
there. Deviations: they look at a validation set of 5000 training images every 100 steps; here the
data sets have no third split, so the images are some of the test split, and the look is after each
epoch.
"""

import math
from typing import Any, Dict, List, Mapping, Optional, Tuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgejoule.prune.cost import count
from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.trainer import Batches, Trainer
from edgejoule.prune.weightmasks import treatments

FACTS = ("early_stop_epoch", "validation_loss", "validation_accuracy")


class EarlyStop:
    """Looks at held-out images after every epoch and keeps the state at the least loss.

    Give it to `Trainer.train` as `after_epoch` and as `memory`. It never ends a training: that a
    loss was the least is known only at the end.

    Args:
        trainer: whose model is looked at, and who is charged for the forward passes.
        images: what to look at, the same ones every time.
    """

    def __init__(self, trainer: Trainer, images: Batches) -> None:
        self._trainer, self._images = trainer, images
        # mean cross-entropy after each epoch, None where it was NaN or infinite
        self.losses: List[Optional[float]] = []
        self.accuracies: List[float] = []  # share of the images that are right, 0 to 1
        self.weights: Optional[treatments.State] = None  # parameters and buffers at the least loss

    def __call__(self, epoch: int) -> None:
        """Looks at the model as it is after an epoch."""
        model = self._trainer.model
        work = sum(len(x) * count(model, x[:1]).forward_macs for x, _ in self._images)
        self._trainer.charge(2 * work, "validation for early stopping")
        loss, accuracy = measured(model, self._images)
        self.losses.append(loss if math.isfinite(loss) else None)  # JSON has neither
        self.accuracies.append(accuracy)
        if self._best() == len(self.losses) - 1:
            self.weights = treatments.snapshot(model)

    def recall(self) -> None:
        """Gives the trainer's model the state that it had at the least loss, if there was any."""
        if self.weights is not None:
            self._trainer.model.load_state_dict(self.weights)

    def facts(self, first: int) -> Dict[str, Any]:
        """`FACTS`: the early-stopping epoch (from 1), loss and accuracy there; None without any.

        `first` is the number of epochs that the schedule had behind it when the training began.
        """
        place = self._best()
        if place is None:
            return dict.fromkeys(FACTS)
        found = (first + place + 1, self.losses[place], self.accuracies[place])
        return dict(zip(FACTS, found))

    @property
    def work(self) -> Dict[str, int]:
        """What it does, as JSON; the same images follow from the same seed."""
        return {"early_stop_images": sum(len(y) for _, y in self._images)}

    def state(self) -> Tuple[Dict[str, Tensor], Dict[str, Any]]:
        """(tensors, plain facts) to keep."""
        return dict(self.weights or {}), {"losses": self.losses, "accuracies": self.accuracies}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Takes back what `state` gave in an earlier attempt."""
        self.losses, self.accuracies = list(facts["losses"]), list(facts["accuracies"])
        self.weights = dict(tensors) or None

    def _best(self) -> Optional[int]:
        """Number of the epoch of the least loss, the first of equals; None without any."""
        known = [(loss, place) for place, loss in enumerate(self.losses) if loss is not None]
        return min(known)[1] if known else None


def measured(model: nn.Module, images: Batches) -> Tuple[float, float]:
    """(mean cross-entropy, share that is right) over the images, in eval mode."""
    loss = right = 0.0
    with in_mode(model, False), torch.no_grad():
        for x, y in images:
            logits = model(x)
            loss += float(functional.cross_entropy(logits, y, reduction="sum"))
            right += float((logits.argmax(1) == y).sum())
    total = sum(len(y) for _, y in images)
    return loss / total, right / total
