"""What `edgejoule meter-bench` runs: known joules, virtual time, other tools on the same power."""
