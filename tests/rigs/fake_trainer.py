"""A trainer for tests of recipes: the protocol on a handful of random images, everything logged."""

import copy
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional


def small_net(classes=4):
    """Two convolutions with batch norms, a linear layer: [n, 3, 8, 8] -> [n, classes]."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, padding=1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, classes),
    )


class FakeTrainer:
    """Trains for real with SGD; the learning rate falls tenfold at half and three quarters."""

    def __init__(
        self, model=None, epochs=4, seed=0, rate=0.05, images=48, momentum=0.9, device="cpu"
    ):
        torch.manual_seed(seed)
        self.model = (small_net() if model is None else model).to(device)
        self.epochs, self.seed, self.rate, self.momentum = epochs, seed, rate, momentum
        self.device = torch.device(device)
        generator = torch.Generator().manual_seed(7)
        self.x = torch.randn(images, 3, 8, 8, generator=generator)
        self.y = torch.arange(images) % 4
        self.x += self.y.view(-1, 1, 1, 1).float() / 2
        self.x, self.y = self.x.to(device), self.y.to(device)
        self.example, self.batch_size = self.x[:1], 16
        self.steps_per_epoch = -(-images // self.batch_size)
        self.log, self.warnings, self.charged, self.running = [], [], [], None
        self.rounds = []
        self.replace(self.model)

    @contextmanager
    def phase(self, name, work=None):
        assert self.running is None, "phase {} inside phase {}".format(name, self.running)
        self.running = name
        yield
        self.running = None

    def train(
        self,
        epochs,
        first=0,
        total=None,
        penalty=None,
        after_epoch=None,
        memory=None,
        after_step=None,
    ):
        total = self.epochs if total is None else total
        assert self.running and first >= 0 and first + epochs <= total
        for epoch in range(first, first + epochs):
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate * 0.1 ** ((2 * epoch >= total) + (4 * epoch >= 3 * total))
            self.log.append((self.running, epoch, total, group["lr"], self.channels()))
            self._epoch(epoch, penalty, after_step)
            if after_epoch and after_epoch(epoch):
                return epoch - first + 1
        return epochs

    def batches(self, count, split="train"):
        size = self.batch_size
        found = [(self.x[i : i + size], self.y[i : i + size]) for i in range(0, len(self.x), size)]
        return (found * count)[:count]

    def fresh(self):
        made = copy.deepcopy(self.model)
        for module in made.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        return made

    def replace(self, model):
        self.model = model
        self.optimizer = torch.optim.SGD(
            model.parameters(), lr=self.rate, momentum=self.momentum, weight_decay=1e-4
        )

    def charge(self, flops, what):
        assert self.running, "charged outside a phase"
        self.charged.append((self.running, flops, what))

    def keep_round(self, mask, weights=False):
        assert self.running is None, "a round is kept after its phase, which pays for none of it"
        self.rounds.append((mask, self.accuracy(), weights))

    def warn(self, sentence):
        self.warnings.append(sentence)

    def accuracy(self):
        self.model.eval()
        with torch.no_grad():
            return float((self.model(self.x).argmax(1) == self.y).float().mean())

    def channels(self):
        return sum(m.num_features for m in self.model.modules() if isinstance(m, nn.BatchNorm2d))

    def phases(self):
        """Epochs trained by phase, in order: [(phase, epochs)]."""
        found = []
        for name, *_ in self.log:
            if found and found[-1][0] == name:
                found[-1] = (name, found[-1][1] + 1)
            else:
                found.append((name, 1))
        return found

    def _epoch(self, epoch, penalty, after_step):
        self.model.train()
        order = torch.randperm(len(self.x), generator=torch.Generator().manual_seed(epoch))
        for index in order.split(16):
            loss = functional.cross_entropy(self.model(self.x[index]), self.y[index])
            self.optimizer.zero_grad()
            loss.backward()
            if penalty:
                penalty(self.model)
            self.optimizer.step()
            if after_step:
                after_step(self.model)
