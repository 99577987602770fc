"""The coded layers of a network, and how many bits their codes have."""

from typing import Dict, Tuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune.compression.coded import Coded, code


class Bits:
    """Widths of value codes and of runs; `conv` and `linear` are (value, run), in bits."""

    def __init__(self, conv: Tuple[int, int] = (8, 8), linear: Tuple[int, int] = (5, 5)) -> None:
        for value, run in (conv, linear):
            if not (1 <= value <= 16 and 1 <= run <= 16):
                raise ValueError(
                    "{} bits for values and {} for runs; both lie between 1 and 16".format(
                        value, run
                    )
                )
        self.conv, self.linear = conv, linear

    def of(self, model: nn.Module) -> Dict[str, Tuple[int, int]]:
        """(value bits, run bits) of every weight tensor of a convolution or linear layer."""
        found = {}
        for name, module in model.named_modules():
            if isinstance(module, (_ConvNd, nn.Linear)):
                chosen = self.conv if isinstance(module, _ConvNd) else self.linear
                found[name + ".weight" if name else "weight"] = chosen
        return found


def coded(model: nn.Module, bits: Bits) -> Dict[str, Coded]:
    """The streams of every weight tensor of a network whose weights share few values.

    Raises:
        ValueError: they do not.
    """
    widths, state = bits.of(model), model.state_dict()
    return {name: code(array_of(state[name]), *widths[name]) for name in state if name in widths}


def array_of(value: Tensor) -> np.ndarray:
    """The tensor's numbers, on the CPU.

    Raises:
        ValueError: numpy lacks their type.
    """
    if value.dtype == torch.bfloat16:
        raise ValueError("bfloat16 weights have no place in a compressed network; use float32")
    return value.detach().cpu().contiguous().numpy()
