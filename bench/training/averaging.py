"""A running mean of a network's weights, and which of the two the network holds when.

While an epoch is trained the network holds its own weights, and the means follow every step. When
the epoch ends the network is given the means: they are what is evaluated, scored, cut and saved,
and a recipe meets nothing else. When training goes on, the network gets its own weights back,
except where somebody has written into it meanwhile (a mask, a rewinding, a cut): there what was
written counts, for the weights and for the means. `Trainer.replace` begins anew.
"""

from typing import Dict, Optional

import torch
from torch import Tensor, nn


class Averages:
    """Running means of the weights and buffers of a network: decay x mean + (1 - decay) x value.

    They begin from the network as it is. Whole numbers, such as a batch norm's counter, are no
    means but the network's own.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self._means = _copies(model)
        self._pairs = [(self._means[name], value) for name, value in _values(model).items()]
        self.own: Optional[Dict[str, Tensor]] = None  # the weights, while the means are shown

    def update(self) -> None:
        """Lets the means follow one step."""
        with torch.no_grad():
            for mean, value in self._pairs:
                mean.lerp_(value, 1 - self._decay)

    def show(self) -> None:
        """Gives the network the means, and keeps its own weights."""
        self.own = _copies(self._model)
        _write(self._model, self._means)

    def hide(self) -> None:
        """Gives the network its own weights back, where nobody wrote others meanwhile."""
        if self.own is None:
            return
        found = _values(self._model)
        resumed = {
            name: torch.where(value == self._means[name], self.own[name], value)
            for name, value in found.items()
        }
        # all are compared before any is written: two names may share one tensor
        for name, value in found.items():
            self._means[name].copy_(value)
        _write(self._model, resumed)
        self.own = None
        # a tensor may have been put in another's place
        self._pairs = [(self._means[name], value) for name, value in _values(self._model).items()]

    def put_back(self, own: Dict[str, Tensor]) -> None:
        """As after `show` in an earlier attempt: the network holds the means already."""
        self._means = _copies(self._model)
        self.own = {name: value.to(self._means[name].device) for name, value in own.items()}


def _values(model: nn.Module) -> Dict[str, Tensor]:
    """The tensors that have a mean, sharing the network's memory."""
    return {name: value for name, value in model.state_dict().items() if value.is_floating_point()}


def _copies(model: nn.Module) -> Dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in _values(model).items()}


def _write(model: nn.Module, values: Dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, value in _values(model).items():
            value.copy_(values[name])
