"""The nights of every device: bundles as rows, an index of them, numbers night after night."""
