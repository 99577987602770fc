"""A day of sampling in one process: the memory it takes, and what a window costs to close.

The day passes in virtual time in a process of its own: 20 Hz, 12 rails, 1.73 million samples
fed to a record. A thousand windows end spread over it, as long as 10 s or as all that has
passed, the last as long as the day. Closing is timed by the processor's clock, so that other
programs on the machine count less.
"""

import json
import random
import re
import subprocess
import sys
import time
from math import exp, log
from statistics import median
from typing import Any, Callable, Dict, List

from edgejoule import launch
from edgejoule.devices.energy import window
from edgejoule.devices.energy.record import Record
from edgejoule.devices.proof import virtual_time
from edgejoule.devices.proof.loads import PHI
from edgejoule.devices.reading import DeviceInfo, Sample

PERIOD_S, RAILS = 0.05, tuple("RAIL{}".format(i) for i in range(12))
SAMPLES, WINDOWS = 1728000, 1000
SHORTEST_S = 10.0
LIMIT_BYTES, LIMIT_S = 20e6, 0.005
PATIENCE_S = 60.0  # of closing in all; what is slower is told by the windows closed until then
SEED, TICKS = 20, 100


def measure(
    tick: Callable[[], Any] = lambda: None, samples: int = SAMPLES, windows: int = WINDOWS
) -> Dict[str, Any]:
    """The figures of such a day as plain JSON; `tick()` is called `TICKS` times on the way.

    Raises:
        RuntimeError: the process that lived through it failed.
    """
    command = launch.command("devices.proof.long_run", str(samples), str(windows))
    child = subprocess.Popen(command, stdout=subprocess.PIPE, universal_newlines=True)
    last = ""
    assert child.stdout is not None  # it was asked for
    for line in child.stdout:
        last = line
        tick()
    if child.wait() or not last.startswith("{"):
        raise RuntimeError(
            "the day in virtual time: its process ended with {}".format(child.wait())
        )
    return _judged(json.loads(last))


def broken(found: Dict[str, Any]) -> List[str]:
    """A sentence for each of its two promises that is not kept."""
    sentences = []
    if found["bytes_above_start"] > LIMIT_BYTES:
        sentences.append(
            "a day takes {:.0f} MB, at most {:.0f}".format(
                found["bytes_above_start"] / 1e6, LIMIT_BYTES / 1e6
            )
        )
    if found["worst_close_s"] > LIMIT_S:
        sentences.append(
            "a window took {:.1f} ms to close, at most {:g}".format(
                1e3 * found["worst_close_s"], 1e3 * LIMIT_S
            )
        )
    return sentences


def live(samples: int, windows: int, tick: Callable[[], Any]) -> Dict[str, Any]:
    """The day in this process: bytes above its start, seconds that closing took."""
    info = virtual_time.info(period_s=PERIOD_S)
    record, dice = Record(PERIOD_S), random.Random(SEED)
    start, begun = _bytes("VmRSS"), time.process_time()
    closings: List[float] = []
    for k in range(samples):
        _add(record, k)
        due = (k + 1) * windows >= (len(closings) + 1) * samples
        if k + 1 == samples or (due and sum(closings) < PATIENCE_S):
            closings.append(_close(record, info, dice, k + 1, k + 1 == samples))
        if (k + 1) * TICKS % samples < TICKS:
            tick()
    return {
        "samples": samples,
        "rails": len(RAILS),
        "windows": len(closings),
        "bytes_above_start": _bytes("VmHWM") - start,
        "median_close_s": median(closings),
        "worst_close_s": max(closings),
        "day_close_s": closings[-1],
        "seconds_per_sample": (time.process_time() - begun - sum(closings)) / samples,
    }


def _judged(found: Dict[str, Any]) -> Dict[str, Any]:
    limits = {"limit_bytes": LIMIT_BYTES, "limit_close_s": LIMIT_S}
    return dict(found, holds=not broken(found), **limits)


def _add(record: Record, k: int) -> None:
    """The sample of a stratum of the day, at a moment of its own."""
    t = (k + k * PHI % 1.0) * PERIOD_S
    watts = 1.0 + k % 7
    record.add(t, t, Sample(watts=len(RAILS) * watts, rails=dict.fromkeys(RAILS, watts)))


def _close(
    record: Record, info: DeviceInfo, dice: random.Random, strata: int, whole: bool
) -> float:
    """Seconds that closing a window takes which ends now, after so many sampling periods."""
    end_s = strata * PERIOD_S
    longest = max(end_s - PERIOD_S, SHORTEST_S)
    length = longest if whole else exp(dice.uniform(log(SHORTEST_S), log(longest)))
    begun = time.process_time()
    window.reading(record, info, end_s - length, end_s)
    return time.process_time() - begun


def _bytes(what: str) -> int:
    """Memory of this process as the kernel counts it: VmRSS is it now, VmHWM the most so far."""
    with open("/proc/self/status") as file:
        found = re.search(what + r":\s+(\d+) kB", file.read())
    if found is None:
        raise RuntimeError("/proc/self/status: no {} there".format(what))
    return 1024 * int(found.group(1))


def main(words: List[str]) -> None:
    """Live through a day of so many samples and windows; the last line printed is its figures."""
    samples, windows = (int(word) for word in words)
    found = live(samples, windows, lambda: print(flush=True))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
