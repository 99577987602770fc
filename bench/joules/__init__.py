"""Joules of pytest's benchmarks, and their gate."""
