"""What happens to the weights that survive: kept, rewound, drawn anew, or reduced to their signs.

Frankle & Carbin, 2019 (rewinding to step k: Frankle et al., 2020); signs: Zhou et al., 2019, as in
seed 003's code (`zhou`: the layer's standard deviation times the sign, biases too). Rewinding
restores every parameter and buffer. Deviation: "reinit" shuffles the initial values inside each
tensor, which draws from the initial distribution without knowing how the model was initialised.
"""

from contextlib import contextmanager
from typing import Dict

import torch

from edgejoule.prune.groups import tensor_of

TREATMENTS = ("keep", "rewind", "reinit", "sign", "sigma_sign")


def snapshot(model) -> Dict[str, torch.Tensor]:
    """A copy of the model's parameters and buffers."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def treat(model, treatment: str, initial: Dict, rewound: Dict, seed: int = 0) -> None:
    """Sets the model's weights; `initial` are those at step 0, `rewound` those to return to."""
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
    change = {"reinit": _shuffled(seed), "sign": _signs, "sigma_sign": _sigma_signs}[treatment]
    learned = {name for name, _ in model.named_parameters()}
    model.load_state_dict(
        {name: change(value) if name in learned else value for name, value in initial.items()}
    )


def rescale(model, mask) -> None:
    """Divides each masked weight tensor by the root of its density.

    A unit's output then keeps the variance it had with all its weights (seed 004's small networks:
    variance 2 / (density * fan in) where it was 2 / fan in).
    """
    with torch.no_grad():
        for name, flags in mask.items():
            density = float(flags.float().mean())
            if density:
                tensor_of(model, name).mul_(density**-0.5)


class Moment:
    """A point of a training: the model's state there, None if it was not reached, and all steps.

    A trainer that goes on after an interruption keeps it with the training.
    """

    def __init__(self):
        self.steps, self.weights = 0, None

    def state(self):
        """(tensors, plain facts) to keep."""
        return dict(self.weights or {}), {"steps": self.steps, "reached": self.weights is not None}

    def restore(self, tensors, facts):
        """Be what was kept."""
        self.steps, self.weights = facts["steps"], dict(tensors) if facts["reached"] else None


@contextmanager
def at_step(model, step: int):
    """A `Moment` that holds, after the body, the state that the model had after `step` steps.

    Steps are forward passes in training mode, so the state is that before pass number `step`,
    batch norm statistics included. `steps` counts all passes of the body.
    """
    found = Moment()

    def look(module, inputs):
        if module.training:
            if found.steps == step:
                found.weights = snapshot(module)
            found.steps += 1

    hook = model.register_forward_pre_hook(look)
    try:
        yield found
    finally:
        hook.remove()
    if found.weights is None and found.steps == step:
        found.weights = snapshot(model)


def _shuffled(seed: int):
    generator = torch.Generator().manual_seed(seed)

    def change(value):
        order = torch.randperm(value.numel(), generator=generator)
        return value.flatten()[order.to(value.device)].view(value.shape)

    return change


def _signs(value):
    return value.sign()


def _sigma_signs(value):
    """Vectors without spread (biases of 0, gammas of 1) stay as they are."""
    spread = float(value.std()) if value.numel() > 1 else 0.0
    return value.sign() * spread if spread else value
