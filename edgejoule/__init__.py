"""What training a network on an edge GPU costs (joules, seconds, FLOPs) and what pruning saves."""

from edgejoule.version import __version__

__all__ = ["__version__"]
