"""Magnitude of the weights (Han et al., 2015; Frankle & Carbin, 2019): small ones leave first."""

from torch import nn

from edgejoule.prune.trainer import Batches, Scores
from edgejoule.prune.weightmasks.weight_mask import WeightMask

SCOPE = "global"
BATCHES = 0
AXIS = None


def scores(model: nn.Module, mask: WeightMask, batches: Batches) -> Scores:
    """Per tensor, |w| in its shape."""
    return {name: model.get_parameter(name).detach().abs() for name in mask}
