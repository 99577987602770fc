"""One step of training: loss, gradients, penalty, clip, the optimiser, and the running means."""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

from torch import Tensor, nn
from torch.nn import functional as F

from edgejoule.bench.training.averaging import Averages
from edgejoule.bench.training.rates import chosen

Penalty = Callable[[nn.Module], None]  # adds to the gradients of the model that it is given


class Stepper:
    """Moves the weights of one network with a new optimiser, as the train section of a case says.

    `averages` are the running means of the weights, None where nothing asks for them.
    """

    def __init__(self, model: nn.Module, settings: Dict[str, Any]) -> None:
        self._model = model
        self._smoothing, self._clip = settings["label_smoothing"], settings["gradient_clip"]
        self.optimizer = chosen("optimisers", "optimiser", settings)(model.parameters())
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

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """The mean cross entropy of logits [n, classes], labels as smooth as was asked."""
        return F.cross_entropy(logits, y, label_smoothing=self._smoothing)

    def step(self, x: Tensor, y: Tensor, penalty: Optional[Penalty]) -> Tuple[Tensor, Tensor]:
        """(loss, logits [n, classes]) of one batch, after which the weights have moved."""
        logits = self._model(x)
        loss = self.loss(logits, y)
        # None, not zeros: torch before 2.0 would let momentum move what had no gradient
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if penalty is not None:
            penalty(self._model)
        if self._clip:
            # after the penalty: what the clip bounds is all that moves the weights
            nn.utils.clip_grad_norm_(self._model.parameters(), self._clip)
        self.optimizer.step()
        if self.averages is not None:
            self.averages.update()
        return loss, logits
