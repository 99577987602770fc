"""The thread that reads a device, at moments that lock to no load.

Where a sensor shows instants the moments are dithered, each inside a stratum of its own; where
it averages, or is renewed more slowly than it is read, they lie on a grid (`energy.moments`).
Both begin anew at every window's edge, and a read at the edge itself is asked for. Deadlines are
moments, not lengths: a missed one is skipped, never made up for. Whatever a read raises becomes a
sentence in the record: the caller's training never sees it. What is heard is put into the record
by the dozen: a thread that wakes ten times a second finds every cache cold, and pays for each
thing it touches.
"""

import resource
import threading
from collections import deque
from functools import partial
from typing import Deque, Dict, List, Optional, Sequence, Tuple

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.energy import moments, recorded_trace, window
from edgejoule.devices.energy.moments import Stratum
from edgejoule.devices.energy.record import Record
from edgejoule.devices.reading import DeviceInfo, Reading, Sample
from edgejoule.devices.trace import PowerTrace
from edgejoule.devices.wakeup import Wakeup

# An average filters the load itself, and 10 Hz tells all of it; of instants more is better, and
# 20 Hz costs half a per cent of a core on six rails.
AVERAGE_S, INSTANT_S = 0.1, 0.05
SETTLE_EVERY = 12  # reads between two visits to the record and to the thread's own cost
PATIENCE_S = 0.5  # longest wait for the sample that closes a window
THREAD = "edgejoule-sampler"


class Sampler:
    """Reads one device into `record` every `period_s` seconds until stopped."""

    def __init__(self, device: Device, period_s: Optional[float] = None, clock: Clock = MACHINE):
        info = device.info()
        self.device, self.info, self.clock = device, info, clock
        self.period_s = period_s or info.period_s or _default_s(info)
        self._plan = moments.plan(info, self.period_s)
        self.record = Record(self.period_s, info, self._plan.dithered)
        self.cpu_seconds = 0.0
        self.reads = 0
        self._thread: Optional[threading.Thread] = None
        self._wakeup: Optional[Wakeup] = None
        self._stopping = False
        self._begun = clock.now()
        # what was read but is not yet in the record: (before_s, after_s, stratum, samples)
        self._heard: Deque[Tuple[float, float, Stratum, Sequence[Sample]]] = deque()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to sample; waits briefly for the first sample."""
        self._wakeup = self.clock.wakeup()
        self._begun, self._stopping = self.clock.now(), False
        self._launch(self._wakeup)
        self.clock.until(lambda: bool(self._newest_s() or self.record.failures), PATIENCE_S)

    def stop(self) -> None:
        """Stop the thread; a read that hangs is left behind rather than waited for."""
        if self._wakeup is None:
            return
        self._stopping = True
        self._wakeup.ring()
        if self.clock.until(self._dead, 2 * PATIENCE_S):
            self._wakeup.close()  # not under a thread that hangs: its number may be used again
        self._wakeup = None

    def edge(self) -> None:
        """Ask for a sample now and a grid from now on; returns at once."""
        if self._wakeup is not None:
            self._revive(self._wakeup)
            self._wakeup.ring()

    def reach(self, moment_s: float) -> bool:
        """True once a sample is at least that new; not waited for if the sensor fails."""

        def answered() -> bool:
            failed = self.record.failures[-1:]
            return self._newest_s() >= moment_s or any(f.last_s >= moment_s for f in failed)

        self.clock.until(answered, max(min(1.5 * self.period_s, 1.5), PATIENCE_S))
        return self._newest_s() >= moment_s

    def reading(self, start_s: float, end_s: float) -> Reading:
        """What a window cost."""
        self.settle()
        info = self.device.info()  # of now: a calibration's bars depend on what was seen
        with self._lock:
            return window.reading(self.record, info, start_s, end_s)

    def trace(self) -> PowerTrace:
        """Power over everything sampled so far, in watts."""
        self.settle()
        with self._lock:
            return recorded_trace.trace(self.record, self.info.rail)

    def settle(self) -> None:
        """Put what was heard into the record."""
        with self._lock:  # the thread and its caller both come here, and rows must stay in order
            while self._heard:
                before_s, after_s, stratum, heard = self._heard[0]
                for sample in heard:
                    self.record.add(before_s, after_s, sample, stratum)
                # only now: a Ctrl-C before it adds them twice, and a record drops the second
                self._heard.popleft()

    def cost(self) -> Dict[str, Optional[float]]:
        """What sampling costs: share of one core [0, 1], reads, samples kept, seconds."""
        self.settle()
        seconds = self.clock.now() - self._begun
        return {
            "core_share": self.cpu_seconds / seconds if seconds > 0 else None,
            "reads": self.reads,
            "samples": len(self.record),
            "seconds": seconds,
            "period_s": self.period_s,
        }

    def warnings(self) -> List[str]:
        """Sentences on what went wrong while sampling, and what the device itself notes."""
        found = [self._signed(failure.sentence) for failure in self.record.failures]
        found += [self.record.rows.trouble] if self.record.rows.trouble else []
        if self.record.rejected:
            found.append(
                "{}: {} reads took too long and were dropped".format(
                    self.info.adapter, self.record.rejected
                )
            )
        return list(dict.fromkeys(found)) + self.device.notes()

    def _signed(self, text: str) -> str:
        """The sentence with the adapter's name in front, which its own errors have already."""
        name = self.info.adapter
        return text if text.startswith(name) else "{}: {}".format(name, text)

    def _dead(self) -> bool:
        return self._thread is None or not self._thread.is_alive()

    def _revive(self, wakeup: Wakeup) -> None:
        if not self._stopping and self._dead():
            self.record.fail(
                self._newest_s() or self._begun,
                "the sampling thread had died; it was started again",
            )
            self._launch(wakeup)

    def _launch(self, wakeup: Wakeup) -> None:
        self._thread = self.clock.thread(partial(self._run, wakeup), THREAD)

    def _run(self, wakeup: Wakeup) -> None:
        spent, at_edge = self.cpu_seconds - _thread_cpu(), True
        while not self._stopping:
            if at_edge:
                now = self.clock.now()
                self._plan.begin(now)
                self._take(moments.edge(now))
            # the first reads at once: whoever starts or ends a short window waits for them
            if self.reads % SETTLE_EVERY == 0 or self.reads < SETTLE_EVERY:
                self.settle()
                self.cpu_seconds = spent + _thread_cpu()
            stratum = self._plan.next(self.clock.now())
            at_edge = wakeup.wait(stratum.at_s)
            if not at_edge:
                self._take(stratum)

    def _newest_s(self) -> float:
        """The moment of the newest sample; 0 without any."""
        self.settle()
        return self.record.rows.last_s() or 0.0

    def _take(self, stratum: Stratum) -> None:
        """One read; what it heard will go into the record."""
        before_s = self.clock.now()
        self.reads += 1
        try:
            heard = self.device.read()
        except Exception as error:  # any vendor's error must cost a sample, not the training
            self.settle()
            self.record.fail(before_s, _sentence(error))
        else:
            self._heard.append((before_s, self.clock.now(), stratum, heard))


def _default_s(info: DeviceInfo) -> float:
    """Seconds between reads of a sensor that asks for no period of its own."""
    if info.sensing != "instant":
        return AVERAGE_S
    return max(INSTANT_S, info.update_s or 0.0)


def _sentence(error: Exception) -> str:
    """The adapters' own RuntimeErrors are sentences; others need their kind in front."""
    text = " ".join(str(error).split())
    return text if type(error) is RuntimeError else "{}: {}".format(type(error).__name__, text)


def _thread_cpu() -> float:
    """CPU seconds of the calling thread (`time.thread_time` is 3.7+)."""
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_utime + usage.ru_stime
