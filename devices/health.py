"""Is this machine fit to measure? Checks with a verdict, a sentence and the command that mends.

`refuse`: numbers would be wrong or missing. `warn`: numbers are right but may not repeat.
"""

import glob
import importlib.util
import os
from typing import List, NamedTuple, Optional

from edgejoule.devices import conditions, probe
from edgejoule.devices.vendors import sysfs

BURST_S = 2.0
HOT_C, FEW_PERCENT = 85.0, 0.02
VERDICTS = ("ok", "warn", "refuse")


class Check(NamedTuple):
    """One finding: its verdict (ok, warn, refuse), what was found, the command that mends it."""

    name: str
    verdict: str
    found: str
    mend: Optional[str] = None


def sensor(info) -> Check:
    """That a sensor answers, and which."""
    if info.reason is not None:
        return Check(
            "sensor",
            "refuse",
            info.reason,
            "edgejoule devices shows what was tried; --fake-power WATTS goes on without",
        )
    if info.fake:
        return Check("sensor", "warn", "not real: " + info.fake, "drop --fake-power")
    return Check(
        "sensor", "ok", "{}: {} of {} ({})".format(info.adapter, info.rail, info.name, info.scope)
    )


def update(info, burst) -> List[Check]:
    """How often the value is new, what a read costs, whether reads fail."""
    seen = (
        "never changed"
        if burst.update_s is None
        else "is new every {:.3g} ms".format(burst.update_s * 1e3)
    )
    slow = (
        burst.update_s is not None
        and info.update_s is not None
        and burst.update_s > 2 * info.update_s
    )
    found = [
        Check(
            "update period",
            "warn" if slow or burst.update_s is None else "ok",
            "the value {}; {} distinct in {} reads".format(seen, burst.distinct, burst.reads),
        ),
        Check(
            "read cost",
            "warn" if burst.read_s > 0.1 * info.period_s else "ok",
            "{:.3g} ms a read, the slowest {:.3g} ms".format(
                burst.read_s * 1e3, burst.slowest_s * 1e3
            ),
        ),
    ]
    if burst.failed:
        found.append(
            Check(
                "failed reads",
                "warn",
                "{} of {} reads failed".format(burst.failed, burst.reads),
                "dmesg | tail  # the driver may say why",
            )
        )
    return found


def lag(info, measured_s) -> Check:
    """Whether the sensor trails as much as its driver's settings say."""
    if measured_s is None:
        return Check(
            "lag",
            "ok",
            "assumed {:.3g} s; a step of processor load did not show".format(info.lag_s),
        )
    off = abs(measured_s - info.lag_s) > max(0.1, 0.5 * info.lag_s)
    return Check(
        "lag",
        "warn" if off else "ok",
        "measured {:.2g} s, assumed {:.2g} s".format(measured_s, info.lag_s),
    )


def idle(before, after) -> Check:
    """Idle watts, and whether they drift."""
    if before is None or after is None:
        return Check("idle power", "warn", "not measured")
    drift = abs(after - before) / before if before else 0.0
    return Check(
        "idle power",
        "warn" if drift > FEW_PERCENT else "ok",
        "{:.2f} W, drifting {:.1f} % while it was watched".format(after, drift * 100),
        "let the machine rest; stop what else runs" if drift > FEW_PERCENT else None,
    )


def power_mode(state) -> Check:
    """The power mode of a Jetson."""
    if state["power_mode"] is None:
        return Check("power mode", "ok", "this machine has none")
    return Check("power mode", "ok", state["power_mode"], "sudo nvpmodel -m 0  # for another mode")


def governor(root: str = "/") -> Check:
    """Whether clocks are left to wander."""
    paths = glob.glob(os.path.join(root, "sys/devices/system/cpu/cpufreq/policy*/scaling_governor"))
    found = sorted({sysfs.text(path) for path in paths} - {None})
    if not found or found == ["performance"]:
        return Check("clocks", "ok", "governor: " + (", ".join(found) or "not told"))
    jetson = os.path.exists(os.path.join(root, "etc/nv_tegra_release"))
    return Check(
        "clocks",
        "warn",
        "governor {}: they follow the load".format(", ".join(found)),
        "sudo jetson_clocks" if jetson else "sudo cpupower frequency-set -g performance",
    )


def throttling(state, notes) -> Check:
    """Whether anything holds the clocks down."""
    slowed = [note for note in notes if "slowed" in note]
    found = "; ".join(filter(None, [state["throttling"]] + slowed))
    return Check(
        "throttling",
        "warn" if found else "ok",
        found or "none now",
        "cool the board or raise its power limit" if found else None,
    )


def heat(before, after) -> Check:
    """The hottest zone, and how it moved."""
    zones = [zone for zone in after["celsius"] if zone in before["celsius"]]
    if not zones:
        return Check("temperature", "ok", "no zone tells")
    hottest = max(zones, key=lambda zone: after["celsius"][zone])
    now, then = after["celsius"][hottest], before["celsius"][hottest]
    return Check(
        "temperature",
        "warn" if now > HOT_C or abs(now - then) > 2.0 else "ok",
        "{} {:.1f} C, {:+.1f} C while it was watched".format(hottest, now, now - then),
    )


def strangers(notes) -> Check:
    """Other users of the GPU."""
    found = [note for note in notes if "other processes" in note]
    return Check(
        "other GPU users",
        "refuse" if found else "ok",
        "; ".join(found) or "none seen",
        "nvidia-smi  # shows them; stop them first" if found else None,
    )


def load(state) -> Check:
    """Other work on the processor."""
    cores, now = os.cpu_count() or 1, state["load_average"] or 0.0
    busy = now > 0.5 * cores
    return Check(
        "load",
        "warn" if busy else "ok",
        "{:.1f} on {} cores".format(now, cores),
        "top  # shows what runs" if busy else None,
    )


def swap(state) -> Check:
    """Memory pressed to disk."""
    used = (state["swap"] or {}).get("used_bytes", 0)
    return Check(
        "swap",
        "warn" if used else "ok",
        "{:.0f} MB used".format(used / 1e6),
        "sudo swapoff -a  # after freeing memory" if used else None,
    )


def binding() -> Check:
    """Whether the deprecated package pynvml shadows nvidia-ml-py."""
    old = importlib.util.find_spec("_pynvml_redirector") is not None
    return Check(
        "NVML binding",
        "warn" if old else "ok",
        "the deprecated package pynvml is installed" if old else "nothing in the way",
        "pip uninstall pynvml && pip install nvidia-ml-py" if old else None,
    )


def quick(info, state, notes) -> List[Check]:
    """The checks that take no time."""
    return [
        sensor(info),
        power_mode(state),
        governor(),
        throttling(state, notes),
        strangers(notes),
        load(state),
        swap(state),
        binding(),
    ]


def examine(device, seconds: float, with_load: bool) -> List[Check]:
    """Every check, in the order of its printing; the machine is watched at rest for `seconds`."""
    info, before = device.info(), conditions.snapshot()
    slow = _slow(device, info, seconds, with_load) if info.reason is None else []
    after = conditions.snapshot()
    found = quick(info, after, device.notes())
    return found[:1] + slow + [heat(before, after)] + found[1:]


def _slow(device, info, seconds: float, with_load: bool) -> List[Check]:
    found = update(info, probe.burst(device, BURST_S))
    found.append(idle(*probe.rest(device, seconds)))
    if with_load:
        found.append(lag(info, probe.lag_s(device, info.period_s)))
    return found


def verdict(checks) -> str:
    """The gravest verdict."""
    return max((check.verdict for check in checks), key=VERDICTS.index)
