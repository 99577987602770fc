"""One module per kind of power sensor; a name such as "nvml:GPU-4c2f" picks module and argument.

Each defines `present() -> bool` (cheap) and `open(argument=None, clock=MACHINE) -> Device`,
which raises RuntimeError with the reason when nothing can be read. A device is what
`devices/device.py` says; it waits, reads the time and stamps its samples by the `clock`. Vendor
modules are imported inside functions; an adapter that reads sysfs takes its place as `root`.

Two more may be there: `survey() -> [(name, device or reason)]`, for an adapter with several
sensors, and `asleep() -> Optional[str]`, why reading would wake something. Neither wakes it.
"""
