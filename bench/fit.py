"""Whether a network takes the pictures of a data set, found before anything is trained."""

from typing import Optional, Tuple

import torch
from torch import Tensor, nn

from edgejoule import plugins
from edgejoule.prune.scoring.gradients import in_mode

LARGEST = 256  # pixels a side: up to here the smallest size that a network takes is looked for


def check(model: nn.Module, example: Tensor, model_name: str, dataset_name: str) -> None:
    """Refuses a network that cannot take `example` [1, c, h, w], and says which sizes it can.

    Raises:
        ValueError: it can't.
    """
    said = _refusal(model, example)
    if said is None:
        return
    found = "{} of {!r}".format(list(example.shape[1:]), dataset_name)
    made_for = getattr(plugins.load("models", model_name), "INPUT_SHAPE", None)
    if made_for is not None:
        found += ", it is made for {}".format(list(made_for))
    least = _least(model, example.shape[1])
    if least is None:  # something else is the matter than their size
        raise ValueError(
            "model {!r} does not take the pictures {}: {}".format(model_name, found, said)
        )
    # the size that it was made for, where it takes that, before one that leaves a single pixel
    own = made_for[1] if made_for and _takes(model, example.shape[1], made_for[1]) else least
    advice = _advice(model_name, dataset_name, example.shape[2:], own)
    raise ValueError(
        "model {!r} does not take the pictures {}; the smallest it takes are {} x {} pixels: "
        "{}".format(model_name, found, least, least, advice)
    )


def _refusal(model: nn.Module, example: Tensor) -> Optional[str]:
    """The first line of what the model says to such pictures, None if it takes them."""
    try:
        with torch.no_grad(), in_mode(model, False):
            model(example)
    except (RuntimeError, ValueError) as error:
        return str(error).splitlines()[0]
    return None


def _takes(model: nn.Module, channels: int, side: int) -> bool:
    return _refusal(model, torch.zeros(1, channels, side, side)) is None


def _least(model: nn.Module, channels: int) -> Optional[int]:
    """The smallest side of a square picture that the model takes, None if there is none."""
    # one after the other: a network with a fixed number of features takes a few sizes and no larger
    return next((side for side in range(1, LARGEST + 1) if _takes(model, channels, side)), None)


def _advice(model_name: str, dataset_name: str, found: Tuple[int, ...], side: int) -> str:
    if "side" in plugins.options("models", model_name, "build"):
        return "set model.side = {}".format(found[0])
    if getattr(plugins.load("datasets", dataset_name), "RESIZES", False):
        return "set dataset.resize = {}".format(side)
    return "choose another model or data set"
