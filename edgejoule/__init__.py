"""What training a network on an edge GPU costs in joules, seconds and FLOPs, and what pruning saves."""

from edgejoule.devices.meter import Meter
from edgejoule.version import __version__

__all__ = ["Meter", "__version__"]
