"""One device and the threads that sample it, from a meter's beginning to its end.

It belongs to the process that made it. A forked child has a copy without the threads, but with
the same pipes, sockets and children: whatever it did with them it would do to its parent. So
there it does nothing and says why.
"""

import os
import threading
from contextlib import ExitStack
from typing import Dict, List, Optional, Tuple

from edgejoule.devices import several, witness
from edgejoule.devices.clock import Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import Reading, worst
from edgejoule.devices.sampler import Sampler
from edgejoule.devices.trace import PowerTrace

ASLEEP_S = 0.1  # shorter is no suspension but the noise of two clocks that are compared


class Sampling:
    """The samplers of a device's parts; `closes` if the device is closed with them."""

    def __init__(self, device: Device, closes: bool, period_s: Optional[float], clock: Clock):
        self.device, self.info, self.clock = device, device.info(), clock
        self.process, self.running, self.used = os.getpid(), False, False
        self._closes = closes
        self._samplers = [
            Sampler(part, period_s, clock)
            for part in several.parts(device)
            if part.info().reason is None  # else it measures nothing, and says why
        ]
        self._sleeps, self._witnessed = Sleeps(clock), witness.Tally()
        self._marking = threading.RLock()  # again: a signal's handler may mark within a mark

    @property
    def samplers(self) -> List[Sampler]:
        """The `Sampler` of every part; none if nothing is measured, or not in this process."""
        return self._samplers if self.is_here() else []

    def is_here(self) -> bool:
        """False in a process that was forked from the one that samples."""
        return os.getpid() == self.process

    def refusal(self) -> Optional[str]:
        """Why no window can begin; None if one can."""
        if not self.is_here():
            return self._elsewhere()
        if not self.running:
            return "the meter is not running; put the work into `with Meter(...) as meter:`"
        return None

    def start(self) -> None:
        """Begin to sample; waits briefly for the first samples."""
        self.used = True
        try:
            for sampler in self._samplers:
                sampler.start()
            self._sleeps.look(self.clock.now())
            self.running = True
        except BaseException:  # Ctrl-C: nobody would stop those that were started
            self.stop()
            raise

    def stop(self) -> None:
        """Stop sampling and give the device back; nothing the second time or in a child."""
        if not self.is_here():
            return
        self.running = False  # first: no window may begin while the samplers stop
        with ExitStack() as last:  # goes on with the others when one is interrupted
            if self._closes:
                last.callback(self.device.close)
                self._closes = False
            for sampler in self._samplers:
                last.callback(sampler.stop)

    def mark(self) -> float:
        """This moment in seconds, with a sample asked for at it; returns at once."""
        now = self.clock.now()
        if self.is_here():
            with self._marking:  # two threads that find one sampler dead must not start it twice
                self._sleeps.look(now)
                for sampler in self._samplers:
                    sampler.edge()
        return now

    def reach(self, moment_s: float) -> None:
        """Wait for samples that new, as long as the sensors take for one."""
        for sampler in self.samplers:
            sampler.reach(moment_s)  # so that the last edge is interpolated, not held

    def reading(self, start_s: float, end_s: float, trouble: Optional[str] = None) -> Reading:
        """What passed between two moments; degraded by `trouble`, a sentence, and by sleep."""
        if not self.is_here():
            return Reading(end_s - start_s, None, reason=self._elsewhere())
        if not self._samplers:
            return Reading(end_s - start_s, None, reason=self.info.reason)
        pairs = [(s.device.info(), s.reading(start_s, end_s)) for s in self._samplers]
        found = several.total(pairs)
        self._witnessed.add(pairs, found)
        said = [each for each in (trouble, self._sleeps.sentence(start_s, end_s)) if each]
        if not said:
            return found
        reasons = ([found.reason] if found.reason else []) + said
        return found._replace(status=worst([found.status, "degraded"]), reason="; ".join(reasons))

    def trace(self) -> PowerTrace:
        """Power over everything sampled so far, in watts; empty if nothing was."""
        own = [each for each in self.samplers if each.info.scope != witness.SCOPE]
        return several.sum_traces([sampler.trace() for sampler in own])

    def cost(self) -> Dict[str, Dict[str, Optional[float]]]:
        """By adapter, what measuring costs: share of one core [0, 1], reads, samples kept."""
        names = several.labels([sampler.info for sampler in self.samplers])
        return {name: sampler.cost() for name, sampler in zip(names, self.samplers)}

    def warnings(self) -> List[str]:
        """Sentences on what a reader of these numbers must know; empty if there is nothing."""
        if not self.is_here():
            return [self._elsewhere()]
        if not self._samplers:
            return self.device.notes()
        found = [text for sampler in self._samplers for text in sampler.warnings()]
        return found + self._witnessed.sentences()

    def _elsewhere(self) -> str:
        return (
            "this meter samples in process {}, and this one ({}) was forked from it; make a "
            "Meter of its own here".format(self.process, os.getpid())
        )


class Sleeps:
    """When this machine was suspended, found out by looking now and then."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._looked_s, self._asleep_s = clock.now(), clock.suspended()
        self._found: List[Tuple[float, float, float]] = []  # after, before, and how long, in s

    def look(self, now_s: float) -> None:
        """Note whether it slept since the last look."""
        asleep_s = self._clock.suspended()
        if asleep_s - self._asleep_s > ASLEEP_S:
            self._found.append((self._looked_s, now_s, asleep_s - self._asleep_s))
        self._looked_s, self._asleep_s = now_s, asleep_s

    def sentence(self, start_s: float, end_s: float) -> Optional[str]:
        """How long it slept between two moments that were looked at; None if it did not."""
        slept_s = sum(
            each for after, before, each in self._found if before > start_s and after < end_s
        )
        if not slept_s:
            return None
        return (
            "the machine was suspended for {:.3g} s in between: the seconds leave that out, "
            "the joules may hold it or not".format(slept_s)
        )
