"""Our kernels against the best libraries, in turns."""
