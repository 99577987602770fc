"""The network that a command line names: ours or the user's, its weights, and inputs for it."""

import importlib
import inspect
import os
import sys
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import nn

from edgejoule import plugins
from edgejoule.bench.before_after import drawn
from edgejoule.prune import checkpoints, tensor_file

Shape = Tuple[int, ...]  # of one input, without the batch


class Network(NamedTuple):
    """A network, the shapes of its inputs, and what the user should know about how it was read."""

    model: nn.Module
    shapes: Tuple[Shape, ...]
    notes: Tuple[str, ...] = ()

    def inputs(self, batch: int) -> Any:
        """Noise for it [batch, ...] in its own precision: a tensor, or a tuple of several."""
        floats = (p.dtype for p in self.model.parameters() if p.dtype.is_floating_point)
        dtype = next(floats, torch.float32)
        found = tuple(drawn((batch,) + shape, dtype) for shape in self.shapes)
        return found if len(found) > 1 else found[0]


def named(name: str, classes: Optional[int], shapes: Sequence[Shape]) -> Network:
    """A network of `edgejoule list models`."""
    module = plugins.load("models", name)
    shapes = tuple(shapes) or (tuple(module.INPUT_SHAPE),)
    return Network(module.build(classes or module.CLASSES, shapes[0][0]), tuple(shapes))


def made(factory: str, shapes: Sequence[Shape]) -> Network:
    """What the user's function returns; the working folder is importable.

    Raises:
        ValueError: it can't be called without arguments, fails, or returns no module.
    """
    if not shapes:
        raise ValueError("--factory needs --input-shape, such as 3,224,224")
    model = _called(factory, _function(factory))
    if not isinstance(model, nn.Module):
        raise ValueError(
            "--factory {!r} returns a {}, not an nn.Module; return the network itself".format(
                factory, type(model).__name__
            )
        )
    return Network(model, tuple(shapes))


def _function(factory: str) -> Any:
    package, colon, name = factory.partition(":")
    if not colon:
        raise ValueError("--factory {!r}; it is package.module:function".format(factory))
    sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError) as error:
        raise ValueError("--factory {!r} cannot be called: {}".format(factory, error)) from error


def _called(factory: str, function: Any) -> Any:
    needed = _needed(function)
    if needed:
        raise ValueError(
            "--factory {!r} needs {}, and is called without arguments; name a function that "
            "gives them".format(factory, ", ".join(needed))
        )
    try:
        return function()
    except Exception as error:  # the user's own code
        raise ValueError(
            "--factory {!r} fails: {}: {}".format(
                factory, type(error).__name__, " ".join(str(error).split())[:200]
            )
        ) from error


def _needed(function: Any) -> List[str]:
    """The parameters of a function that have no default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # no function, or one that tells nothing
        return []
    return [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]


def loaded(network: Network, path: str, key: str) -> Network:
    """The network with the weights of a file of tensors; nothing in the file is executed.

    Raises:
        ValueError: they don't fit.
    """
    names = network.model.state_dict()
    state, off = checkpoints.fitted(tensor_file.state(path, key), names)
    try:
        network.model.load_state_dict(state)
    except RuntimeError as error:  # torch lists what does not fit, a line each
        raise ValueError(
            "--weights {!r} do not fit the model: {}".format(
                path, " ".join(str(error).split())[:300]
            )
        ) from error
    note = "{!r} was taken off the front of every name in {!r}".format(off, path)
    return network._replace(notes=network.notes + (note,) * bool(off))


def part(network: Network, path: str) -> Network:
    """A part of the network alone, whose inputs have the shapes given.

    Raises:
        ValueError: there is no such part.
    """
    layers = dict(network.model.named_modules())
    if path not in layers:
        children = [name for name, _ in network.model.named_children()]
        raise ValueError(
            "--submodule {!r}; the model has: {}".format(path, ", ".join(children) or "no parts")
        )
    return network._replace(model=layers[path])


def shape(text: str) -> Shape:
    """The shape of one input.

    Raises:
        ValueError: the text is none.
    """
    try:
        found: Shape = tuple(int(word) for word in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise ValueError(
            "--input-shape {!r}; it is channels,height,width such as 3,32,32".format(text)
        )
    return found
