"""Magnitude of the weights (Han et al., 2015; Frankle & Carbin, 2019): small ones leave first."""

from edgejoule.prune.groups import tensor_of

SCOPE = "global"
BATCHES = 0
AXIS = None


def scores(model, mask, batches):
    """Per tensor, |w| in its shape."""
    return {name: tensor_of(model, name).detach().abs() for name in mask}
