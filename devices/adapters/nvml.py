"""NVIDIA GPUs through NVML (module pynvml, distribution nvidia-ml-py).

The energy counter where it really advances (Volta and later), else polled power: instantaneous
where the driver offers it, else the average whose length the generation fixes. The GPUs are
those that CUDA will use, found by UUID and added. A MIG instance has no power of its own: its
GPU is read.
"""

from typing import List, Optional, Sequence, Tuple, Union

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.several import Several
from edgejoule.devices.vendors import gpu_registers, gpus, nvml_library, pci
from edgejoule.devices.vendors.gpu_registers import Counter
from edgejoule.devices.vendors.gpus import Found
from edgejoule.devices.vendors.nvml_gpu import Gpu
from edgejoule.devices.vendors.nvml_library import Library

ASLEEP = "the GPU at {0} is asleep; asking would wake it; --power nvml:{0} wakes and measures it"
HIDDEN = "hidden by " + gpus.VISIBLE + "; --power {} measures it all the same"


def present() -> bool:
    """True if NVML loads and counts at least one GPU."""
    try:
        library = nvml_library.load()
    except RuntimeError:
        return False
    try:
        return (library.told("nvmlDeviceGetCount") or 0) > 0
    finally:
        library.close()


def asleep() -> Optional[str]:
    """A sentence on a GPU that reading would wake; None if all are awake."""
    found = pci.asleep()
    return "nvml: " + ASLEEP.format(found[0]) if found else None


def open(gpu: Optional[str] = None, clock: Clock = MACHINE) -> Union[Gpu, Several]:
    """One GPU: a UUID or its beginning, a PCI bus id, an NVML index; None for all of CUDA's.

    Raises:
        RuntimeError: no NVML, no such GPU, or neither energy nor power can be read.
    """
    library = nvml_library.load()
    try:
        found = gpus.visible(library) if gpu is None else [gpus.named(library, str(gpu))]
        opened = _opened(found, (library.told("nvmlDeviceGetCount") or 0) > 1, clock)
    finally:
        library.close()  # every GPU holds NVML itself
    refusals = [str(each) for each in opened if isinstance(each, RuntimeError)]
    devices = [each for each in opened if isinstance(each, Gpu)]
    if refusals:  # the sum without one of the GPUs would be taken for the sum
        for device in devices:
            device.close()
        raise RuntimeError("; ".join(refusals))
    return devices[0] if len(devices) == 1 else Several(devices)


def survey() -> List[Tuple[str, Union[Gpu, str]]]:
    """(name, the opened GPU or why it is none) of every GPU here; none is woken.

    Raises:
        RuntimeError: there is no NVML.
    """
    sleeping: List[Tuple[str, Union[Gpu, str]]] = [
        ("nvml:" + bus, ASLEEP.format(bus)) for bus in pci.asleep()
    ]
    if sleeping and not pci.awake():
        return sleeping
    library = nvml_library.load()
    try:
        found = gpus.awake(library)
        shown = _visible(library, found, bool(sleeping))
        many = bool(sleeping) or len(found) > 1 or not shown
        opened = _opened([each for each in found if each.serial in shown], many, MACHINE)
    finally:
        library.close()
    left = iter(opened)
    told: List[Tuple[str, Union[Gpu, str]]] = []
    for each, name in zip(found, _names(found, many)):
        device = next(left) if each.serial in shown else HIDDEN.format(name)
        told.append((name, str(device) if isinstance(device, RuntimeError) else device))
    return told + sleeping


def _opened(found: Sequence[Found], many: bool, clock: Clock) -> List[Union[Gpu, RuntimeError]]:
    """Each GPU opened, or why it cannot be; their counters are watched together."""
    libraries = [nvml_library.load() for _ in found]
    counters = [Counter(library, each.handle) for library, each in zip(libraries, found)]
    gpu_registers.watch([c for c, each in zip(counters, found) if not each.reason], clock)
    opened: List[Union[Gpu, RuntimeError]] = []
    for library, each, counter, name in zip(libraries, found, counters, _names(found, many)):
        try:
            if each.reason:
                raise RuntimeError("{}: {}".format(name, each.reason))
            opened.append(Gpu(library, each, counter, clock, name))
        except RuntimeError as error:
            library.close()
            opened.append(error)
    return opened


def _names(found: Sequence[Found], many: bool) -> List[str]:
    """By which each is asked for: "nvml" if it is the only one, else "nvml:GPU-4c2f"."""
    serials = [each.serial for each in found]
    return ["nvml:" + gpus.short(serial, serials) if many else "nvml" for serial in serials]


def _visible(library: Library, found: Sequence[Found], sleeping: bool) -> List[str]:
    """Serials of those that CUDA would use; of all where asking CUDA would wake others."""
    if sleeping:
        return [each.serial for each in found]
    try:
        return [each.serial for each in gpus.visible(library)]
    except RuntimeError:
        return []
