"""The pages over all nights, and the same numbers for programs."""
