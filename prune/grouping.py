"""Finding the groups of a model: channels that must leave together, by running it on labels.

Modes: "coupled" ties the layers of a residual stream; "inner" leaves streams whole; "select"
leaves streams whole and puts an index layer in front of each reader, which picks among their
channels.
"""

import fnmatch
from typing import Any, List, Sequence, Set, Tuple

import torch
from torch import nn

from edgejoule.prune.duplicate import uncompiled
from edgejoule.prune.groups import Groups
from edgejoule.prune.tracing.discovery import discover
from edgejoule.prune.tracing.index_sites import discover_indexed

MODES = ("coupled", "inner", "select")


def find(
    model: nn.Module, example: Any, mode: str = "coupled", ignore: Sequence[str] = ()
) -> Groups:
    """The groups of a model, in the order in which their layers are defined.

    `example` is an input tensor, a tuple of inputs or a dict of keyword inputs: only its shape
    matters. `ignore` names layers (or patterns such as "layer1.*") whose own channels stay;
    their inputs may still leave. What stays whole, and why, is in the result's `whole`. A model
    that torch.compile wrapped is read without its wrapper, by the names inside.

    Raises:
        ValueError: no such mode, or a pattern that names no layer.
    """
    if mode not in MODES:
        raise ValueError("no mode called {!r}; choose one of: {}".format(mode, ", ".join(MODES)))
    model = uncompiled(model)
    closed = _closed(model)
    if closed:
        return Groups((), closed)
    if mode == "select":
        return discover_indexed(model, example, ignored(model, ignore))
    return discover(model, example, mode, ignored(model, ignore))


def _closed(model: nn.Module) -> List[Tuple[str, str]]:
    """(layer, reason) of the first part of a model that no label can enter."""
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            return [(path, "is TorchScript, which can't be followed: cut first, script the result")]
        if module is not model and uncompiled(module) is not module:
            return [(path, "is compiled, which can't be followed: cut first, compile the result")]
    return []


def ignored(model: nn.Module, patterns: Sequence[str]) -> List[str]:
    """The module paths that any of the patterns names, submodules included.

    Raises:
        ValueError: a pattern that names no layer.
    """
    paths = [path for path, _ in model.named_modules() if path]
    names: Set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        hits = [path for path in paths if fnmatch.fnmatchcase(path, pattern)]
        if not hits:
            raise ValueError(
                "ignore: no layer called {!r}; layers begin with: {}".format(
                    pattern, ", ".join(paths[:8])
                )
            )
        names.update(
            path for path in paths for hit in hits if path == hit or path.startswith(hit + ".")
        )
    return sorted(names)
