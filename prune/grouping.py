"""Finding the groups of a model: channels that must leave together, by running it on labels.

Modes: "coupled" ties the layers of a residual stream; "inner" leaves streams whole; "select"
leaves streams whole and lets an index layer choose, for each reader, among their channels.
"""

import fnmatch
from typing import Any, List, Sequence

from torch import nn

from edgejoule.prune.groups import Groups
from edgejoule.prune.tracing.discovery import discover
from edgejoule.prune.tracing.index_sites import discover_select

MODES = ("coupled", "inner", "select")


def find(
    model: nn.Module, example: Any, mode: str = "coupled", ignore: Sequence[str] = ()
) -> Groups:
    """The groups of a model, in the order in which their layers are defined.

    `example` is an input tensor, a tuple of inputs or a dict of keyword inputs: only its shape
    matters. `ignore` names layers (or patterns such as "layer1.*") whose own channels stay;
    their inputs may still leave.
    """
    if mode not in MODES:
        raise ValueError("no mode called {!r}; choose one of: {}".format(mode, ", ".join(MODES)))
    if mode == "select":
        return discover_select(model, example, ignored(model, ignore))
    return discover(model, example, mode, ignored(model, ignore))


def ignored(model: nn.Module, patterns: Sequence[str]) -> List[str]:
    """The module paths that any of the patterns names, submodules included."""
    paths = [path for path, _ in model.named_modules() if path]
    names = set()
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
