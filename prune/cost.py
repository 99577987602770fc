"""What training a network costs, per sample, in three conventions that are never mixed.

exact   2 x (forward + input-gradient + weight-gradient) MACs, counted layer by layer.
paper   3 x the forward FLOPs of the literature's counter, rounded to 0.01 GFLOP as it prints
        them. This reproduces published training FLOPs digit by digit: one forward pass and a
        backward pass taken for two, batch norms, ReLUs and poolings included, adaptive ones not.
fvcore  3 x fvcore's own forward figure, in which a MAC is one "flop" and batch norms count two.
"""

import warnings
from typing import Any, Dict, NamedTuple, Optional, Tuple

from torch import Tensor, nn

from edgejoule.prune import macs
from edgejoule.prune.parity import first

CONVENTIONS = ("exact", "paper", "fvcore")
PAPER_LAYERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d)
PAPER_STEP = 10**7  # FLOPs: the counter prints GFLOP with two digits
PAPER_LEAST = 5 * PAPER_STEP  # below, rounding by half a step is over 10 %


class Cost(NamedTuple):
    """Work per sample: parameters, MACs of the three passes, forward elementwise FLOPs.

    `uncounted` names the layers with weights whose work is missing from the figures.
    """

    params: int
    forward_macs: int
    input_gradient_macs: int
    weight_gradient_macs: int
    elementwise: int
    uncounted: Tuple[str, ...]

    @property
    def train_macs(self) -> int:
        """MACs of one sample's forward and backward pass."""
        return self.forward_macs + self.input_gradient_macs + self.weight_gradient_macs


class Figure(NamedTuple):
    """Training FLOPs per sample in one convention, or None and the reason why there are none."""

    flops: Optional[int]
    reason: Optional[str] = None


def count(model: nn.Module, example: Any) -> Cost:
    """The cost per sample of the model on inputs like the example [n, ...], one or several."""
    work = macs.observe(model, example)
    samples = len(first(example))
    return Cost(
        params=sum(parameter.numel() for parameter in model.parameters()),
        forward_macs=sum(call.forward for call in work.calls) // samples,
        input_gradient_macs=sum(call.input_gradient for call in work.calls) // samples,
        weight_gradient_macs=sum(call.weight_gradient for call in work.calls) // samples,
        elementwise=sum(call.elementwise for call in work.calls) // samples,
        uncounted=work.uncounted,
    )


def exact_flops(model: nn.Module, example: Tensor) -> Figure:
    """2 x training MACs; the first layer owes no gradient for its input, frozen ones less."""
    return Figure(2 * count(model, example).train_macs)


def paper_forward(model: nn.Module, example: Tensor) -> int:
    """Forward FLOPs per sample by the literature's counter, before it rounds them."""
    calls = macs.observe(model, example).calls
    return sum(
        2 * call.forward + call.elementwise
        for call in calls
        if isinstance(call.layer, PAPER_LAYERS)
    ) // len(example)


def paper_flops(model: nn.Module, example: Tensor) -> Figure:
    """3 x forward FLOPs rounded to 0.01 GFLOP; None where rounding could move them by 10 %."""
    forward = paper_forward(model, example)
    if forward < PAPER_LEAST:
        return Figure(
            None,
            "the forward pass is {:.3g} GFLOP, and this convention rounds it to "
            "0.01 GFLOP: under 0.05 that is an error of over 10 %".format(forward / 1e9),
        )
    return Figure(3 * PAPER_STEP * int(round(forward / PAPER_STEP)))


def fvcore_flops(model: nn.Module, example: Tensor) -> Figure:
    """3 x fvcore's forward total; None where fvcore is not installed."""
    operators = fvcore_forward(model, example)
    if operators is None:
        return Figure(None, "fvcore is not installed (pip install fvcore)")
    return Figure(3 * sum(operators.values()))


def fvcore_forward(model: nn.Module, example: Tensor) -> Optional[Dict[str, int]]:
    """fvcore's forward figure per sample by operator, in its own unit; None if not installed.

    Operators that it does not know count 0 there, so attention and LSTMs are missing from it.
    """
    try:  # optional: a board may do without
        with warnings.catch_warnings():  # fvcore's own import uses what torch has deprecated
            warnings.filterwarnings("ignore", message=".*torch.jit.script")
            from fvcore.nn import FlopCountAnalysis
    except ImportError:
        return None
    with macs.undisturbed(model, example):
        analysis = FlopCountAnalysis(model, example)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return {
            name: int(total) // len(example)
            for name, total in sorted(analysis.by_operator().items())
        }


def train_figure(model: nn.Module, example: Tensor, convention: str) -> Figure:
    """Training FLOPs per sample in the named convention, with the reason if there are none.

    Raises:
        ValueError: no such convention.
    """
    if convention not in CONVENTIONS:
        raise ValueError(
            "no FLOPs convention called {!r}; choose one of {}".format(
                convention, ", ".join(CONVENTIONS)
            )
        )
    counters = {"exact": exact_flops, "paper": paper_flops, "fvcore": fvcore_flops}
    return counters[convention](model, example)


def train_flops(model: nn.Module, example: Tensor, convention: str = "exact") -> Optional[int]:
    """Training FLOPs per sample in the named convention, or None where it is undefined.

    Raises:
        ValueError: no such convention.
    """
    return train_figure(model, example, convention).flops
