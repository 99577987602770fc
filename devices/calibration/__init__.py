"""A sensor compared with a bench meter: the load, the fit, what is kept of it, and its use."""
