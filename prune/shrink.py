"""Physical cutting: a new, smaller module, and the proof that it is the masked one.

Every tensor that a group touches is cut along the group's axes, the sizes that modules state
are brought in line, and the result is run on labels against the dense trace. A model whose
labels don't check is never returned.
"""

from typing import Any, Dict, Sequence

import numpy as np
import torch
from torch import nn

from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.groups import Group, tensor_of
from edgejoule.prune.index_layers import plain, selecting, sites_of
from edgejoule.prune.mask import Mask, leaving, masked
from edgejoule.prune.parity import double, parity
from edgejoule.prune.tracing.discovery import Trace, proved
from edgejoule.prune.tracing.labelled import replaced
from edgejoule.prune.tracing.proof import Checker
from edgejoule.prune.tracing.skeleton import skeleton, tensors
from edgejoule.prune.tracing.tracer import Refused
from edgejoule.prune.widths import resize

EQUAL = 1e-9  # relative difference in float64 that still counts as equal
Keep = Dict[str, Dict[int, np.ndarray]]  # tensor -> axis -> positions that stay, ascending


def shrink(model: nn.Module, example: Any, groups: Sequence[Group], mask: Mask) -> nn.Module:
    """A physically smaller copy that computes what the masked model computes; the model is
    untouched.
    """
    sites = sites_of(model, groups)
    dense = selecting(model, sites) if sites else model
    keep = keeping(dense, groups, mask)
    small = cut(dense, keep)
    if keep and getattr(groups, "proof", "labels") == "values":
        prove_values(model, small, example, masked(model, groups, mask))
    elif keep:
        prove(dense, small, example, groups, keep)
    return plain(small, [site for site in sites if site + ".index" not in keep])


def keeping(model: nn.Module, groups: Sequence[Group], mask: Mask) -> Keep:
    """What stays of every tensor that loses anything."""
    sites = sites_of(model, groups)
    model = selecting(model, sites) if sites else model
    keep: Keep = {}
    for (name, axis), gone in leaving(groups, mask).items():
        size = _size(model, name, axis)
        if not 0 <= gone[0] <= gone[-1] < size:
            raise ValueError(
                "{!r} has {} positions on axis {}; the groups belong to another width".format(
                    name, size, axis
                )
            )
        if gone.size == size:
            raise ValueError(
                "the mask leaves nothing of {!r} on axis {}; keep at least one channel".format(
                    name, axis
                )
            )
        keep.setdefault(name, {})[axis] = staying(size, gone)
    return keep


def staying(size: int, gone: np.ndarray) -> np.ndarray:
    """The positions of an axis that stay, ascending."""
    flags = np.ones(size, bool)
    flags[gone] = False
    return np.flatnonzero(flags)


def _size(model: nn.Module, name: str, axis: int) -> int:
    tensor = tensor_of(model, name)
    if tensor is None:
        raise ValueError(
            "the model has no tensor {!r}; the groups belong to another model".format(name)
        )
    return tensor.shape[axis]


def cut(model: nn.Module, keep: Keep) -> nn.Module:
    """A copy of the model without the positions that leave; no proof yet."""
    memo = {}
    for name, tensor in tensors(model):
        if name in keep:
            memo[id(tensor)] = _cut(tensor, keep[name])
    small = duplicate(model, memo)
    for original, module in zip(model.modules(), small.modules()):
        resize(module, original)
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()
    return small


def _cut(tensor: torch.Tensor, axes: Dict[int, np.ndarray]) -> torch.Tensor:
    """What stays of a parameter or buffer."""
    small = tensor.detach()
    for axis, stay in sorted(axes.items()):
        small = taken(small, axis, stay)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(small, requires_grad=tensor.requires_grad)
    return small


def taken(tensor: torch.Tensor, axis: int, stay: np.ndarray) -> torch.Tensor:
    """index_select, by whole blocks where positions stay in blocks (flattened pixels of a
    channel).
    """
    block = _block(stay, tensor.shape[axis])
    index = torch.from_numpy(stay[::block] // block).to(tensor.device)
    if block == 1:
        return tensor.index_select(axis, index)
    shape = list(tensor.shape)
    split = shape[:axis] + [shape[axis] // block, block] + shape[axis + 1 :]
    shape[axis] = len(stay)
    return tensor.reshape(split).index_select(axis, index).reshape(shape)


def _block(stay: np.ndarray, size: int) -> int:
    """The largest block such that positions stay or leave by whole blocks."""
    flags = np.zeros(size + 2, bool)
    flags[stay + 1] = True
    edges = np.flatnonzero(flags[1:] != flags[:-1])
    return max(1, int(np.gcd.reduce(np.append(edges, size))))


def prove(
    model: nn.Module, small: nn.Module, example: Any, groups: Sequence[Group], keep: Keep
) -> None:
    """Raise unless the small model is, label by label, the dense one without the removed
    channels.
    """
    trace = getattr(groups, "trace", None)
    if trace is None or not trace.fits(model):
        trace = traced(model, example)
    classes = trace.labels.resolve()
    kept = kept_labels(trace, keep)
    _closed(trace, classes, kept)
    checker = Checker(trace.tracer, classes.root, kept)
    axes = {name: tuple(map(checker.left, vectors)) for name, vectors in trace.axes.items()}
    wrong = proved(lambda: skeleton(small, axes, checker), trace, checker)
    _count_channels(small, trace, checker)
    if wrong:
        index, sentence = wrong[0]
        record = trace.tracer.records[index]
        raise RuntimeError(
            "the cut is refused: {!r} in {!r} {}; leave its layers whole with ignore=".format(
                record.name, record.site or "the model", sentence
            )
        )


def _count_channels(small: nn.Module, trace: Trace, checker: Checker) -> None:
    """State the channels of norms that own no tensor to read them off."""
    layers = dict(small.named_modules())
    for record in trace.tracer.records:
        layer = layers.get(record.site)
        bare = isinstance(layer, nn.modules.batchnorm._NormBase) and not list(layer.state_dict())
        if bare and record.inputs and record.inputs[0][1] is not None:
            layer.num_features = checker.left(record.inputs[0][1]).size


def prove_values(model: nn.Module, small: nn.Module, example: Any, silent: nn.Module) -> None:
    """Raise unless the small model computes the masked model's numbers in float64, on noise."""
    noise = replaced(
        example,
        lambda t: (
            torch.randn(t.shape, dtype=torch.float64, device=t.device)
            if t.dtype.is_floating_point
            else t
        ),
    )
    noisy = any(isinstance(m, nn.modules.dropout._DropoutNd) for m in model.modules())
    left, right = duplicate(silent).double(), duplicate(small).double()
    found = parity(left, right, double(noise), (False,) if noisy else (False, True))
    if not found < EQUAL:
        raise RuntimeError(
            "the cut is refused: its outputs differ from the masked model's by {:.1e}; "
            "the declared groups don't hold all that belongs together".format(found)
        )


def traced(model: nn.Module, example: Any) -> Trace:
    """A fresh trace of a model, for groups that were not found by `grouping.find` here."""
    try:
        return Trace(model, example, "coupled")
    except Refused as refusal:
        raise RuntimeError("the cut is refused: {}".format(refusal)) from None


def kept_labels(trace: Trace, keep: Keep) -> np.ndarray:
    """True [labels] for what stays."""
    kept = np.ones(trace.labels.size, bool)
    for name, axes in keep.items():
        for axis, stay in axes.items():
            vector = trace.axes[name][axis]
            if vector is None:
                raise ValueError("{!r} holds no channels on axis {}".format(name, axis))
            kept[vector] = False
            kept[vector[stay]] = True
    return kept


def _closed(trace: Trace, classes, kept: np.ndarray) -> None:
    """Every class leaves as a whole or stays as a whole, and frozen ones stay."""
    gone = ~kept
    touched = np.zeros(kept.size, bool)
    touched[classes.root[gone]] = True
    torn = touched[classes.root] & kept
    for wrong, why in (
        (gone & classes.frozen, "can't leave"),
        (torn, "must leave with the others of its group"),
    ):
        if wrong.any():
            name, axis = trace.labels.owner(int(np.nonzero(wrong)[0][0]))
            raise RuntimeError(
                "the cut is refused: a channel of {!r}, axis {}, {}".format(name, axis, why)
            )
