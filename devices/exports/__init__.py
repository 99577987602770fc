"""Energy in the formats of other tools: a timeline for Perfetto, metrics for Prometheus."""
