"""Masks of single weights: drawn exactly, held at zero during training, and counted.

A masked network executes the dense work: nothing here is faster. `effective_macs` says what
hardware that skips zeros would have to do.
"""

import math
from contextlib import contextmanager
from typing import Callable, Iterable, Iterator, List, Mapping, Optional, Sequence, Union

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune import macs

LAYERS = ("all", "conv", "linear", "no_classifier")

Positions = Union[Sequence[int], np.ndarray]


class WeightMask(dict):
    """Tensor name -> bool tensor of its shape, True = kept."""

    @property
    def kept(self) -> int:
        """Weights that stay."""
        return sum(int(flags.sum()) for flags in self.values())

    @property
    def weights(self) -> int:
        """Weights in all tensors."""
        return sum(flags.numel() for flags in self.values())

    @property
    def ratio(self) -> float:
        """Share of weights removed, in [0, 1]; 0 for a mask over no weight."""
        return 1 - self.kept / self.weights if self.weights else 0.0

    def distance(self, other: "WeightMask") -> float:
        """Share of weights on which two masks differ, in [0, 1]."""
        differ = sum(int((flags != other[name]).sum()) for name, flags in self.items())
        return differ / self.weights if self.weights else 0.0

    @property
    def empty(self) -> List[str]:
        """Names of the tensors of which nothing is left."""
        return [name for name, flags in self.items() if not flags.any()]


def names(model: nn.Module, layers: str = "all") -> List[str]:
    """Weight tensors that may be masked: those of convolutions and linear layers, never biases.

    "no_classifier" leaves the last of them out.
    """
    if layers not in LAYERS:
        raise ValueError("no layers called {!r}; there are: {}".format(layers, ", ".join(LAYERS)))
    kinds = {"conv": (_ConvNd,), "linear": (nn.Linear,)}.get(layers, (_ConvNd, nn.Linear))
    found = [
        name + ".weight" if name else "weight"
        for name, module in model.named_modules()
        if isinstance(module, kinds)
    ]
    found = found[:-1] if layers == "no_classifier" else found
    if not found:
        raise ValueError("the model has no weights to mask among layers={!r}".format(layers))
    return found


def full(model: nn.Module, tensors: Iterable[str]) -> WeightMask:
    """The mask that keeps every weight of these tensors."""
    return WeightMask(
        (name, torch.ones_like(model.get_parameter(name), dtype=torch.bool)) for name in tensors
    )


def lowest(
    scores: Mapping[str, Tensor], mask: WeightMask, remove: int, least: int = 0
) -> WeightMask:
    """The mask without the `remove` weights of lowest score, compared over all its tensors.

    What was gone stays gone. Of equal scores the earlier tensor's leave first, then the earlier
    weight's. `least` weights with the highest scores stay in every tensor; the next lowest
    elsewhere leave instead.

    Raises:
        ValueError: so many cannot leave, or a score is NaN or infinite.
    """
    flat = [_flat(scores[name], flags, least) for name, flags in mask.items()]
    values = np.concatenate(flat)
    able = int(np.isfinite(values).sum())
    if remove > able:
        raise ValueError(
            "asked to remove {} weights, but only {} can leave; at least {} stay in "
            "each of {} tensors".format(remove, able, least, len(mask))
        )
    gone = lowest_flags(values, remove)
    edges = np.cumsum([0] + [len(each) for each in flat])
    return WeightMask(
        (name, flags & ~torch.from_numpy(gone[a:b]).view(flags.shape).to(flags.device))
        for (name, flags), a, b in zip(mask.items(), edges, edges[1:])
    )


def lowest_flags(values: np.ndarray, count: int) -> np.ndarray:
    """True for the `count` lowest of `values` [n], the earlier ones of equals."""
    flags = np.zeros(len(values), dtype=bool)
    if count:
        # a partition, not a sort: linear in millions of weights
        limit = np.partition(values, count - 1)[count - 1]
        flags = values < limit
        flags[np.flatnonzero(values == limit)[: count - int(flags.sum())]] = True
    return flags


def removal(ratio: float, remaining: int) -> int:
    """How many of `remaining` weights a ratio in [0, 1) removes, rounded down."""
    if not 0 <= ratio < 1:
        raise ValueError("ratio is {!r}; it must lie in [0, 1)".format(ratio))
    return int(math.floor(ratio * remaining + 1e-9))  # 0.29 * 100 is 28.99...


def apply(model: nn.Module, mask: WeightMask) -> None:
    """Sets every masked weight of the model to zero."""
    with torch.no_grad():
        for name, flags in mask.items():
            model.get_parameter(name).mul_(flags)


def change(model: nn.Module, by: Mapping[str, Tensor]) -> None:
    """Adds `by` {parameter name: values in its shape} to the model's parameters."""
    with torch.no_grad():
        for name, values in by.items():
            parameter = model.get_parameter(name)
            parameter.add_(values.to(parameter))


@contextmanager
def held(model: nn.Module, mask: Optional[WeightMask]) -> Iterator[None]:
    """Inside, masked weights of the model stay zero whatever its optimiser does.

    Their gradients are zeroed, so that no momentum gathers; before every forward pass they are
    zeroed again, so that momentum gathered earlier and weight decay cannot revive them.
    """
    if mask is None:
        yield
        return
    apply(model, mask)
    hooks = [
        model.get_parameter(name).register_hook(_masking(flags)) for name, flags in mask.items()
    ]
    hooks.append(model.register_forward_pre_hook(lambda module, inputs: apply(model, mask)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        apply(model, mask)  # the last step came after the last pass


def _masking(flags: Tensor) -> Callable[[Tensor], Tensor]:
    """A hook that zeroes the gradients of masked weights."""
    return lambda gradient: gradient * flags


def _flat(scores: Tensor, flags: Tensor, least: int) -> np.ndarray:
    """Scores as float64 [n], infinite for weights that are gone and for the `least` best."""
    values = scores.detach().double().cpu().numpy().ravel().copy()  # written to below
    if not np.isfinite(values[flags.cpu().numpy().ravel()]).all():
        raise ValueError("scores hold NaN or infinity; the network or its loss has diverged")
    values[~flags.cpu().numpy().ravel()] = np.inf
    if least:
        still = np.flatnonzero(np.isfinite(values))
        order = still[values[still].argsort(kind="stable")]
        values[order[max(0, len(order) - least) :]] = np.inf
    return values


def effective_macs(model: nn.Module, example: Tensor, mask: WeightMask) -> int:
    """Training MACs per sample (forward and both gradients) that touch a weight that is kept.

    That is what a machine that skips zeros would need.
    """
    density = {name.rpartition(".")[0]: float(flags.float().mean()) for name, flags in mask.items()}
    total = sum(
        # every MAC of a layer belongs to one weight, and all weights of a layer have equally many
        (call.forward + call.input_gradient + call.weight_gradient) * density.get(call.name, 1.0)
        for call in macs.observe(model, example).calls
    )
    return int(round(total)) // len(example)


def sliced(mask: WeightMask, keep: Mapping[str, Mapping[int, Positions]]) -> WeightMask:
    """The mask of a cut network.

    `keep` says what stays of each tensor, {name: {axis: positions}} as `shrink.keeping` has it.
    """
    found = WeightMask()
    for name, flags in mask.items():
        for axis, stay in keep.get(name, {}).items():
            flags = flags.index_select(axis, torch.tensor(stay, device=flags.device))
        found[name] = flags
    return found
