"""What the layers of a shrunk model lack of a silenced model's outputs.

Both models run on the same inputs. At each layer the difference of its outputs is measured, and
then the silenced model's output takes the place of the shrunk one's: so every layer is judged
on right inputs, and none by the faults of those in front of it.
"""

from contextlib import contextmanager
from functools import partial
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from edgejoule.prune.index_layers import Indexed
from edgejoule.prune.parity import seeded
from edgejoule.prune.shrink import Keep
from edgejoule.prune.tracing.skeleton import tensors

UNITS = 1e3  # differences up to so many roundings of the largest output count as none

Layer = Union[_ConvNd, nn.Linear]


class Site(NamedTuple):
    """A layer whose outputs may lack something, and where it is given back."""

    layer: str
    norm: Optional[str]  # a layer without bias leaves it to the batch norm directly behind it
    axis: int  # of the channels in the layer's output, counted from the end


Act = Callable[[Site, torch.Tensor], torch.Tensor]  # what takes the place of a site's output


class Missing(NamedTuple):
    """What a layer's output lacks, per call and input, the channels first [out, n, ...]."""

    site: Site
    parts: List[torch.Tensor]
    rounding: float  # the largest difference that counts as none

    def nothing(self) -> bool:
        """Whether nothing is missing."""
        return all(float(part.abs().max()) <= self.rounding for part in self.parts)

    def constant(self) -> Optional[torch.Tensor]:
        """The constant [out] that is missing, None if it differs by sample, place or call."""
        rows = [part.reshape(part.shape[0], -1) for part in self.parts]
        return _agreed(torch.cat(rows, 1), self.rounding)

    def map(self) -> Optional[torch.Tensor]:
        """The map [out, ...] that is missing, None if it differs by sample or call."""
        if len({part.shape[2:] for part in self.parts}) > 1:
            return None
        return _agreed(torch.cat(self.parts, 1).movedim(1, -1), self.rounding)


def _agreed(values: torch.Tensor, rounding: float) -> Optional[torch.Tensor]:
    """The mean over the last axis, None where values differ by more than rounding."""
    spread = values.max(-1)[0] - values.min(-1)[0]
    return values.mean(-1) if bool((spread <= rounding).all()) else None


def missing(
    silent: nn.Module, small: nn.Module, keep: Keep, examples: Sequence[Any]
) -> List[Missing]:
    """What each convolution and linear layer lacks, in order of their first run.

    The models are in eval() and `keep` is what the cut left. Several examples tell what depends
    on the input from what doesn't.
    """
    sites = _sites(silent, small, examples[0])
    stays = {site: _stay(silent, site.layer, keep) for site in sites}
    found = {site: Missing(site, [], 0.0) for site in sites}
    for example in examples:
        for site, (parts, rounding) in _compared(silent, small, stays, example).items():
            before = found[site]
            found[site] = Missing(site, before.parts + parts, max(before.rounding, rounding))
    return list(found.values())


def _compared(
    silent: nn.Module, small: nn.Module, stays: Dict[Site, Optional[np.ndarray]], example: Any
) -> Dict[Site, Tuple[List[torch.Tensor], float]]:
    """Per site the differences at each call, and how much of them is rounding."""
    right: Dict[Site, List[torch.Tensor]] = {site: [] for site in stays}
    parts: Dict[Site, List[torch.Tensor]] = {site: [] for site in stays}

    def note(site: Site, out: torch.Tensor) -> torch.Tensor:
        right[site].append(_kept(out, site.axis, stays[site]))
        return out

    def compare(site: Site, out: torch.Tensor) -> torch.Tensor:
        whole = right[site].pop(0)
        if whole.shape != out.shape:  # a linear layer over pixels, with channels on another axis
            return out
        parts[site].append((whole - out).movedim(site.axis, 0))
        return whole

    with _tapped(silent, stays, note):
        seeded(silent, example)
    rounding = {site: _rounding(outputs) for site, outputs in right.items()}
    with _tapped(small, stays, compare):
        seeded(small, example)
    return {site: (parts[site], rounding[site]) for site in stays}


def _kept(out: torch.Tensor, axis: int, stay: Optional[np.ndarray]) -> torch.Tensor:
    """A copy of the outputs that stay; a copy, since the next layer may work in place."""
    if stay is None:
        return out.clone()
    return out.index_select(axis, torch.from_numpy(stay).to(out.device))


def _rounding(outputs: List[torch.Tensor]) -> float:
    """The largest difference in a layer's outputs that counts as none."""
    sizes = [float(t.abs().max()) * torch.finfo(t.dtype).eps for t in outputs]
    return UNITS * max(sizes, default=0.0)


@contextmanager
def _tapped(model: nn.Module, sites: Iterable[Site], act: Act) -> Iterator[None]:
    """Inside, what a site puts out is replaced by what `act` makes of it."""
    handles = []
    for site in sites:
        if site.norm is None:
            layer = model.get_submodule(site.layer)
            handles.append(layer.register_forward_hook(partial(_behind, site, act)))
        else:  # at the norm's input, since others may read the layer's output too
            norm = model.get_submodule(site.norm)
            handles.append(norm.register_forward_pre_hook(partial(_in_front, site, act)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _behind(site: Site, act: Act, _: nn.Module, inputs: Any, out: torch.Tensor) -> torch.Tensor:
    return act(site, out)


def _in_front(site: Site, act: Act, _: nn.Module, inputs: Any) -> Tuple[torch.Tensor]:
    return (act(site, inputs[0]),)


def _sites(silent: nn.Module, small: nn.Module, example: Any) -> List[Site]:
    """The convolutions and linear layers that run, in order, and the norms behind them."""
    seen: Dict[str, int] = {}  # layer -> axis of its channels
    bare: List[Tuple[torch.Tensor, str]] = []  # outputs of layers without bias
    norms: Dict[str, str] = {}

    def ran(name: str, layer: Layer, _: Any, out: torch.Tensor) -> None:
        axis = -len(layer.kernel_size) - 1 if isinstance(layer, _ConvNd) else -1
        seen.setdefault(name, axis)
        if layer.bias is None and out.dim() + axis == 1:  # where a norm has its channels
            bare.append((out, name))

    def entered(name: str, _: nn.Module, inputs: Any) -> None:
        for out, layer in bare:
            if inputs and inputs[0] is out:
                norms.setdefault(layer, name)

    handles = []
    for name, module in silent.named_modules():
        if isinstance(module, (_ConvNd, nn.Linear)):
            handles.append(module.register_forward_hook(partial(ran, name)))
        elif _corrects(module, small.get_submodule(name)):
            handles.append(module.register_forward_pre_hook(partial(entered, name)))
    try:
        seeded(silent, example)
    finally:
        for handle in handles:
            handle.remove()
    return [Site(name, norms.get(name), axis) for name, axis in seen.items()]


def _corrects(module: nn.Module, twin: nn.Module) -> bool:
    """Whether a module is a norm whose running mean can take a constant off its input.

    An indexed norm has another input than its running mean is for.
    """
    has_mean = isinstance(module, _BatchNorm) and module.running_mean is not None
    return has_mean and not isinstance(twin, Indexed)


def _stay(silent: nn.Module, name: str, keep: Keep) -> Optional[np.ndarray]:
    """The outputs of a layer that stay, None if all do."""
    layer: Any = silent.get_submodule(name)
    names = {id(tensor): each for each, tensor in tensors(silent)}  # tied weights have one name
    weight = layer.weight
    axes = keep.get(names.get(id(weight), ""), {})
    if not isinstance(layer, _ConvTransposeNd):
        return axes.get(0)
    if not axes:
        return None
    # weight [in, out / groups, ...]; depthwise, an input that leaves takes its outputs along
    each, groups = weight.shape[1], np.arange(layer.groups)
    if layer.groups > 1 and layer.groups == layer.in_channels:
        groups = axes.get(0, groups)
    return (groups[:, None] * each + axes.get(1, np.arange(each))).ravel()
