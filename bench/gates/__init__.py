"""When a number becomes red: series, pairs of runs, baselines, verdicts."""
