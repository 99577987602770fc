"""The version, in the one place that packaging, records and `edgejoule version` read it from."""

__version__ = "0.3.0"
