"""Numbers of channels that a module keeps in an attribute, such as the sizes of a split.

A smaller model needs them changed. Which attribute an operation reads can't be seen, so those
whose value is one of its sizes are tried one after the other, and a trial decides: one is kept
only if the operation goes wrong without it and is right with it.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
from torch import nn

from edgejoule.prune.tracing.labelled import Vector
from edgejoule.prune.tracing.labels import Classes
from edgejoule.prune.tracing.operation import Operation

Place = Tuple[str, str]  # (path of a module, name of its attribute)
Sizes = Dict[Place, Any]  # the values that a cut leaves


class Stored(NamedTuple):
    """What an attribute is, int, tuple or list, and the label vectors whose lengths it holds."""

    kind: type
    vectors: List[np.ndarray]


class StoredSizes:
    """Attributes that follow channels."""

    def __init__(self) -> None:
        self.places: Dict[Place, Stored] = {}
        self._tried: Dict[int, int] = {}  # operation -> how many places
        self._chosen: Dict[int, Place] = {}  # operation -> the place that is tried for it

    def turn(self, model: nn.Module, index: int, operation: Operation, classes: Classes) -> bool:
        """Try the next attribute for an operation that went wrong; False if none is left."""
        before = self._chosen.pop(index, None)
        if before is not None and before not in self._chosen.values():
            del self.places[before]
        places = list(_places(model, operation, classes).items())
        number = self._tried.get(index, 0)
        if number >= len(places):
            return False
        self._tried[index] = number + 1
        place, found = places[number]
        self._chosen[index], self.places[place] = place, found
        return True

    def left(self, left: Callable[[Vector], Vector]) -> Sizes:
        """What a cut leaves of every stored size."""
        found: Sizes = {}
        for place, (kind, vectors) in self.places.items():
            sizes = [len(rest) for rest in map(left, vectors) if rest is not None]
            found[place] = sizes[0] if kind is int else kind(sizes)
        return found


def write(model: nn.Module, sizes: Sizes) -> None:
    """Set the stored sizes of a model."""
    for (path, name), value in sizes.items():
        setattr(model.get_submodule(path), name, value)


def _places(model: nn.Module, operation: Operation, classes: Classes) -> Dict[Place, Stored]:
    """The attributes of the module that runs an operation whose values are sizes of it."""
    entering = _free([v for axes in operation.inputs for v in axes], classes)
    leaving = _free([v for _, axes in operation.outputs for v in axes], classes)
    found: Dict[Place, Stored] = {}
    module = model.get_submodule(operation.site)
    if type(module).__module__.startswith("torch."):  # `widths` knows what these state
        return found
    for name, value in vars(module).items():
        if type(value) is int and not name.startswith("_"):
            same = [v for v in leaving + entering if v.size == value]
            if same:
                found[(operation.site, name)] = Stored(int, same[:1])
        elif type(value) in (tuple, list) and _sizes(value) == [v.size for v in leaving] != []:
            found[(operation.site, name)] = Stored(type(value), leaving)
    return found


def _free(vectors: Sequence[Vector], classes: Classes) -> List[np.ndarray]:
    """Those of some label vectors of which anything may leave."""
    return [v for v in vectors if v is not None and not classes.frozen[v].all()]


def _sizes(value: Sequence[Any]) -> List[Any]:
    return list(value) if all(type(item) is int for item in value) else []
