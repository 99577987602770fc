"""The thread that reads a device on a regular grid, which begins anew at every window's edge.

So the edge is sampled, and a window that is a whole number of periods long is sampled evenly;
uneven samples would weigh unevenly. A register that is renewed more slowly than it is read
shows nothing new at an edge and keeps its grid.
Absolute deadlines: a missed tick is skipped, never made up for. The thread waits in `select`, whose
timeout no wall-clock step moves; timed lock waits on Python 3.6 are not so. Whatever a read
raises becomes a sentence in the record: the caller's training never sees it.
"""
import os
import resource
import select
import threading
import time

from devices.record import Record

DEFAULT_PERIOD_S = 0.1
COST_EVERY = 8  # reads between two looks at the thread's own cost
PATIENCE_S = 0.5  # longest wait for the sample that closes a window


class Sampler:
    """Reads one device into `record` every `period_s` seconds until stopped."""

    def __init__(self, device, period_s=None):
        info = device.info()
        self.device, self.info = device, info
        self.period_s = period_s or info.period_s or DEFAULT_PERIOD_S
        self.record = Record(self.period_s)
        self.cpu_seconds = 0.0
        self.reads = 0
        self._thread = self._pipe = None
        self._stopping = False
        self._begun = time.monotonic()

    def start(self):
        """Begin to sample; waits briefly for the first sample."""
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self._begun, self._stopping = time.monotonic(), False
        self._launch()
        self._await(lambda: len(self.record) or self.record.failures, PATIENCE_S)

    def stop(self):
        """Stop the thread; a read that hangs is left behind rather than waited for."""
        self._stopping = True
        self.edge()
        self._await(lambda: not self._thread.is_alive(), 2 * PATIENCE_S)
        if not self._thread.is_alive():
            for end in self._pipe:
                os.close(end)
        self._pipe = None

    def edge(self):
        """Ask for a sample now, off the grid; returns at once."""
        if self._pipe is None:
            return
        self._revive()
        try:
            os.write(self._pipe[1], b"e")
        except BlockingIOError:  # the pipe is full of requests: one of them is enough
            pass

    def reach(self, moment_s: float) -> bool:
        """True once a sample is at least that new; gives up after about a period."""
        times = self.record.times_s
        limit = max(min(1.5 * self.period_s, 1.5), PATIENCE_S)
        return self._await(lambda: len(times) and times[-1] >= moment_s, limit)

    def cost(self) -> dict:
        """What sampling costs: share of one core [0, 1], reads, samples kept, seconds."""
        seconds = time.monotonic() - self._begun
        return {"core_share": self.cpu_seconds / seconds if seconds > 0 else None,
                "reads": self.reads, "samples": len(self.record), "seconds": seconds,
                "period_s": self.period_s}

    def warnings(self) -> list:
        """Sentences on what went wrong while sampling, and what the device itself notes."""
        found = ["{}: {}".format(self.info.adapter, text) for _, _, text in self.record.failures]
        if self.record.rejected:
            found.append("{}: {} reads took too long and were dropped".format(
                self.info.adapter, self.record.rejected))
        return list(dict.fromkeys(found)) + self.device.notes()

    def _revive(self):
        if not self._stopping and not self._thread.is_alive():
            times = self.record.times_s
            self.record.fail(times[-1] if times else self._begun,
                             "the sampling thread had died; it was started again")
            self._launch()

    def _launch(self):
        self._thread = threading.Thread(target=self._run, name="edgejoule-sampler")
        self._thread.daemon = True
        self._thread.start()

    def _await(self, done, limit_s) -> bool:
        """Polls with `sleep`, which no wall-clock step disturbs."""
        end = time.monotonic() + limit_s
        while not done():
            if time.monotonic() >= end:
                return False
            time.sleep(0.0005)
        return True

    def _run(self):
        pipe, begun = self._pipe[0], time.monotonic()
        spent = self.cpu_seconds - _thread_cpu()
        slow = (self.info.update_s or 0.0) > self.period_s
        while not self._stopping:
            self._take()
            if self.reads % COST_EVERY == 0 or self.reads < COST_EVERY:
                self.cpu_seconds = spent + _thread_cpu()
            ticks = int((time.monotonic() - begun) / self.period_s) + 1
            ready, _, _ = select.select(
                [pipe], [], [], max(begun + ticks * self.period_s - time.monotonic(), 0.0))
            if ready:
                os.read(pipe, 4096)
                begun = begun if slow else time.monotonic()

    def _take(self):
        before_s = time.monotonic()
        self.reads += 1
        try:
            sample = self.device.read()
        except Exception as error:  # any vendor's error must cost a sample, not the training
            self.record.fail(before_s, _sentence(error))
        else:
            self.record.add(before_s, time.monotonic(), sample)


def _sentence(error) -> str:
    """The adapters' own RuntimeErrors are sentences; others need their kind in front."""
    text = " ".join(str(error).split())
    return text if type(error) is RuntimeError else "{}: {}".format(type(error).__name__, text)


def _thread_cpu() -> float:
    """CPU seconds of the calling thread (`time.thread_time` is 3.7+)."""
    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_utime + usage.ru_stime
