"""Is this machine fit to measure? Checks with a verdict, a sentence and what to do about it.

`refuse`: numbers would be wrong or missing. `warn`: numbers are right but may not repeat.
"""

import glob
import importlib.util
import os
from functools import partial
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from edgejoule.devices import conditions, probe, several
from edgejoule.devices.calibration import blind, experiment
from edgejoule.devices.calibration.renewals import Interval
from edgejoule.devices.calibration.response import Response
from edgejoule.devices.calibration.staircase import Work
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.probe import Burst
from edgejoule.devices.reading import DeviceInfo
from edgejoule.devices.vendors import sysfs

BURST_S = 2.0
HOT_C, MOVED_C = 85.0, 2.0  # ten degrees before a Jetson slows its clocks
DRIFT = 0.02  # of the idle power, between two halves of the same rest
DEAR_SHARE = 0.1  # of the time between two samples: the reads then change what they measure
SLOW_UPDATE = 2.0  # times what the driver's settings promise
VERDICTS = ("ok", "warn", "refuse")  # each is worse than those before it
SENTENCES = {
    "ok": "fit to measure",
    "warn": "fit to measure, with the warnings above",
    "refuse": "not fit to measure",
}

Keep = Callable[[DeviceInfo, Response], Any]  # what is done with a response that was found


class Check(NamedTuple):
    """One finding: its verdict (of `VERDICTS`), what was found, the command that puts it right."""

    name: str
    verdict: str
    found: str
    mend: Optional[str] = None


def sensor(info: DeviceInfo) -> Check:
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
    found = "{}: {} of {} ({})".format(info.adapter, info.rail, info.name, info.scope)
    if info.calibration:
        found += "; calibrated: " + info.calibration
    return Check("sensor", "ok", found)


def update(info: DeviceInfo, burst: Burst) -> List[Check]:
    """How often the value is new, what a read costs, whether reads fail."""
    return [_update_period(info, burst), _read_cost(info, burst)] + _failures(burst)


def _update_period(info: DeviceInfo, burst: Burst) -> Check:
    if burst.update_s is None:
        verdict = "warn"
        seen = "never changed"
    else:
        slow = info.update_s is not None and burst.update_s > SLOW_UPDATE * info.update_s
        verdict = "warn" if slow else "ok"
        seen = "is new every {:.3g} ms".format(burst.update_s * 1e3)
    found = "the value {}; {} distinct in {} reads".format(seen, burst.distinct, burst.reads)
    return Check("update period", verdict, found)


def _read_cost(info: DeviceInfo, burst: Burst) -> Check:
    dear = info.period_s is not None and burst.read_s > DEAR_SHARE * info.period_s
    return Check(
        "read cost",
        "warn" if dear else "ok",
        "{:.3g} ms a read, the slowest {:.3g} ms".format(burst.read_s * 1e3, burst.slowest_s * 1e3),
    )


def _failures(burst: Burst) -> List[Check]:
    """A warning if any read failed; nothing is said of reads that all worked."""
    if not burst.failed:
        return []
    return [
        Check(
            "failed reads",
            "warn",
            "{} of {} reads failed".format(burst.failed, burst.reads),
            "dmesg | tail  # the driver may say why",
        )
    ]


def lag(info: DeviceInfo, measured_s: Optional[float]) -> Check:
    """Whether the sensor trails as much as its driver's settings say."""
    if measured_s is None:
        return Check(
            "lag",
            "ok",
            "assumed {:.3g} s; a step of processor load did not show".format(info.lag_s),
        )
    # A step of load is itself not sharp, and the mean delay is found to about a tenth of a second.
    off = abs(measured_s - info.lag_s) > max(0.1, 0.5 * info.lag_s)
    return Check(
        "lag",
        "warn" if off else "ok",
        "measured {:.2g} s, assumed {:.2g} s".format(measured_s, info.lag_s),
    )


def window(info: DeviceInfo, found: Optional[Response]) -> List[Check]:
    """How much of the power the value sees; nothing if neither found now nor known before."""
    mend = "repeat short work through its window (docs/concepts/joules.md)"
    if found is None:
        if info.window_s is None or info.update_s is None or info.window_s >= info.update_s:
            return []
        seen = blind.sentence(info.window_s, info.update_s)
        return [Check("window", "warn", "the sensor {}, as found before".format(seen), mend)]
    if not found.blind():
        return [Check("window", "ok", _answer(found))]
    return [
        Check(
            "window",
            "warn",
            "the sensor sees {} of every {} ms; the rest widens the interval of a reading".format(
                _ms(found.window_s), _ms(found.update_s)
            ),
            mend,
        )
    ]


def _answer(found: Response) -> str:
    """How an ordinary sensor makes its values."""
    renewed = "a new value at each read"
    if found.update_s is not None:
        renewed = "a new value every {} ms".format(_ms(found.update_s))
    if found.window_s is not None:
        return "{}, the mean of {} ms".format(renewed, _ms(found.window_s))
    return "{}, low-passed by {} ms".format(renewed, _ms(found.rise_s))


def _ms(found: Optional[Interval]) -> str:
    """Milliseconds with their interval: 25 (24 to 26)."""
    assert found is not None  # whoever asks has looked
    return "{:.3g} ({:.3g} to {:.3g})".format(*[1e3 * each for each in found])


def idle(before: Optional[float], after: Optional[float]) -> Check:
    """Watts at rest in the first and the second half of a while, and whether they drift."""
    if before is None or after is None:
        return Check("idle power", "warn", "not measured")
    drift = abs(after - before) / before if before else 0.0
    return Check(
        "idle power",
        "warn" if drift > DRIFT else "ok",
        "{:.2f} W, drifting {:.1f} % while it was watched".format(after, drift * 100),
        "let the machine rest; stop what else runs" if drift > DRIFT else None,
    )


def power_mode(state: Dict[str, Any]) -> Check:
    """The power mode of a Jetson."""
    if state["power_mode"] is None:
        return Check("power mode", "ok", "this machine has none")
    return Check("power mode", "ok", state["power_mode"], "sudo nvpmodel -m 0  # for another mode")


def governor(root: str = "/") -> Check:
    """Whether clocks are left to wander."""
    paths = glob.glob(os.path.join(root, "sys/devices/system/cpu/cpufreq/policy*/scaling_governor"))
    found = sorted(filter(None, {sysfs.text(path) for path in paths}))
    if not found or found == ["performance"]:
        return Check("clocks", "ok", "governor: " + (", ".join(found) or "not told"))
    jetson = os.path.exists(os.path.join(root, "etc/nv_tegra_release"))
    return Check(
        "clocks",
        "warn",
        "governor {}: they follow the load".format(", ".join(found)),
        "sudo jetson_clocks" if jetson else "sudo cpupower frequency-set -g performance",
    )


def throttling(state: Dict[str, Any], notes: Sequence[str]) -> Check:
    """Whether anything holds the clocks down."""
    slowed = [note for note in notes if "slowed" in note]
    found = "; ".join(filter(None, [state["throttling"]] + slowed))
    return Check(
        "throttling",
        "warn" if found else "ok",
        found or "none now",
        "cool the board or raise its power limit" if found else None,
    )


def heat(before: Dict[str, Any], after: Dict[str, Any]) -> Check:
    """The hottest zone, and how it moved."""
    zones = [zone for zone in after["celsius"] if zone in before["celsius"]]
    if not zones:
        return Check("temperature", "ok", "no zone tells")
    hottest = max(zones, key=lambda zone: after["celsius"][zone])
    now, then = after["celsius"][hottest], before["celsius"][hottest]
    return Check(
        "temperature",
        "warn" if now > HOT_C or abs(now - then) > MOVED_C else "ok",
        "{} {:.1f} C, {:+.1f} C while it was watched".format(hottest, now, now - then),
    )


def strangers(notes: Sequence[str]) -> Check:
    """Other users of the GPU."""
    found = [note for note in notes if "other processes" in note]
    return Check(
        "other GPU users",
        "refuse" if found else "ok",
        "; ".join(found) or "none seen",
        "nvidia-smi  # shows them; stop them first" if found else None,
    )


def load(state: Dict[str, Any]) -> Check:
    """Other work on the processor."""
    cores, now = os.cpu_count() or 1, state["load_average"] or 0.0
    busy = now > 0.5 * cores  # half of them: the measured work wants cores of its own
    return Check(
        "load",
        "warn" if busy else "ok",
        "{:.1f} on {} cores".format(now, cores),
        "top  # shows what runs" if busy else None,
    )


def swap(state: Dict[str, Any]) -> Check:
    """Memory that was moved to disk."""
    used = (state["swap"] or {}).get("used_bytes", 0)
    return Check(
        "swap",
        "warn" if used else "ok",
        "{:.0f} MB used".format(used / 1e6),
        "sudo swapoff -a  # after freeing memory" if used else None,
    )


def binding() -> Check:
    """Whether the deprecated package pynvml stands in the way of nvidia-ml-py."""
    # It has the same module name; this second module, which only it has, gives it away.
    old = importlib.util.find_spec("_pynvml_redirector") is not None
    return Check(
        "NVML binding",
        "warn" if old else "ok",
        "the deprecated package pynvml is installed" if old else "nothing in the way",
        "pip uninstall pynvml && pip install nvidia-ml-py" if old else None,
    )


def quick(
    info: DeviceInfo, state: Dict[str, Any], notes: Sequence[str], root: str = "/"
) -> List[Check]:
    """The checks that take no time; `state` is of `conditions.snapshot`, `notes` the device's."""
    return [
        sensor(info),
        power_mode(state),
        governor(root),
        throttling(state, notes),
        strangers(notes),
        load(state),
        swap(state),
        binding(),
    ]


def examine(
    device: Device,
    seconds: float,
    with_load: bool,
    root: str = "/",
    clock: Clock = MACHINE,
    work: Optional[Work] = None,
    tell: probe.Tell = probe.untold,
    keep: Optional[Keep] = None,
    gpu: bool = False,
) -> List[Check]:
    """Every check, in the order of its printing; the machine is watched at rest for `seconds`.

    `root` is where the system's files are. `work(share)` sets the load, None takes what the
    sensor can see, a GPU only if `gpu`: torch then keeps a CUDA context in this process. `tell`
    hears how far it is, `keep` every response that was found.
    """
    info, before = device.info(), conditions.snapshot(root)
    slow: List[Check] = []
    if info.reason is None:
        tell("reading without pause", 0.0, BURST_S)
        burst = probe.burst(device, BURST_S, clock)
        slow = update(info, burst) + [idle(*probe.rest(device, seconds, clock, tell))]
        # The load comes last: the heat it leaves would look like a drift of the idle power.
        watch = partial(experiment.watch, work=work, clock=clock, tell=tell, gpu=gpu)
        for part in several.parts(device):
            if with_load:
                slow += _answering(part, partial(watch, update_s=burst.update_s), keep)
            else:
                slow += window(part.info(), None)
    after = conditions.snapshot(root)
    found = quick(info, after, device.notes(), root)
    return found[:1] + slow + [heat(before, after)] + found[1:]


def _answering(
    device: Device, watch: Callable[[Device], Optional[Response]], keep: Optional[Keep]
) -> List[Check]:
    """Lag and window of a sensor under pulses of load; nothing of one that counts joules."""
    info = device.info()
    if info.reason is not None or info.period_s is None:
        return []
    if probe.newest(device).joules is not None:  # no window to see through, and no lag
        return []
    try:
        found = watch(device)
    except experiment.NoLoad as error:
        assumed = Check("lag", "ok", "assumed {:.3g} s; {}".format(info.lag_s, error))
        return [assumed] + window(info, None)
    if found is not None and keep is not None:
        keep(info, found)
    return [lag(info, found.lag_s.value if found else None)] + window(info, found)


def verdict(checks: Sequence[Check]) -> str:
    """The worst verdict of all."""
    return max((check.verdict for check in checks), key=VERDICTS.index)
