"""Following channels through a model: labels per index, the tracer, a rule per operation, the proof."""
