"""Physical cutting: a new, smaller module, and the proof that it is the masked one.

Every tensor that a group touches is cut along the group's axes, the sizes that modules state
are brought in line, and the result is run on labels: it must repeat the dense model's
operations. A model that doesn't is never returned.
"""

from typing import Any, Dict, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from edgejoule.prune.computed_weights import refresh
from edgejoule.prune.duplicate import duplicate, uncompiled
from edgejoule.prune.groups import Group, Groups, tensor_of
from edgejoule.prune.index_layers import indexed, plain, sites_of
from edgejoule.prune.mask import Mask, leaving, masked
from edgejoule.prune.parity import drawing, noise, parity
from edgejoule.prune.tracing.discovery import proved
from edgejoule.prune.tracing.labels import Classes
from edgejoule.prune.tracing.proof import Checker
from edgejoule.prune.tracing.recording import Recording
from edgejoule.prune.tracing.skeleton import skeleton, tensors
from edgejoule.prune.tracing.stored_sizes import Sizes, write
from edgejoule.prune.tracing.tracer import Refused
from edgejoule.prune.widths import resize

EQUAL = 1e-9  # relative difference in float64 that still counts as equal; rounding is far below
Keep = Dict[str, Dict[int, np.ndarray]]  # tensor -> axis -> positions that stay, ascending


def shrink(model: nn.Module, example: Any, groups: Sequence[Group], mask: Mask) -> nn.Module:
    """A physically smaller copy that computes what the masked model computes.

    The model is untouched; of one that torch.compile wrapped, the model inside is cut. `groups`
    come from `grouping.find`, `mask` from `select.select`.

    Raises:
        ValueError: groups or mask belong to another model, or a tensor would have nothing left.
        RuntimeError: the smaller model would not compute the masked model's values.
    """
    model = uncompiled(model)
    sites = sites_of(model, groups)
    dense = indexed(model, sites) if sites else model
    keep = keeping(dense, groups, mask)
    small = cut(dense, keep)
    write(small, stored_sizes(groups, mask))
    if keep and isinstance(groups, Groups) and groups.proof == "values":
        prove_values(model, small, example, masked(model, groups, mask))
    elif keep:
        prove(dense, small, example, groups, keep)
    return plain(small, [site for site in sites if site + ".index" not in keep])


def keeping(model: nn.Module, groups: Sequence[Group], mask: Mask) -> Keep:
    """What stays of every tensor that loses anything.

    Raises:
        ValueError: groups or mask belong to another model, or a tensor would have nothing left.
    """
    model = uncompiled(model)
    sites = sites_of(model, groups)
    model = indexed(model, sites) if sites else model
    keep: Keep = {}
    for (name, axis), gone in leaving(groups, mask).items():
        size = tensor_of(model, name).shape[axis]
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


def stored_sizes(groups: Sequence[Group], mask: Mask) -> Sizes:
    """The numbers of channels in attributes of modules, as a cut leaves them.

    Groups without a recording know none.
    """
    recording = groups.recording if isinstance(groups, Groups) else None
    if recording is None or not recording.stored.places:
        return {}
    kept = np.ones(recording.labels.size, bool)
    for (name, axis), positions in leaving(groups, mask).items():
        vector = recording.axes[name][axis]
        if vector is not None:
            kept[vector[positions]] = False
    return recording.stored.left(lambda vector: None if vector is None else vector[kept[vector]])


def staying(size: int, gone: np.ndarray) -> np.ndarray:
    """The positions of an axis that stay, ascending."""
    flags = np.ones(size, bool)
    flags[gone] = False
    return np.flatnonzero(flags)


def cut(model: nn.Module, keep: Keep) -> nn.Module:
    """A copy of the model without the positions that leave; no proof yet."""
    memo = {}
    for name, tensor in tensors(model):
        if name in keep:
            memo[id(tensor)] = _cut(tensor, keep[name])
    small = duplicate(model, memo)
    for original, module in zip(model.modules(), small.modules()):
        resize(module, original)
        refresh(module)
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()  # cuDNN wants the weights in one piece of memory
    return small


def _cut(tensor: torch.Tensor, axes: Dict[int, np.ndarray]) -> torch.Tensor:
    """What stays of a parameter or buffer."""
    small = tensor.detach()
    for axis, stay in sorted(axes.items()):
        small = taken(small, axis, stay)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(small, requires_grad=tensor.requires_grad)
    return small


def _laid_out(small: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """What was cut in the order in memory that the tensor had, such as channels_last."""
    for layout in (torch.channels_last, torch.channels_last_3d):
        if tensor.dim() != 4 + (layout is torch.channels_last_3d) or tensor.is_contiguous():
            continue
        if tensor.is_contiguous(memory_format=layout):
            return small.contiguous(memory_format=layout)
    return small


def taken(tensor: torch.Tensor, axis: int, stay: np.ndarray) -> torch.Tensor:
    """What stays of a tensor along an axis, at the positions [n], ascending.

    Where positions stay in blocks (the flattened pixels of a channel) whole blocks are copied.
    """
    block = _block(stay, tensor.shape[axis])
    index = torch.from_numpy(stay[::block] // block).to(tensor.device)
    if block == 1:
        return _laid_out(tensor.index_select(axis, index), tensor)
    shape = list(tensor.shape)
    split = shape[:axis] + [shape[axis] // block, block] + shape[axis + 1 :]
    shape[axis] = len(stay)
    return _laid_out(tensor.reshape(split).index_select(axis, index).reshape(shape), tensor)


def _block(stay: np.ndarray, size: int) -> int:
    """The largest block such that positions stay or leave by whole blocks."""
    flags = np.zeros(size + 2, bool)
    flags[stay + 1] = True
    edges = np.flatnonzero(flags[1:] != flags[:-1])
    return max(1, int(np.gcd.reduce(np.append(edges, size))))


def prove(
    model: nn.Module, small: nn.Module, example: Any, groups: Sequence[Group], keep: Keep
) -> None:
    """Raise unless the small model is, label by label, the dense one without what leaves.

    Raises:
        RuntimeError: it is not; the sentence names the operation.
    """
    recording = groups.recording if isinstance(groups, Groups) else None
    if recording is None or not recording.fits(model):
        recording = recorded(model, example)
    classes = recording.labels.resolve()
    kept = kept_labels(recording, keep)
    _closed(recording, classes, kept)
    checker = Checker(recording.recorder, classes.root, kept)
    axes = {name: tuple(map(checker.left, vectors)) for name, vectors in recording.axes.items()}
    wrong = proved(lambda: skeleton(small, axes, checker), recording, checker)
    _count_channels(small, recording, checker)
    if wrong:
        index, sentence = wrong[0]
        operation = recording.recorder.operations[index]
        raise RuntimeError(
            "the cut is refused: {!r} in {!r} {}; leave its layers whole with ignore=".format(
                operation.name, operation.site or "the model", sentence
            )
        )


def _count_channels(small: nn.Module, recording: Recording, checker: Checker) -> None:
    """State the channels of norms that own no tensor to read them off."""
    layers = dict(small.named_modules())
    for operation in recording.recorder.operations:
        layer = layers.get(operation.site)
        if isinstance(layer, _NormBase) and not list(layer.state_dict()) and operation.inputs:
            entering = checker.left(operation.inputs[0][1])
            if entering is not None:
                layer.num_features = entering.size


def prove_values(model: nn.Module, small: nn.Module, example: Any, silent: nn.Module) -> None:
    """Raise unless the small model computes the masked model's numbers in float64, on noise.

    Raises:
        RuntimeError: it does not; the sentence says by how much it is off.
    """
    left, right = duplicate(silent).double(), duplicate(small).double()
    inputs = noise(example, torch.float64)
    found = parity(left, right, inputs, (False,))
    if found < EQUAL:
        trained = parity(left, right, inputs, (True,))
        # dropout draws a number per channel, so fewer channels get other numbers in train()
        found = trained if trained < EQUAL or not drawing(left, inputs) else found
    if not found < EQUAL:
        raise RuntimeError(
            "the cut is refused: its outputs differ from the masked model's by {:.1e}; "
            "the declared groups don't hold all that belongs together".format(found)
        )


def recorded(model: nn.Module, example: Any) -> Recording:
    """A fresh recording of a model, for groups that were not found by `grouping.find` here.

    Raises:
        RuntimeError: the model's channels can't be followed.
    """
    try:
        return Recording(model, example, "coupled")
    except Refused as refusal:
        raise RuntimeError("the cut is refused: {}".format(refusal)) from None


def kept_labels(recording: Recording, keep: Keep) -> np.ndarray:
    """True [labels] for what stays.

    Raises:
        ValueError: something leaves an axis that holds no channels.
    """
    kept = np.ones(recording.labels.size, bool)
    for name, axes in keep.items():
        for axis, stay in axes.items():
            vector = recording.axes[name][axis]
            if vector is None:
                raise ValueError("{!r} holds no channels on axis {}".format(name, axis))
            kept[vector] = False
            kept[vector[stay]] = True
    return kept


def _closed(recording: Recording, classes: Classes, kept: np.ndarray) -> None:
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
            name, axis = recording.labels.owner(int(np.nonzero(wrong)[0][0]))
            raise RuntimeError(
                "the cut is refused: a channel of {!r}, axis {}, {}".format(name, axis, why)
            )
