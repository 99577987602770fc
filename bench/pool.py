"""Workers in places, one in each: with a single place one after the other. Free of torch."""

import subprocess
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

from edgejoule.devices.clock import MACHINE, Clock

LOOK_S = 0.05  # between looks at several workers; their timings are not comparable anyway


class Place(NamedTuple):
    """Where one worker at a time may run.

    `environment` is what its process is given besides ours, such as the one GPU that it sees;
    `threads` how many threads torch takes at most, None for its own choice.
    """

    environment: Dict[str, str] = {}
    threads: Optional[int] = None


class Worker(NamedTuple):
    """A process at work, the place it takes, and what is told its exit code."""

    place: Place
    process: "subprocess.Popen[bytes]"
    ended: Callable[[int], None]


class Pool:
    """Hands out places and waits for the workers in them; leaving it ends those that still run.

    Args:
        places: as many workers run side by side.
        clock: what waiting goes by.
    """

    def __init__(self, places: Sequence[Place] = (Place(),), clock: Clock = MACHINE) -> None:
        self.size, self.clock = len(places), clock
        self._free = list(places)
        self._working: List[Worker] = []

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        # all are told to end before the first is waited for: who stopped us waits for all of them
        for each in self._working:
            each.process.kill()
        for each in self._working:
            each.process.wait()

    def free(self) -> Place:
        """A place that no worker takes, waiting for one to end if need be."""
        while not self._free:
            self._settle()
        return self._free[0]

    def work(
        self, place: Place, process: "subprocess.Popen[bytes]", ended: Callable[[int], None]
    ) -> None:
        """Takes a free place for a process; `ended(exit code)` is called when that was noticed."""
        self._free.remove(place)
        self._working.append(Worker(place, process, ended))

    def finish(self) -> None:
        """Waits until no worker is left."""
        while self._working:
            self._settle()

    def _settle(self) -> None:
        """Waits until a worker has ended, frees its place and tells of it."""
        ended = self._next()
        self._working.remove(ended)
        self._free.append(ended.place)
        ended.ended(ended.process.wait())

    def _next(self) -> Worker:
        """A worker that has ended; of several the one that was started first."""
        if len(self._working) == 1:
            # asleep in the kernel: a look costs joules beside a measurement
            self._working[0].process.wait()
        while True:
            for each in self._working:
                if each.process.poll() is not None:
                    return each
            self.clock.sleep(LOOK_S)
