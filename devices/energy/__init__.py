"""From samples to joules: integration, counters, error bars, the judgement of a window."""
