"""What adapters share: board tables, monitor channels, NVML's state, files and children."""
