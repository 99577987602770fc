"""One sub-command of `edgejoule` per module: `arguments(parser)` and `run(args) -> exit code`."""
