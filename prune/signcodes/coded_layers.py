"""Which layers of a network have sign codes.

A unit is on or off where its value enters a ReLU. It is looked up in the graph that autograd
builds: from what enters each ReLU back, past pools, sums and reshapes, to the layers that made it.
"""

from typing import Any, Callable, Dict, Iterable, Iterator, List, Set, Tuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune.scoring.gradients import in_mode

LAYERS = (_BatchNorm, _ConvNd, nn.Linear)
RULES = ("hidden", "norms")
# What autograd calls the derivatives of functions with a kink, or nearly one, at zero; the number
# behind each name differs between versions of torch.
KINKED = (
    "ReluBackward",
    "LeakyReluBackward",
    "RreluWithNoiseBackward",
    "PreluBackward",
    "PreluKernelBackward",
    "ThresholdBackward",
    "HardtanhBackward",
    "HardswishBackward",
    "EluBackward",
    "CeluBackward",
    "GeluBackward",
    "SiluBackward",
    "MishBackward",
    "SoftplusBackward",
)


def names(model: nn.Module, example: Tensor, rule: str = "hidden") -> List[str]:
    """Names of the modules whose outputs are coded, in the order of their definition.

    "hidden": every batch norm, and every convolution and linear layer whose output enters a ReLU
    without one in between. "norms", as in the spline paper's code: the batch norms alone. A network
    in which a rule finds nothing gives every convolution and linear layer but the last. `example`
    [n, c, h, w] is one batch of images.

    Raises:
        ValueError: there is no such rule, or the model has no such module.
    """
    if rule not in RULES:
        raise ValueError("no code_layers called {!r}; there are: {}".format(rule, ", ".join(RULES)))
    named = list(model.named_modules())
    chosen = {name for name, each in named if isinstance(each, _BatchNorm)}
    if rule == "hidden":
        chosen |= _before_kinks(model, example)
    plain = [name for name, each in named if isinstance(each, (_ConvNd, nn.Linear))]
    # all but the last: no activation follows what makes the logits
    found = [name for name, _ in named if name in chosen] or plain[:-1]
    if not found:
        raise ValueError(
            "no layer to take sign codes of: the model has no batch norm and at most "
            "one convolution or linear layer"
        )
    return found


def _before_kinks(model: nn.Module, example: Tensor) -> Set[str]:
    """The layers whose outputs enter a ReLU with no other layer in between."""
    output, made_by = _traced(model, example)
    found: Set[str] = set()
    for node in _behind([output.grad_fn], lambda node: False):
        if _kinked(node):
            # past a layer or another ReLU it is that one's input
            ways = [each for each, _ in node.next_functions]
            ends = _behind(ways, lambda node: node in made_by or _kinked(node))
            found.update(made_by[each] for each in ends if each in made_by)
    return found


def _traced(model: nn.Module, example: Tensor) -> Tuple[Tensor, Dict[Any, str]]:
    """The model's output with its graph, and by which module each layer's output was made."""
    made_by: Dict[Any, str] = {}

    def remember(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if output.grad_fn is not None:
                made_by[output.grad_fn] = name  # now: a ReLU in place will replace it

        return hook

    layers = [(name, each) for name, each in model.named_modules() if isinstance(each, LAYERS)]
    hooks = [each.register_forward_hook(remember(name)) for name, each in layers]
    # a frozen network has a graph too if its input asks for one; a leaf must not change in place
    image = example.detach().clone().requires_grad_() * 1
    try:
        with in_mode(model, False), torch.enable_grad():
            return model(image), made_by
    finally:
        for each in hooks:
            each.remove()


def _behind(starts: Iterable[Any], ends: Callable[[Any], bool]) -> Iterator[Any]:
    """Every node of a graph from some of them back, each once, not past those that are an end."""
    waiting, seen = list(starts), set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting += [] if ends(node) else [each for each, _ in node.next_functions]


def _kinked(node: Any) -> bool:
    return node.name().rstrip("0123456789") in KINKED
