"""Deep copies of a model in which some tensors are replaced by others."""

import copy
from typing import Any, Dict, Optional

import torch
from torch import nn


def duplicate(model: nn.Module, instead: Optional[Dict[int, Any]] = None) -> nn.Module:
    """A copy of the model; `instead` maps id(tensor) to what stands in its place, wherever it
    occurs.

    Tensors that a module keeps as plain attributes, such as a weight recomputed before every
    run, are copied without their history, which deepcopy alone refuses.
    """
    memo = dict(instead or {})
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, torch.Tensor):
                memo.setdefault(id(value), value.detach().clone())
    return copy.deepcopy(model, memo)
