"""A window across a wrap of a processor's counter: how many joules off, ours and Zeus's.

The window ends 20 ms after the wrap. Zeus counts wraps in a process of its own, which looks ten
times a second and has not seen this one by then.
"""

import os
import tempfile
from types import SimpleNamespace
from typing import Any, Dict, Union

from edgejoule.devices.adapters import rapl
from edgejoule.devices.proof import zeus

RANGE_UJ = 262143328850  # max_energy_range_uj of an Intel package
BEFORE_UJ, AFTER_UJ = RANGE_UJ - 20000000, 30000000
TRUTH_J = (RANGE_UJ - BEFORE_UJ + AFTER_UJ) * 1e-6


def joules_off() -> Dict[str, Any]:
    """{"ours": joules, "zeus": joules, or None without Zeus}: how far each is above the truth."""
    with tempfile.TemporaryDirectory() as root:
        zone = os.path.join(root, "class/powercap/intel-rapl:0")
        os.makedirs(zone)
        for name, text in (("name", "package-0"), ("max_energy_range_uj", RANGE_UJ)):
            _write(os.path.join(zone, name), text)
        return {
            "ours": _ours(root, zone) - TRUTH_J,
            "zeus": _zeus(zone) - TRUTH_J if zeus.installed() else None,
        }


def _ours(root: str, zone: str) -> float:
    counter = os.path.join(zone, "energy_uj")
    _write(counter, BEFORE_UJ)
    device = rapl.open(root=root)
    before = device.read()[-1].joules
    _write(counter, AFTER_UJ)
    after = device.read()[-1].joules
    device.close()
    assert before is not None and after is not None  # RAPL counts joules
    return after - before


def _zeus(zone: str) -> float:
    from zeus.device.cpu import rapl as theirs

    counter = os.path.join(zone, "energy_uj")
    _write(counter, BEFORE_UJ)
    file = theirs.RAPLFile(zone)
    # Its tracker is a process that looks ten times a second; here it has not looked yet.
    file._wraparound_tracker = SimpleNamespace(get_num_wraparounds=lambda: 0)
    before = file.read()
    _write(counter, AFTER_UJ)
    return (file.read() - before) * 1e-3


def _write(path: str, value: Union[int, str]) -> None:
    """Change a file in place and keep its length, as a kernel's file is to who holds it open."""
    with open(path, "r+" if os.path.exists(path) else "w") as file:
        file.write("{:<24}\n".format(value))
