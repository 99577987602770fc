"""Every network of the zoo by name and kind: our own small ones, the papers', torchvision's."""

import fnmatch
import importlib
from typing import Dict, Sequence, Tuple

from edgejoule.bench.zoo.net import Net

KINDS = {
    "own": (
        "chains",
        "branches",
        "splits",
        "attention",
        "sequences",
        "oddities",
        "hidden",
        "published",
    ),
    "seeds": ("seeds",),
    "families": ("families",),
}


def nets(
    kinds: Sequence[str] = tuple(KINDS), patterns: Sequence[str] = ()
) -> Dict[Tuple[str, str], Net]:
    """(kind, name) -> network, of these kinds, whose name matches a pattern; all without patterns.

    Raises:
        ValueError: there is no such kind, or no such network in it.
    """
    found: Dict[Tuple[str, str], Net] = {}
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError("no kind called {!r}; choose from: {}".format(kind, ", ".join(KINDS)))
        for module in KINDS[kind]:  # imported now: torchvision costs seconds
            members = importlib.import_module("edgejoule.bench.zoo." + module).NETS
            found.update(
                {(kind, name): net for name, net in members.items() if _matches(name, patterns)}
            )
    if not found:
        raise ValueError(
            "no network matches {}; see `edgejoule zoo --list`".format(", ".join(patterns) or kinds)
        )
    return found


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
