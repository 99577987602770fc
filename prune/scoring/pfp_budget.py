"""How many channels each layer keeps in provable filter pruning (Liebenwein 2020, theorem 3).

Layer l draws m_l = ceil(t K S_l alpha_l) of its inputs with replacement, each with probability
p_j = s_j / S_l, and keeps as many as it then expects to have seen. The paper's error eps appears
in t = (6 + 2 eps) / eps^2 alone, so t is searched instead: the largest one whose network fits.
"""

import math
from typing import Callable, Dict, Mapping, NamedTuple, Sequence, Tuple

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune import macs
from edgejoule.prune.groups import Group
from edgejoule.prune.scoring.reconstruction import readers

K, C, DELTA = 3, 3, 1e-16  # of the authors' code
ROUNDING = 1e-12  # sums of floats lie on either side of a whole number
COUNTED = ("weights", "macs")

WEIGHTY = (_ConvNd, nn.Linear)

Size = Callable[[Mapping[str, int]], float]  # of the network that keeps so many channels


class Layer(NamedTuple):
    """Sensitivities of a layer's inputs [channels], and the factor of its number of draws."""

    sensitivities: np.ndarray
    factor: float

    def draws(self, t: float) -> int:
        """How often the layer draws, at least once."""
        return max(1, int(math.ceil(t * self.factor * self.sensitivities.sum() - ROUNDING)))


def alpha(positions: int, taps: int) -> float:
    """The logarithmic term of a layer with so many output positions and kernel taps."""
    return 2 * C * math.log(8 * (positions + 1) * taps / DELTA)


def probabilities(sensitivities: np.ndarray) -> np.ndarray:
    """The chance of each input to be drawn [channels]; equal ones where nothing is sensitive."""
    total = sensitivities.sum()
    size = len(sensitivities)
    return sensitivities / total if total > 0 else np.full(size, 1 / size)


def expected(chances: np.ndarray, draws: int) -> float:
    """How many different inputs so many draws are expected to see."""
    return float((1 - (1 - chances) ** draws).sum())


def kept(layer: Layer, t: float, least: int = 1) -> int:
    """How many of its inputs a layer keeps."""
    chances = probabilities(layer.sensitivities)
    found = int(math.ceil(expected(chances, layer.draws(t)) - ROUNDING))
    return min(len(chances), max(least, found))


def allocate(
    layers: Mapping[str, Layer], size: Size, most: float, least: int = 1
) -> Tuple[float, Dict[str, int]]:
    """The largest t whose network is no larger than `most`, and the channels that each layer keeps.

    Raises:
        ValueError: even the smallest network is larger.
    """

    def at(logarithm: float) -> Dict[str, int]:
        return {name: kept(each, 10.0**logarithm, least) for name, each in layers.items()}

    low, high = -15.0, 15.0  # of log10 t: one draw, and more than any channel needs
    smallest = size(at(low))
    if smallest > most:
        raise ValueError(
            "the smallest network has a size of {:.0f}, {:.0f} are wanted; lower ratio or "
            "min_channels".format(smallest, most)
        )
    if size(at(high)) <= most:
        return 10.0**high, at(high)
    for _ in range(100):  # halves the interval down to neighbouring floats
        middle = (low + high) / 2
        low, high = (middle, high) if size(at(middle)) <= most else (low, middle)
    return 10.0**low, at(low)


def error(t: float) -> float:
    """The eps of a t: the relative error that the theorem bounds."""
    return (2 + math.sqrt(4 + 24 * t)) / (2 * t)


def layers_of(
    model: nn.Module, groups: Sequence[Group], scores: Mapping[str, Tensor], example: Tensor
) -> Dict[str, Layer]:
    """The layers that read each scored group, as one: the largest logarithmic term counts."""
    positions = {
        id(call.layer): call.forward // (call.layer.weight.numel() * len(example))
        for call in macs.observe(model, example).calls
        if isinstance(call.layer, WEIGHTY)
    }
    found = {}
    for group in groups:
        if group.name in scores:
            terms = [
                alpha(positions.get(id(each.module), 1), each.module.weight[0, 0].numel())
                for each in readers(model, group)
            ]
            found[group.name] = Layer(scores[group.name].double().numpy(), K * max(terms))
    return found


def size_of(model: nn.Module, groups: Sequence[Group], example: Tensor, counted: str) -> Size:
    """A function of {group: channels kept}: weights or MACs per sample of all layers then.

    Groups that it is not told keep all channels.
    """
    each = _costs(model, example, counted)
    lost: Dict[str, Dict[int, Dict[str, int]]] = {name: {0: {}, 1: {}} for name in each}
    channels = {group.name: group.channels for group in groups}
    for group in groups:
        for part in group.slices:
            if part.tensor in lost and part.axis in (0, 1):
                lost[part.tensor][part.axis][group.name] = len(part.indices[0])

    def size(kept: Mapping[str, int]) -> float:
        gone = {name: channels[name] - count for name, count in kept.items()}
        total = 0.0
        for name, (cost, widths) in each.items():
            for axis, width in enumerate(widths):
                owned = lost[name][axis]
                cost *= 1 - sum(gone.get(by, 0) * n for by, n in owned.items()) / width
            total += cost
        return total

    return size


def _costs(
    model: nn.Module, example: Tensor, counted: str
) -> Dict[str, Tuple[float, Tuple[int, ...]]]:
    """{weight: (weights or MACs of its layer, widths of its first two axes)}."""
    work: Dict[int, int] = {}
    for call in macs.observe(model, example).calls:
        work[id(call.layer)] = work.get(id(call.layer), 0) + call.forward // len(example)
    return {
        name + ".weight": (
            float(layer.weight.numel() if counted == "weights" else work.get(id(layer), 0)),
            tuple(layer.weight.shape[:2]),
        )
        for name, layer in model.named_modules()
        if isinstance(layer, WEIGHTY)
    }
