"""How to train: SGD with momentum, steps in the learning rate, one loop for every method.

Recipes ask a `Trainer` for epochs, batches and phases; it knows nothing of pruning.
"""

import math

import torch
from torch.nn import functional as F

from edgejoule.bench.training import loading
from edgejoule.prune import cost


class Trainer:
    """Trains one network on one data set and enters every epoch into the ledger.

    Args:
        model: the dense network, on its device.
        data: `bench.data.Data` with `train`, `test` and `augment`.
        settings: the train section of a case.
        ledger: `bench.measure.Ledger`.
        progress: told about each epoch outside the measured windows.
        celsius: returns the hottest zone in degrees, or None.
    """

    def __init__(self, model, data, settings, ledger, progress, celsius):
        self.data, self.settings, self.ledger = data, settings, ledger
        self.progress, self.celsius = progress, celsius
        self.epochs, self.seed = settings["epochs"], settings["seed"]
        self.device = next(model.parameters()).device
        self.example = data.train[0][0].unsqueeze(0).to(self.device)
        self.warnings = []
        self._order = torch.Generator().manual_seed(self.seed)
        self._noise = torch.Generator().manual_seed(self.seed + 1)
        self.replace(model)

    def phase(self, name):
        """Context manager: everything inside is charged to this phase."""
        return self.ledger.phase(name)

    def replace(self, model):
        """Trains this model from now on, with a new optimiser."""
        s = self.settings
        self.model = model.to(self.device)
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
        self, epochs, first=0, total=None, penalty=None, after_epoch=None, memory=None
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

    def batches(self, count, split="train"):
        """The first `count` batches of a split as a list, in fixed order, not augmented."""
        source = self._batches(getattr(self.data, split))
        return [batch for _, batch in zip(range(count), source)]

    def charge(self, flops, what):
        """Adds FLOPs (2 per MAC) to the running phase."""
        self.ledger.charge(flops, what)

    def warn(self, sentence):
        """Puts a sentence into the record and before the reader's eyes."""
        self.warnings.append(sentence)
        self.progress.say("warning: " + sentence)

    def accuracy(self) -> float:
        """Share of the test set that the current model gets right."""
        self.model.eval()
        with torch.no_grad():
            right = sum(
                (self.model(x).argmax(1) == y).sum() for x, y in self._batches(self.data.test)
            )
        return float(right) / len(self.data.test)

    def _batches(self, dataset, order=None):
        return loading.batches(dataset, self.settings["batch_size"], self.device, order)

    def _epoch(self, rate, penalty):
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self.ledger.window("epoch") as trained:
            loss, right = self._pass(penalty)
        with self.ledger.evaluation() as evaluated:
            accuracy = self.accuracy()
        if not math.isfinite(loss):
            self.warn(
                "the loss was {} in epoch {}: training diverged; lower train.learning_rate".format(
                    loss, len(self.ledger.epochs)
                )
            )
        count = len(self.data.train)
        self.progress.epoch(
            self.ledger.epoch(
                trained.reading,
                evaluated.reading,
                count,
                train_accuracy=right / count,
                loss=loss if math.isfinite(loss) else None,
                accuracy=accuracy,
                celsius=self.celsius(),
                learning_rate=rate,
                channels=self._channels,
                start_s=getattr(trained, "start_s", None),
            )
        )

    def _pass(self, penalty):
        """(mean loss, correct answers) of one pass over the training set.

        Sums stay on the device until the end: reading them each step would stall it.
        """
        self.model.train()
        order = torch.randperm(len(self.data.train), generator=self._order)
        loss_sum, right = 0.0, 0
        for x, y in self._batches(self._training(), order):
            loss, logits = self._step(x, y, penalty)
            loss_sum = loss_sum + loss.detach() * len(y)
            right = right + (logits.argmax(1) == y).sum()
        return float(loss_sum) / len(order), int(right)

    def _training(self):
        """The training split, newly cropped at every reading where pictures have no one size."""
        varied = self.settings["augment"] and self.data.varied is not None
        return self.data.varied if varied else self.data.train

    def _step(self, x, y, penalty):
        if self.settings["augment"] and self.data.augment is not None:
            x = self.data.augment(x, self._noise)
        logits = self.model(x)
        loss = F.cross_entropy(logits, y)
        self.optimizer.zero_grad()
        loss.backward()
        if penalty is not None:
            penalty(self.model)
        self.optimizer.step()
        return loss, logits


def learning_rate(settings, epoch: int, total: int) -> float:
    """The rate of an epoch: multiplied by `decay` at each milestone, a fraction of `total`."""
    passed = sum(epoch >= round(share * total) for share in settings["milestones"])
    return settings["learning_rate"] * settings["decay"] ** passed


def channels(model) -> int:
    """Output channels of all convolutions and linear layers."""
    return sum(
        module.weight.shape[0]
        for module in model.modules()
        if isinstance(module, (torch.nn.modules.conv._ConvNd, torch.nn.Linear))
    )
