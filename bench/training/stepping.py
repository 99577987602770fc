"""One step of training: loss, gradients, penalty, clip, the optimiser, and the running means."""

from contextlib import contextmanager
from functools import partial
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.training.averaging import Averages
from edgejoule.bench.training.precision import Arithmetic
from edgejoule.bench.training.rates import chosen

Penalty = Callable[[nn.Module], None]  # adds to the gradients of the model that it is given
AfterStep = Callable[[nn.Module], None]  # given the model whose weights have just moved


class Stepper:
    """Moves the weights of one network with a new optimiser, as the train section of a case says.

    `averages` are the running means of the weights, None where nothing asks for them; `after` is
    called with the network when a step has moved its weights.
    """

    def __init__(self, model: nn.Module, settings: Dict[str, Any], arithmetic: Arithmetic) -> None:
        self._model, self._arithmetic = model, arithmetic
        self._smoothing, self._clip = settings["label_smoothing"], settings["gradient_clip"]
        self.optimizer = chosen("optimisers", "optimiser", settings)(model.parameters())
        self.after: Optional[AfterStep] = None
        self.averages = Averages(model, settings["ema"]) if settings["ema"] else None

    def set_rate(self, rate: float) -> None:
        """Steps at this learning rate from now on."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @contextmanager
    def epoch(self) -> Iterator[None]:
        """Inside, steps are made; outside, the network holds its running means, if it has any."""
        self._model.train()  # the evaluation after the last epoch left it in eval()
        if self.averages is not None:
            self.averages.hide()
        yield
        if self.averages is not None:
            self.averages.show()

    def logits(self, x: Tensor) -> Tensor:
        """The network's answers [n, classes] to x [n, c, h, w], in float32."""
        return self._arithmetic.logits(self._model, x)

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """The mean cross entropy of logits [n, classes], labels as smooth as was asked."""
        return F.cross_entropy(logits, y, label_smoothing=self._smoothing)

    def step(self, x: Tensor, y: Tensor, penalty: Optional[Penalty]) -> Tuple[Tensor, Tensor]:
        """(loss, logits [n, classes]) of one batch, after which the weights have moved."""
        logits = self.logits(x)
        loss = self.loss(logits, y)
        # None, not zeros: torch before 2.0 would let momentum move what had no gradient
        self.optimizer.zero_grad(set_to_none=True)
        self._arithmetic.backward(loss)
        self._arithmetic.step(self.optimizer, partial(self._added, penalty))
        if self.after is not None:
            self.after(self._model)  # before the running means, which follow what it leaves
        if self.averages is not None:
            self.averages.update()
        return loss, logits

    def _added(self, penalty: Optional[Penalty]) -> None:
        """Changes the gradients, which carry no scale any more, before a step."""
        if penalty is not None:
            penalty(self._model)
        if self._clip:
            # after the penalty: what the clip bounds is all that moves the weights
            nn.utils.clip_grad_norm_(self._model.parameters(), self._clip)
