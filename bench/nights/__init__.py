"""Nights of a suite: their stages, their state on disk, the history they make."""
