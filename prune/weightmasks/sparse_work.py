"""What a machine that skips zeros would have to do where the mask moves during training."""

from typing import Any, Dict, List, Mapping

from torch import Tensor, nn

from edgejoule.prune import macs
from edgejoule.prune.weightmasks.weight_mask import WeightMask


class Tally:
    """Weights that took part, summed over the steps of a training; differences are its parts.

    `forward` counts kept weights once a step; `gradient` those whose own gradient was needed,
    which in a step that looks for connections to grow are all of a layer.
    """

    def __init__(self, forward: Mapping[str, int], gradient: Mapping[str, int], steps: int) -> None:
        self.forward, self.gradient, self.steps = dict(forward), dict(gradient), steps

    def add(self, kept: Mapping[str, int], needed: Mapping[str, int]) -> None:
        """Counts one step."""
        self.steps += 1
        for name, count in kept.items():
            self.forward[name] += count
            self.gradient[name] += needed[name]

    def since(self, earlier: "Tally") -> "Tally":
        """What came after an earlier state of this tally."""
        return Tally(
            {name: count - earlier.forward[name] for name, count in self.forward.items()},
            {name: count - earlier.gradient[name] for name, count in self.gradient.items()},
            self.steps - earlier.steps,
        )

    def copy(self) -> "Tally":
        """This state, which later steps leave as it is."""
        return Tally(self.forward, self.gradient, self.steps)

    def facts(self) -> Dict[str, Any]:
        """Plain JSON, of which `Tally(**facts)` makes the same again."""
        return {"forward": self.forward, "gradient": self.gradient, "steps": self.steps}


def mean_train_macs(model: nn.Module, example: Tensor, mask: WeightMask, tally: Tally) -> int:
    """Training MACs per sample that touch a weight that takes part, the mean over all steps."""
    total = 0.0
    for call in macs.observe(model, example).calls:
        name = _tensor_of(call.name)
        size = mask[name].numel() * tally.steps if name in mask else 0
        forward = tally.forward[name] / size if size else 1.0
        gradient = tally.gradient[name] / size if size else 1.0
        total += (call.forward + call.input_gradient) * forward + call.weight_gradient * gradient
    return int(round(total)) // len(example)


def forward_macs(model: nn.Module, example: Tensor, mask: WeightMask) -> List[int]:
    """[with every weight, with the kept ones] MACs of one sample's forward pass."""
    calls = macs.observe(model, example).calls
    density = {name: float(flags.double().mean()) for name, flags in mask.items()}
    sparse = sum(call.forward * density.get(_tensor_of(call.name), 1.0) for call in calls)
    return [
        sum(call.forward for call in calls) // len(example),
        int(round(sparse)) // len(example),
    ]


def _tensor_of(layer: str) -> str:
    return layer + ".weight" if layer else "weight"
