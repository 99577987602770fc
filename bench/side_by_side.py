"""Which cases may run side by side: those that nothing measures, or each on a GPU of its own.

Two cases that one sensor sees have no joules of their own, so such a suite is refused. What runs
side by side takes longer than alone all the same, which its record says: see
`records.incomparable`. Free of torch.
"""

import os
from typing import Dict, List

from edgejoule.bench import device_lock, settings
from edgejoule.bench.pool import Place
from edgejoule.bench.suite import Suite
from edgejoule.devices.reading import DeviceInfo
from edgejoule.devices.vendors import gpus, nvml_library

MOST = settings.THREADS  # processes with a thread each: more only wait
FREE = ("auto", "cuda")  # as train.device: whichever GPU the process sees first
OF_GPUS = ("auto", "nvml")  # as measure.power: the GPUs that the process sees, and no other
UNMEASURED = "--set measure.power=none measures nothing"


def places(asked: Suite, jobs: int) -> List[Place]:
    """One place for each of the cases that run at once; their CPU threads share the cores.

    Raises:
        ValueError: `jobs` is no such number, or the cases would be measured together.
    """
    if not 1 <= jobs <= MOST:
        raise ValueError(
            "--jobs {}; it must be a whole number from 1 to {} (4 for each core)".format(jobs, MOST)
        )
    if jobs == 1:
        return [Place()]
    sensors = _sensors(asked)
    seen = _uuids() if _may_choose(asked) else []
    if sensors:
        _check(asked, jobs, sensors, seen)
    threads = max(1, _cores() // jobs)
    if len(seen) < 2:  # the only GPU is found without being named
        return [Place({}, threads) for _ in range(jobs)]
    return [Place({gpus.VISIBLE: seen[i % len(seen)]}, threads) for i in range(jobs)]


def _check(asked: Suite, jobs: int, sensors: Dict[str, DeviceInfo], seen: List[str]) -> None:
    """Raise ValueError unless each case has a GPU to itself, with that GPU's own sensor."""
    for power, info in sensors.items():
        if power not in OF_GPUS or info.adapter != "nvml":
            raise ValueError(
                "--jobs {}: measure.power = {!r} measures {} by {}, which all cases would share; "
                "side by side run only cases that are not measured or have a GPU each; leave "
                "--jobs out, or {}".format(jobs, power, info.name, info.adapter, UNMEASURED)
            )
    if not _may_choose(asked):
        devices = sorted({case.train["device"] for case in asked.cases} - set(FREE))
        raise ValueError(
            "--jobs {}: train.device = {!r}, but every measured case needs a GPU of its own, which "
            '"cuda" or "auto" leaves open; set that, leave --jobs out, or {}'.format(
                jobs, devices[0], UNMEASURED
            )
        )
    if jobs > len(seen):
        raise ValueError(
            "--jobs {}: every measured case needs a GPU of its own, and CUDA has {} here that is "
            "whole; say --jobs {}, or {}".format(jobs, len(seen), max(1, len(seen)), UNMEASURED)
        )


def _sensors(asked: Suite) -> Dict[str, DeviceInfo]:
    """{measure.power: its sensor} of whatever gives real joules; one that is silent does not."""
    powers = {case.measure["power"] for case in asked.cases if not case.measure["fake_power"]}
    found = {power: device_lock.look(power, "") for power in sorted(powers)}
    return {
        power: info
        for power, info in found.items()
        if info is not None and info.reason is None and not info.fake
    }


def _may_choose(asked: Suite) -> bool:
    """True if no case asks for the CPU or for a GPU by its number."""
    return all(case.train["device"] in FREE for case in asked.cases)


def _uuids() -> List[str]:
    """UUIDs of the whole GPUs that CUDA would use, in its order; [] without NVML."""
    try:
        library = nvml_library.load()
    except RuntimeError:
        return []
    try:
        found = gpus.visible(library)
    except RuntimeError:
        return []
    finally:
        library.close()
    # an instance of a GPU has no power of its own
    return [each.uuid for each in found if each.uuid and not each.mig and not each.reason]


def _cores() -> int:
    """Cores that this process may use: a container or `taskset` may leave it some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
