"""One module per kind of power sensor; a name such as "nvml:GPU-4c2f" picks module and argument.

Each defines `present() -> bool` (cheap) and `open(argument=None) -> Device`, which raises
RuntimeError with the reason when nothing can be read. A device has
`info() -> DeviceInfo`, `read() -> Sample` or the list of Samples since the last read (raises
OSError or RuntimeError when the sensor fails; never a zero in place of a value),
`notes() -> list of sentences` and `close()`. Vendor modules are imported inside functions; the
roots of system trees are parameters.
"""
