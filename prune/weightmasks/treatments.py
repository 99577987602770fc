"""What happens to the weights that survive: kept, rewound, drawn anew, or reduced to their signs.

Frankle & Carbin, 2019 (rewinding to step k: Frankle et al., 2020); signs: Zhou et al., 2019, as in
seed 003's code (`zhou`: the layer's standard deviation times the sign, biases too). Rewinding
restores every parameter and buffer. "reinit" takes the parameters of a network that is built anew,
another one every time; buffers stay as at step 0.
"""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple

import torch
from torch import Tensor, nn

from edgejoule.prune.weightmasks.weight_mask import WeightMask

TREATMENTS = ("keep", "rewind", "reinit", "sign", "sigma_sign")

State = Dict[str, Tensor]  # parameters and buffers by name


def snapshot(model: nn.Module) -> State:
    """A copy of the model's parameters and buffers."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def treat(
    model: nn.Module,
    treatment: str,
    initial: Mapping[str, Tensor],
    rewound: Mapping[str, Tensor],
    fresh: Callable[[], nn.Module],
) -> None:
    """Sets the model's weights; `initial` are those at step 0, `rewound` those to return to.

    `fresh()` gives a network like the model with weights drawn anew (`Trainer.fresh`).

    Raises:
        ValueError: there is no such treatment.
    """
    if treatment not in TREATMENTS:
        raise ValueError(
            "no treatment of weights called {!r}; there are: {}".format(
                treatment, ", ".join(TREATMENTS)
            )
        )
    if treatment == "keep":
        return
    if treatment == "rewind":
        model.load_state_dict(rewound)
        return
    learned = {name for name, _ in model.named_parameters()}
    source = fresh().state_dict() if treatment == "reinit" else initial
    change = {"sign": _signs, "sigma_sign": _sigma_signs}.get(treatment, _as_it_is)
    # buffers stay as at step 0: a sign of a batch norm's statistics would mean nothing
    model.load_state_dict(
        {
            name: change(source[name]) if name in learned else value
            for name, value in initial.items()
        }
    )


def rescale(model: nn.Module, mask: WeightMask) -> None:
    """Divides each masked weight tensor by the square root of its density.

    A unit's output then keeps the variance it had with all its weights (seed 004's small networks:
    variance 2 / (density * fan in) where it was 2 / fan in).
    """
    with torch.no_grad():
        for name, flags in mask.items():
            density = float(flags.float().mean())
            if density:  # a tensor without a weight left has nothing to rescale
                model.get_parameter(name).mul_(density**-0.5)


class Moment:
    """A point of a training: the model's state there, None if it was not reached.

    `steps` counts the steps of the whole training. A trainer that goes on after an interruption
    keeps this with the training (`prune.trainer.Resumable`).
    """

    def __init__(self) -> None:
        self.steps = 0
        self.weights: Optional[State] = None

    def state(self) -> Tuple[State, Dict[str, Any]]:
        """(tensors, plain facts) to keep."""
        return dict(self.weights or {}), {"steps": self.steps, "reached": self.weights is not None}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Takes back what `state` gave in an earlier attempt."""
        self.steps, self.weights = facts["steps"], dict(tensors) if facts["reached"] else None


@contextmanager
def at_step(model: nn.Module, step: int) -> Iterator[Moment]:
    """A `Moment` that holds, after the body, the state that the model had after `step` steps.

    Steps are forward passes in training mode, so the state is that before pass number `step`,
    batch norm statistics included. `steps` counts all passes of the body.
    """
    found = Moment()

    def look(module: nn.Module, inputs: Any) -> None:
        if module.training:
            if found.steps == step:
                found.weights = snapshot(module)
            found.steps += 1

    hook = model.register_forward_pre_hook(look)
    try:
        yield found
    finally:
        hook.remove()
    if found.weights is None and found.steps == step:  # the end itself: no pass comes after it
        found.weights = snapshot(model)


def _as_it_is(value: Tensor) -> Tensor:
    return value


def _signs(value: Tensor) -> Tensor:
    return value.sign()


def _sigma_signs(value: Tensor) -> Tensor:
    """Signs times the standard deviation; without any (biases of 0, gammas of 1) as it was."""
    spread = float(value.std()) if value.numel() > 1 else 0.0
    return value.sign() * spread if spread else value
