"""A window across a wrap of a processor's counter: how many joules off, ours and other tools'.

The window ends 20 ms after the wrap. Zeus counts wraps in a process of its own, which looks ten
times a second and has not seen this one by then.
"""

import os
import tempfile
from types import SimpleNamespace
from typing import Any, Dict, List, Union

from edgejoule.devices.adapters import rapl
from edgejoule.devices.proof import codecarbon, zeus

RANGE_UJ = 262143328850  # max_energy_range_uj of an Intel package
BEFORE_UJ, AFTER_UJ = RANGE_UJ - 20000000, 30000000
TRUTH_J = (RANGE_UJ - BEFORE_UJ + AFTER_UJ) * 1e-6
EXACT_J = 1e-6


def joules_off() -> Dict[str, Any]:
    """{"ours", "zeus", "codecarbon"}: joules above the truth, None for what is not installed."""
    with tempfile.TemporaryDirectory() as root:
        folder = zone(root)
        return {
            "ours": _ours(root, folder) - TRUTH_J,
            "zeus": _zeus(folder) - TRUTH_J if zeus.installed() else None,
            "codecarbon": _codecarbon(folder) - TRUTH_J if codecarbon.installed() else None,
        }


def broken(off: Dict[str, Any]) -> List[str]:
    """A sentence if ours is off."""
    if abs(off["ours"]) < EXACT_J:
        return []
    return ["a 50 J window across a RAPL wrap is off by {:.6g} J".format(off["ours"])]


def zone(root: str) -> str:
    """The folder of a package's counter under a new /sys at `root`; it has no value yet."""
    folder = os.path.join(root, "class/powercap/intel-rapl:0")
    os.makedirs(folder)
    for name, text in (("name", "package-0"), ("max_energy_range_uj", RANGE_UJ)):
        _put(os.path.join(folder, name), text)
    return folder


def write(folder: str, microjoules: int) -> None:
    """Let the counter of such a folder show this value."""
    _put(os.path.join(folder, "energy_uj"), microjoules)


def _ours(root: str, folder: str) -> float:
    write(folder, BEFORE_UJ)
    device = rapl.open(root=root)
    before = device.read()[-1].joules
    write(folder, AFTER_UJ)
    after = device.read()[-1].joules
    device.close()
    assert before is not None and after is not None  # RAPL counts joules
    return after - before


def _zeus(folder: str) -> float:
    from zeus.device.cpu import rapl as theirs

    write(folder, BEFORE_UJ)
    file = theirs.RAPLFile(folder)
    # Its tracker is a process that looks ten times a second; here it has not looked yet.
    file._wraparound_tracker = SimpleNamespace(get_num_wraparounds=lambda: 0)
    before = file.read()
    write(folder, AFTER_UJ)
    return (file.read() - before) * 1e-3


def _codecarbon(folder: str) -> float:
    write(folder, BEFORE_UJ)
    return codecarbon.rapl(folder, lambda: write(folder, AFTER_UJ))


def _put(path: str, value: Union[int, str]) -> None:
    """Change a file in place and keep its length, as a kernel's file is to who holds it open."""
    with open(path, "r+" if os.path.exists(path) else "w") as file:
        file.write("{:<24}\n".format(value))
