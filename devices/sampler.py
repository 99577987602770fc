"""The thread that reads a device on a regular grid, which begins anew at every window's edge.

So the edge is sampled, and a window that is a whole number of periods long is sampled evenly;
uneven samples would weigh unevenly. A register that is renewed more slowly than it is read
shows nothing new at an edge and keeps its grid. One read in ten is repeated at a random moment,
to tell a load that beats with the grid. Deadlines are moments, not lengths: a missed tick is
skipped, never made up for. Whatever a read raises becomes a sentence in the record: the
caller's training never sees it. What is heard is put into the record by the dozen: a thread
that wakes ten times a second finds every cache cold, and pays for each thing it touches.
"""

import random
import resource
import threading
from collections import deque
from functools import partial
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Tuple

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.energy import recorded_trace, window
from edgejoule.devices.energy.record import Record
from edgejoule.devices.reading import Reading, Sample
from edgejoule.devices.trace import PowerTrace
from edgejoule.devices.wakeup import Wakeup

# 10 Hz costs 0.2 % of a core on six rails and leaves 1 % of error after a minute of training;
# at 50 Hz the cost is about 1 %, the most that a thread beside the training may take unasked.
DEFAULT_PERIOD_S, SHORTEST_PERIOD_S = 0.1, 0.02
STRAY_EVERY = 10  # grid reads between two at random moments
SETTLE_EVERY = 12  # reads between two visits to the record and to the thread's own cost
PATIENCE_S = 0.5  # longest wait for the sample that closes a window
ROUNDING = 1e-6  # of a period
THREAD = "edgejoule-sampler"

Keep = Callable[[float, float, Sample], Any]  # (before_s, after_s, sample): into the record


class Sampler:
    """Reads one device into `record` every `period_s` seconds until stopped."""

    def __init__(self, device: Device, period_s: Optional[float] = None, clock: Clock = MACHINE):
        info = device.info()
        self.device, self.info, self.clock = device, info, clock
        self._pinned, self._beat = period_s is not None, ""
        self.period_s = period_s or info.period_s or DEFAULT_PERIOD_S
        self.record = Record(self.period_s)
        self.cpu_seconds = 0.0
        self.reads = 0
        self._thread: Optional[threading.Thread] = None
        self._wakeup: Optional[Wakeup] = None
        self._stopping = False
        self._begun = clock.now()
        # what was read but is not yet in the record: (keep, before_s, after_s, samples)
        self._heard: Deque[Tuple[Keep, float, float, Sequence[Sample]]] = deque()
        self._lock = threading.Lock()
        self._slow = (info.update_s or 0.0) >= self.period_s
        self._dice = random.Random(1)  # its own: the caller's seed stays untouched

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
        """What a window cost; a load that beats with the grid doubles its rate from then on."""
        self.settle()
        found = window.reading(self.record, self.info, start_s, end_s)
        if found.beat is not None:
            self._quicken(found.beat)
        return found

    def trace(self) -> PowerTrace:
        """Power over everything sampled so far, in watts."""
        self.settle()
        return recorded_trace.trace(self.record, self.info.rail)

    def settle(self) -> None:
        """Put what was heard into the record."""
        with self._lock:  # the thread and its caller both come here, and rows must stay in order
            while self._heard:
                keep, before_s, after_s, heard = self._heard.popleft()
                for sample in heard:
                    keep(before_s, after_s, sample)

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
        found += [self._beat] if self._beat else []
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

    def _quicken(self, beat: str) -> None:
        """Halve the period, unless the user chose it or it is short enough."""
        floor = max(SHORTEST_PERIOD_S, (self.info.update_s or 0.0) / 2)
        if not self._pinned and self.period_s / 2 >= floor * 0.999:  # rounding must not forbid
            self.period_s /= 2
        self._beat = "{}: {}; sampled every {:.3g} s since".format(
            self.info.adapter, beat, self.period_s
        )

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
        now = self.clock.now
        begun, spent = now(), self.cpu_seconds - _thread_cpu()
        while not self._stopping:
            self._take(self.record.add)
            # the first reads at once: whoever starts or ends a short window waits for them
            if self.reads % SETTLE_EVERY == 0 or self.reads < SETTLE_EVERY:
                self.settle()
                self.cpu_seconds = spent + _thread_cpu()
            # a wait may end a rounding error before its tick, which must not be read twice
            ticks = int((now() - begun) / self.period_s + ROUNDING) + 1
            if self._waited(wakeup, begun + ticks * self.period_s) and not self._slow:
                begun = now()

    def _waited(self, wakeup: Wakeup, deadline_s: float) -> bool:
        """True if an edge ended the wait; now and then a stray sample is taken in it."""
        if self.reads % STRAY_EVERY == 0 and not self._slow:
            left = deadline_s - self.clock.now()
            if wakeup.wait(deadline_s - left * self._dice.random()):
                return True
            self._take(self.record.stray)
        return wakeup.wait(deadline_s)

    def _newest_s(self) -> float:
        """The moment of the newest sample; 0 without any."""
        self.settle()
        return self.record.times_s[-1] if self.record.times_s else 0.0

    def _take(self, keep: Keep) -> None:
        """One read; what it heard will go to `keep(before_s, after_s, sample)`."""
        before_s = self.clock.now()
        self.reads += 1
        try:
            heard = self.device.read()
        except Exception as error:  # any vendor's error must cost a sample, not the training
            self.settle()
            self.record.fail(before_s, _sentence(error))
        else:
            self._heard.append((keep, before_s, self.clock.now(), heard))


def _sentence(error: Exception) -> str:
    """The adapters' own RuntimeErrors are sentences; others need their kind in front."""
    text = " ".join(str(error).split())
    return text if type(error) is RuntimeError else "{}: {}".format(type(error).__name__, text)


def _thread_cpu() -> float:
    """CPU seconds of the calling thread (`time.thread_time` is 3.7+)."""
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_utime + usage.ru_stime
