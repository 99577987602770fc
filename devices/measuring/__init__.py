"""What `edgejoule measure` does with a command: runs, their summary, their words and timeline."""
