"""Which of NVML's GPUs are meant: by UUID, bus id or index, or those that CUDA would use.

CUDA_VISIBLE_DEVICES may name indices, which are CUDA's and not NVML's, UUIDs, their beginnings,
or MIG instances. A MIG instance stands for its whole GPU: it has no power of its own.
"""

import os
from itertools import takewhile
from typing import Any, Iterable, List, NamedTuple, Optional, Sequence

from edgejoule.devices.vendors import cuda_order, pci
from edgejoule.devices.vendors.nvml_library import Library

VISIBLE = "CUDA_VISIBLE_DEVICES"
SHORT = 8  # characters of a UUID that stand for it, where no other begins with them


class Found(NamedTuple):
    """A GPU that NVML lists; where it has no handle, `reason` says why.

    `mig` is true if the GPU is divided into instances or was named by one.
    """

    handle: Any
    uuid: Optional[str]
    bus: Optional[str]
    number: int
    mig: bool = False
    reason: Optional[str] = None

    @property
    def serial(self) -> str:
        """What tells this GPU from every other, and names it: its UUID, else its place."""
        return self.uuid or self.bus or str(self.number)


def every(library: Library) -> List[Found]:
    """All GPUs that NVML lists, in its order; asking for them wakes those that sleep.

    Raises:
        RuntimeError: NVML does not say how many there are.
    """
    return [_at(library, i) for i in range(library.asked("nvmlDeviceGetCount"))]


def awake(library: Library) -> List[Found]:
    """The GPUs that can be asked without waking one."""
    if not pci.asleep():
        return every(library)
    found = [library.told("nvmlDeviceGetHandleByPciBusId", bus) for bus in pci.awake()]
    return [_described(library, handle, i) for i, handle in enumerate(found) if handle]


def visible(library: Library) -> List[Found]:
    """The GPUs that CUDA would use here, in its order, each once.

    Raises:
        RuntimeError: CUDA_VISIBLE_DEVICES hides all of them, or the first it names is not there.
    """
    found, setting = every(library), os.environ.get(VISIBLE)
    if not found:
        raise RuntimeError("nvml: it lists no GPU")
    if setting is None:
        # of a single GPU there is nothing to ask: it would cost seconds and wake it
        names = cuda_order.uuids() if len(found) > 1 else []
        return _once(_of_cuda(library, each, found) for each in names) if names else found
    words = [word.strip() for word in setting.split(",")]
    # CUDA looks no further than the first entry that is none
    names = list(takewhile(lambda word: word and word != "-1", words))
    if not names:
        raise RuntimeError("nvml: CUDA_VISIBLE_DEVICES={!r} hides every GPU".format(setting))
    if not all(each.startswith(("GPU-", "MIG-")) for each in names):
        names = cuda_order.uuids() or names
    return _once(_listed(library, names, found))


def named(library: Library, name: str, among: Optional[Sequence[Found]] = None) -> Found:
    """The GPU of a UUID, its beginning, a PCI bus id, an index of NVML, or a MIG instance.

    Raises:
        RuntimeError: no GPU has that name, or several have; the message lists them.
    """
    if name.startswith("MIG-"):
        return _parent(library, name)
    if among is None and pci.place(name):  # directly, for a list of all would wake the others
        handle = library.told("nvmlDeviceGetHandleByPciBusId", name)
        if handle:
            return _described(library, handle, 0)
    listed = every(library) if among is None else among
    found = [each for each in listed if _is(each, name)]
    if len(found) == 1:
        return found[0]
    raise RuntimeError(
        "nvml: {} GPU {!r}; there are: {}".format(
            "more than one" if found else "no",
            name,
            ", ".join(each.serial for each in found or listed) or "none",
        )
    )


def short(serial: str, others: Iterable[str]) -> str:
    """The beginning of a UUID that tells it from the others, at least 8 characters."""
    rest = [each for each in others if each != serial]
    lengths = range(SHORT, len(serial))
    enough = (n for n in lengths if not any(each.startswith(serial[:n]) for each in rest))
    return serial[: next(enough, len(serial))] if serial.startswith("GPU-") else serial


def _is(each: Found, name: str) -> bool:
    if each.uuid is not None and each.uuid.startswith(name):
        return True
    return name == str(each.number) or (each.bus is not None and _same(each.bus, name))


def _same(bus: str, name: str) -> bool:
    return pci.place(bus) == pci.place(name) is not None


def _listed(library: Library, names: Iterable[str], found: Sequence[Found]) -> Iterable[Found]:
    """The GPUs of the names, up to the first that is not there, as CUDA counts."""
    for i, name in enumerate(names):
        try:
            yield _of_cuda(library, name, found)
        except RuntimeError:
            if i == 0:
                raise
            return


def _of_cuda(library: Library, name: str, found: Sequence[Found]) -> Found:
    """The GPU that CUDA calls so; its driver gives a MIG instance's UUID without saying so."""
    known = any(_is(each, name) for each in found)
    mig = "MIG-" + name[4:]
    if not known and name.startswith("GPU-") and library.told("nvmlDeviceGetHandleByUUID", mig):
        return _parent(library, mig)
    return named(library, name, found)


def _once(found: Iterable[Found]) -> List[Found]:
    """Each GPU once: two MIG instances may be parts of one."""
    kept: List[Found] = []
    for each in found:
        if each.serial not in [other.serial for other in kept]:
            kept.append(each)
    return kept


def _at(library: Library, index: int) -> Found:
    try:
        return _described(library, library.asked("nvmlDeviceGetHandleByIndex", index), index)
    except RuntimeError as error:  # one that fell off the bus must not hide the others
        return Found(None, None, None, index, reason=str(error).replace("nvml: ", "", 1))


def _described(library: Library, handle: Any, index: int) -> Found:
    mode = library.told("nvmlDeviceGetMigMode", handle)
    uuid, bus = library.told("nvmlDeviceGetUUID", handle), _bus(library, handle)
    return Found(handle, uuid, bus, index, bool(mode and mode[0] == 1))


def _bus(library: Library, handle: Any) -> Optional[str]:
    told = library.told("nvmlDeviceGetPciInfo", handle)
    bus = getattr(told, "busId", None)
    return bus.decode() if isinstance(bus, bytes) else bus


def _parent(library: Library, name: str) -> Found:
    """The GPU that a MIG instance is a part of."""
    try:
        instance = library.asked("nvmlDeviceGetHandleByUUID", name)
        handle = library.asked("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", instance)
    except RuntimeError as error:
        raise RuntimeError("nvml: MIG instance {!r}: {}".format(name, error)) from None
    index = library.told("nvmlDeviceGetIndex", handle) or 0
    return _described(library, handle, index)._replace(mig=True)
