"""What the sampling thread costs: the share of a core it takes on six rails of sysfs.

Beside it the floor: a loop that reads the same files at the same rate in a thread and does
nothing else. Both take turns, because what else runs on the machine comes and goes, and the
median of the runs is told.
"""

import glob
import os
import tempfile
import threading
import time
from contextlib import contextmanager
from statistics import median
from typing import Any, Callable, Dict, Iterator, List, Tuple

from edgejoule.devices.adapters import ina3221
from edgejoule.devices.meter import Meter

RAILS = ("GPU", "CPU", "SOC"), ("CV", "VDDRQ", "SYS5V")  # a Jetson AGX Xavier: all are added
# (Hz, share of a core)
LIMITS = ((10.0, 0.003), (20.0, 0.006), (100.0, 0.03))
RUNS = 5
ENOUGH_S = 2.0  # of a run, below which a handful of reads decides
WARM_S = 0.2  # not counted: the first reads of a thread cost more than those that follow


def measure(seconds: float, tick: Callable[[], Any] = lambda: None) -> List[Dict[str, Any]]:
    """A row per rate of `LIMITS`, whose runs last `seconds` together; `tick()` after each run."""
    each_s = seconds / RUNS
    ours: Dict[float, List[Dict[str, float]]] = {hertz: [] for hertz, _ in LIMITS}
    bare: Dict[float, List[Dict[str, float]]] = {hertz: [] for hertz, _ in LIMITS}
    for _ in range(RUNS):
        for hertz, _ in LIMITS:
            ours[hertz].append(core_share(hertz, each_s))
            tick()
            bare[hertz].append(bare_share(hertz, each_s))
            tick()
    return [_row(hertz, limit, ours[hertz], bare[hertz], each_s) for hertz, limit in LIMITS]


def broken(rows: List[Dict[str, Any]]) -> List[str]:
    """A sentence for every rate that costs more than is promised."""
    return [
        "sampling at {:g} Hz takes {:.2f} % of a core, at most {:g}".format(
            row["hertz"], 100 * row["core_share"], 100 * row["limit"]
        )
        for row in rows
        if not row["holds"]
    ]


def core_share(hertz: float, seconds: float) -> Dict[str, float]:
    """Share of one core [0, 1] that sampling takes at this rate.

    "hertz", "core_share", "reads" (how many there were) and "seconds" (what they took).
    """
    with _opened() as (root, _):
        device = ina3221.open(root=root)
        with Meter(device, period_s=1.0 / hertz) as meter:
            found = watched(hertz, seconds, lambda: meter.samplers[0].reads)
        device.close()
    return found


def bare_share(hertz: float, seconds: float) -> Dict[str, float]:
    """The same of a loop that does nothing but read the files."""
    with _opened() as (_, files):
        with loop(lambda: [os.pread(file, 64, 0) for file in files], hertz) as reads:
            return watched(hertz, seconds, lambda: len(reads))


def watched(hertz: float, seconds: float, reads: Callable[[], int]) -> Dict[str, float]:
    """What this process costs while this thread sleeps, as `core_share` tells it.

    `reads()` is how many there have been so far. The clock is the processor's, so the sleeping
    thread adds nothing and nobody has to say what he cost.
    """
    time.sleep(min(WARM_S, seconds))
    before, cpu, begun = reads(), time.process_time(), time.monotonic()
    time.sleep(seconds)
    spent, lasted = time.process_time() - cpu, time.monotonic() - begun
    return {
        "hertz": hertz,
        "core_share": spent / lasted,
        "reads": reads() - before,
        "seconds": lasted,
    }


@contextmanager
def loop(work: Callable[[], Any], hertz: float) -> Iterator[List[bool]]:
    """A thread that does the work at this rate; what it yields grows by one each time."""
    done: List[bool] = []
    ended = threading.Event()

    def run() -> None:
        begun = time.monotonic()
        while not ended.is_set():
            work()
            done.append(True)
            time.sleep(max(begun + len(done) / hertz - time.monotonic(), 0.0))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


def _row(
    hertz: float,
    limit: float,
    ours: List[Dict[str, float]],
    bare: List[Dict[str, float]],
    each_s: float,
) -> Dict[str, Any]:
    share = median(run["core_share"] for run in ours)
    return {
        "hertz": hertz,
        "core_share": share,
        "core_share_runs": [run["core_share"] for run in ours],
        "bare_core_share": median(run["core_share"] for run in bare),
        "microseconds_per_read": 1e6
        * median(run["core_share"] * run["seconds"] / max(run["reads"], 1) for run in ours),
        "reads": sum(run["reads"] for run in ours),
        "seconds": sum(run["seconds"] for run in ours),
        "limit": limit,
        "judged": each_s >= ENOUGH_S,
        "holds": share <= limit or each_s < ENOUGH_S,
    }


@contextmanager
def _opened() -> Iterator[Tuple[str, List[int]]]:
    """A tree of six rails, and the files of their power, open."""
    with tree() as root:
        files = [os.open(path, os.O_RDONLY) for path in rail_files(root)]
        try:
            yield root, files
        finally:
            for file in files:
                os.close(file)


def rail_files(root: str) -> List[str]:
    """Paths of the six rails' power in milliwatts."""
    return sorted(glob.glob(os.path.join(root, "bus/i2c/devices/*/*/in_power*_input")))


@contextmanager
def tree() -> Iterator[str]:
    """A /sys of six rails in the layout of L4T 32, for as long as the block runs."""
    with tempfile.TemporaryDirectory() as root:
        for chip, labels in enumerate(RAILS):
            folder = os.path.join(root, "bus/i2c/devices/1-004{0}/iio:device{0}".format(chip))
            os.makedirs(folder)
            for n, label in enumerate(labels):
                _write(folder, "rail_name_{}".format(n), label)
                _write(folder, "in_power{}_input".format(n), "1500")
        yield root


def _write(folder: str, name: str, text: str) -> None:
    with open(os.path.join(folder, name), "w") as file:
        file.write(text + "\n")
