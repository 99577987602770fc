"""A shrunk model on disk: a plan as plain JSON and a file of tensors, no pickled modules.

With the plan and the constructor of the dense model anyone rebuilds the shrunk one, on either
end of the supported versions. What the plan says is proved again on loading; a plan that tears
channels apart is refused.
"""

import json
import os
from contextlib import suppress
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import nn

from edgejoule.prune import tensor_file, whole_file
from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.groups import Group, Groups, find_tensor, tensor_of
from edgejoule.prune.index_layers import INDEXED, Indexed, indexed
from edgejoule.prune.mask import Mask, leaving
from edgejoule.prune.shrink import Keep, cut, prove, staying, stored_sizes
from edgejoule.prune.tracing.labelled import tensors_in
from edgejoule.prune.tracing.stored_sizes import Sizes, write

SCHEMA = 1  # 1: kept channels per group, positions that leave per tensor axis, input shapes


def plan(groups: Sequence[Group], mask: Mask, example: Any = None) -> Dict[str, Any]:
    """The cut as plain JSON: kept channels per group, positions that leave per tensor axis.

    `example` (or the one that the groups were found with) gives the input shapes with which
    loading proves the cut.
    """
    if example is None and isinstance(groups, Groups) and groups.recording is not None:
        example = groups.recording.example
    kept = {
        group.name: {
            "channels": group.channels,
            "kept": torch.nonzero(mask[group.name]).flatten().tolist(),
        }
        for group in groups
        if group.name in mask
    }
    found = {
        "schema": SCHEMA,
        "groups": kept,
        "cuts": _cuts(groups, mask),
        "inputs": _inputs(example),
        "notes": list(mask.notes),
    }
    sizes = stored_sizes(groups, mask)
    if sizes:  # few networks store any
        found["sizes"] = [
            [path, name, value if isinstance(value, int) else list(value)]
            for (path, name), value in sizes.items()
        ]
    return found


def _cuts(groups: Sequence[Group], mask: Mask) -> List[Dict[str, Any]]:
    """Positions that leave, with every (tensor, axis) that they leave; equal ones written once."""
    cuts: Dict[Tuple[int, ...], List[list]] = {}
    for (name, axis), gone in leaving(groups, mask).items():
        cuts.setdefault(tuple(gone.tolist()), []).append([name, axis])
    return [{"gone": list(gone), "axes": axes} for gone, axes in cuts.items()]


def _inputs(example: Any) -> Optional[List[Dict[str, Any]]]:
    """Shape and type of the inputs; None for keyword inputs, which a plan can't hold."""
    if example is None or isinstance(example, dict):
        return None
    return [
        {"shape": list(t.shape), "dtype": str(t.dtype).replace("torch.", "")}
        for t in tensors_in(example)
    ]


def save(folder: str, model: nn.Module, plan: Dict[str, Any]) -> None:
    """Write plan.json and weights.pt of a shrunk model into a folder."""
    os.makedirs(folder, exist_ok=True)
    plan_file = os.path.join(folder, "plan.json")
    # An older plan may fit the new weights' shapes and name other channels: who is stopped between
    # the two files must leave a folder that does not load, not one that loads wrongly.
    with suppress(FileNotFoundError):
        os.unlink(plan_file)
    tensor_file.write(os.path.join(folder, "weights.pt"), model.state_dict())
    text = json.dumps(plan, indent=1, sort_keys=True)
    whole_file.write(plan_file, text.encode("utf8"))


def load(folder: str, build: Callable[[], nn.Module]) -> nn.Module:
    """The shrunk model of a folder, rebuilt from the dense model's constructor, in train().

    Raises:
        ValueError: plan and weights are damaged, or fit neither each other nor the model.
        RuntimeError: the plan tears channels apart.
    """
    path = os.path.join(folder, "plan.json")
    with open(path) as stream:
        try:
            found = json.load(stream)
        except ValueError as error:
            raise ValueError("{!r} is no JSON ({})".format(path, error)) from None
    small = rebuilt(build(), found)
    return filled(small, tensor_file.state(os.path.join(folder, "weights.pt")))


def rebuilt(model: nn.Module, plan: Dict[str, Any]) -> nn.Module:
    """The dense model cut as a plan says, with its own values.

    The cut is proved where the plan holds the inputs' shapes.

    Raises:
        ValueError: the plan is damaged, or belongs to another model.
        RuntimeError: the plan tears channels apart.
    """
    model = _indexed(model, plan)
    keep = _keep(model, plan)
    small = cut(model, keep)
    write(small, _sizes(model, plan.get("sizes", [])))
    if isinstance(plan.get("inputs"), list) and plan["inputs"]:
        example = tuple(_example(item, model) for item in plan["inputs"])
        prove(model, small, example if len(example) > 1 else example[0], (), keep)
    return small


def _indexed(model: nn.Module, plan: Any) -> nn.Module:
    """The model with an index in every layer whose index the plan cuts."""
    layers = dict(model.named_modules())
    sites: List[str] = []
    for entry in plan.get("cuts", ()) if isinstance(plan, dict) else ():
        for pair in entry.get("axes", ()) if isinstance(entry, dict) else ():
            path = str(pair[0])[: -len(".index")] if isinstance(pair, list) and pair else ""
            if path and pair[0] == path + ".index" and type(layers.get(path)) in INDEXED:
                sites.append(path)
    return indexed(model, sites) if sites else model


def recovered(plan: Dict[str, Any]) -> Mask:
    """The mask that a plan was made from."""
    kept = {}
    for name, entry in plan["groups"].items():
        kept[name] = torch.zeros(entry["channels"], dtype=torch.bool)
        kept[name][entry["kept"]] = True
    return Mask(kept, plan.get("notes", ()))


def expanded(model: nn.Module, small: nn.Module, plan: Dict[str, Any]) -> nn.Module:
    """A copy of the dense model with the shrunk model's values where they came from.

    Removed channels have the dense values again.
    """
    keep, twin = _keep(_indexed(model, plan), plan), duplicate(model)
    with torch.no_grad():
        for name, tensor in small.state_dict().items():
            target = find_tensor(twin, name)
            if target is not None:  # an index has no dense counterpart
                axes = keep.get(name, {})
                grid = [axes.get(axis, np.arange(size)) for axis, size in enumerate(target.shape)]
                target[np.ix_(*grid)] = tensor.to(target.device)
    return twin


def _keep(model: nn.Module, plan: Any) -> Keep:
    """What stays of every tensor, everything about the plan checked first."""
    if (
        not isinstance(plan, dict)
        or plan.get("schema") != SCHEMA
        or not isinstance(plan.get("cuts"), list)
    ):
        raise ValueError("a plan needs schema {!r} and its list of cuts".format(SCHEMA))
    keep: Keep = {}
    for entry in plan["cuts"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("axes"), list):
            raise ValueError("a cut of the plan names no axes: {!r}".format(str(entry)[:80]))
        for pair in entry["axes"]:
            name, axis, size = _axis(model, pair)
            if axis in keep.setdefault(name, {}):
                raise ValueError("the plan cuts axis {} of {!r} twice".format(axis, name))
            gone = _positions(entry.get("gone"), size, name)
            keep[name][axis] = staying(size, np.array(gone))
    return keep


def _sizes(model: nn.Module, entries: Any) -> Sizes:
    """The numbers of channels that modules keep in attributes, checked one by one."""
    layers = dict(model.named_modules())
    found: Sizes = {}
    for entry in entries if isinstance(entries, list) else [entries]:
        path, name, value = entry if isinstance(entry, list) and len(entry) == 3 else ("", "", 0)
        module = layers.get(path) if isinstance(path, str) else None
        old: Any = vars(module).get(name) if module is not None and isinstance(name, str) else None
        known = type(old) in (int, tuple, list) and not name.startswith("_")
        if not known or not _fewer(value, old):
            raise ValueError("the plan's size {!r} fits no module".format(str(entry)[:80]))
        found[(path, name)] = value if type(old) is int else type(old)(value)
    return found


def _fewer(value: Any, old: Any) -> bool:
    """Whether a stored size, or each of several, is a number from 1 to the dense model's."""
    values = value if isinstance(value, list) else [value]
    olds = list(old) if isinstance(old, (tuple, list)) else [old]
    return (
        isinstance(value, list) == isinstance(old, (tuple, list))
        and len(values) == len(olds)
        and all(type(a) is type(b) is int and 1 <= a <= b for a, b in zip(values, olds))
    )


def _axis(model: nn.Module, pair: Any) -> Tuple[str, int, int]:
    """(name, axis, size) of a tensor axis that the plan names."""
    if not (
        isinstance(pair, list)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and type(pair[1]) is int  # True is an int too, and a plan may be anybody's
    ):
        raise ValueError("a cut of the plan names no tensor axis: {!r}".format(str(pair)[:80]))
    tensor = find_tensor(model, pair[0])
    if tensor is None or not 0 <= pair[1] < tensor.dim():
        raise ValueError(
            "the plan cuts axis {!r} of {!r}, which the model doesn't have".format(pair[1], pair[0])
        )
    return pair[0], pair[1], tensor.shape[pair[1]]


def _positions(gone: Any, size: int, name: str) -> List[int]:
    """The positions that leave an axis, checked one by one."""
    if not isinstance(gone, list) or not gone or not all(type(p) is int for p in gone):
        raise ValueError("the plan's positions for {!r} are no list of whole numbers".format(name))
    if any(left >= right for left, right in zip(gone, gone[1:])) or gone[0] < 0 or gone[-1] >= size:
        raise ValueError(
            "the plan's positions for {!r} must rise within 0..{}, found {}..{}".format(
                name, size - 1, min(gone), max(gone)
            )
        )
    if len(gone) == size:
        raise ValueError("the plan leaves nothing of {!r}".format(name))
    return gone


def _example(item: Any, model: nn.Module) -> torch.Tensor:
    """An input of the plan's shape, in the model's own precision."""
    if not isinstance(item, dict):
        raise ValueError("the plan's input {!r} is no tensor".format(str(item)[:80]))
    shape, dtype = item.get("shape"), getattr(torch, str(item.get("dtype")), None)
    if (
        not isinstance(shape, list)
        or not all(type(n) is int and 0 < n < 1 << 20 for n in shape)
        or not isinstance(dtype, torch.dtype)
    ):
        raise ValueError("the plan's input {!r} is no tensor".format(str(item)[:80]))
    if dtype.is_floating_point:  # the model may have been made half precision since
        dtype = next((p.dtype for p in model.parameters()), dtype)
    return torch.zeros((), dtype=dtype).expand(shape)


def filled(model: nn.Module, state: Dict[str, torch.Tensor]) -> nn.Module:
    """The model with its tensors taken from a state dict.

    Raises:
        ValueError: a name or a shape is another one, or an index reads other channels.
    """
    # all names and shapes are checked before anything is written
    own, layers = model.state_dict(), dict(model.named_modules())
    for name in sorted(set(own) ^ set(state)):
        raise ValueError(
            "the weights {} {!r}".format("miss" if name in own else "hold an unknown", name)
        )
    for name, tensor in state.items():
        if tensor.shape != own[name].shape:
            raise ValueError(
                "the weights' {!r} has shape {}, the plan leaves {}".format(
                    name, list(tensor.shape), list(own[name].shape)
                )
            )
    for name, tensor in state.items():
        target = tensor_of(model, name)
        layer = layers.get(name.rpartition(".")[0])
        reads = isinstance(layer, Indexed) and name.endswith(".index")
        if reads and not torch.equal(target.cpu(), tensor):
            raise ValueError("the weights' {!r} chooses other channels than the plan".format(name))
        target.data = tensor.to(target.device)
    return model
