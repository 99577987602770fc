"""Weights that a layer computes before every run from other tensors, such as a weight norm's.

torch knows two ways: a hook that writes `weight` from `weight_g` and `weight_v`, and a
parametrization that keeps `parametrizations.weight.original0` and `original1`. In both the first is
the length and the second the direction of every filter. A pruning mask of torch.nn.utils.prune
keeps `weight_orig`, other parametrizations keep `original`.
"""

from typing import Any, Dict, Iterator, Optional, Tuple

import torch
from torch import nn
from torch.nn.utils.weight_norm import WeightNorm

_LEAVES = {"original0": "_g", "original1": "_v", "original": "_orig"}
_STORED = ("_v", "_orig")  # what has the shape of the weight itself


def layer_of(tensor: str) -> Tuple[str, str]:
    """(path of the layer, name) of a tensor; a parametrization's is called as a hook's would be."""
    path, _, leaf = tensor.rpartition(".")
    layer, found, name = path.rpartition("parametrizations.")
    if found and leaf in _LEAVES:
        return layer.rstrip("."), name + _LEAVES[leaf]
    return path, leaf


def plain_name(leaf: str) -> str:
    """The name of the weight that a tensor of a layer is part of: "weight" of "weight_v"."""
    for ending in ("_g",) + _STORED:
        if leaf.endswith(ending):
            return leaf[: -len(ending)]
    return leaf


def stored(module: nn.Module, name: str) -> Optional[torch.Tensor]:
    """The parameter that has the shape of a layer's weight, computed or not; None without one."""
    tensor = module._parameters.get(name)
    if isinstance(tensor, torch.Tensor):
        return tensor
    for ending in _STORED:
        tensor = module._parameters.get(name + ending)
        if isinstance(tensor, torch.Tensor):
            return tensor
    kept = module._modules.get("parametrizations")
    if not isinstance(kept, nn.ModuleDict) or name not in kept:
        return None
    # several tensors that are no weight norm's may have any shape
    leaf = "original1" if direction_axis(module, name) is not None else "original"
    return kept[name]._parameters.get(leaf)


def direction_axis(module: nn.Module, name: str) -> Optional[int]:
    """The axis whose positions have a length each, -1 if all share one, None if there is none."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm) and hook.name == name:
            return hook.dim
    kept = module._modules.get("parametrizations")
    if isinstance(kept, nn.ModuleDict) and name in kept:
        for step in kept[name].children():
            if type(step).__name__ == "_WeightNorm":  # private, and missing in old torch
                return int(step.dim)  # type: ignore[arg-type]  # an attribute of its own
    return None


def undirected(model: nn.Module) -> Dict[str, int]:
    """Names of weight norms' directions, and the axis along which no mask may make them zero.

    A filter of length 0 needs no direction, and a direction of zeros is no number.
    """
    found = {}
    for layer, module in model.named_modules():
        for leaf, tensor in _directions(module):
            axis = direction_axis(module, tensor)
            if axis is not None and axis >= 0:
                found[layer + "." + leaf if layer else leaf] = axis
    return found


def _directions(module: nn.Module) -> Iterator[Tuple[str, str]]:
    """(name, name of the weight) of a layer's tensors that could be a direction."""
    for leaf in module._parameters:
        if leaf.endswith("_v"):
            yield leaf, leaf[:-2]
    kept = module._modules.get("parametrizations")
    for name in kept if isinstance(kept, nn.ModuleDict) else ():
        yield "parametrizations.{}.original1".format(name), name


def refresh(module: nn.Module) -> None:
    """Compute anew what a hook of weight norm last wrote, after its tensors have changed."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):
            setattr(module, hook.name, hook.compute_weight(module))


def effective(model: nn.Module, tensor: str) -> Any:
    """The weight that a tensor of a weight norm makes, None for any other tensor."""
    layer, leaf = layer_of(tensor)
    name = plain_name(leaf)
    module = model.get_submodule(layer) if layer else model
    if name == leaf or direction_axis(module, name) is None:
        return None
    with torch.no_grad():
        refresh(module)
        return getattr(module, name).detach()
