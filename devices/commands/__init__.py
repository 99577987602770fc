"""Sub-commands of `edgejoule` that need no torch: `arguments(parser)`, `run(args) -> exit code`."""
