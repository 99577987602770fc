"""A load that climbs and descends in steps, so that two sensors have something to agree on."""

import hashlib
import os
import threading
import time
from typing import Any, Callable, List, Optional, Sequence, Tuple

from edgejoule.devices.clock import MACHINE, Clock

LEVELS = (0.0, 0.5, 1.0)
SLICE_S = 0.02  # of busy and idle in turns; shorter than what a sensor resolves


def climb(
    clock: Clock = MACHINE,
    levels: Sequence[float] = LEVELS,
    hold_s: float = 6.0,
    work: Optional[Callable[[float], Any]] = None,
) -> List[Tuple[float, float]]:
    """[(moment_s, share of full load)] of the steps, once every level was held `hold_s` seconds.

    `work(share)` sets the load; None keeps every core busy for that share of the time.
    """
    load = None if work else _Load()
    try:
        steps = []
        for share in levels:
            (work or load.set)(share)  # type: ignore[union-attr]  # one of the two is there
            steps.append((clock.now(), share))
            clock.sleep(hold_s)
        return steps
    finally:
        if load is not None:
            load.stop()


class _Load:
    """Threads that hash, which lets go of the interpreter's lock."""

    def __init__(self) -> None:
        self._share, self._running = 0.0, True
        for _ in range(os.cpu_count() or 1):
            thread = threading.Thread(target=self._work)
            thread.daemon = True
            thread.start()

    def set(self, share: float) -> None:
        self._share = share

    def stop(self) -> None:
        self._running = False

    def _work(self) -> None:
        block = bytes(1 << 16)
        while self._running:
            ends = time.monotonic() + SLICE_S * self._share
            while time.monotonic() < ends:
                hashlib.sha256(block).digest()
            time.sleep(SLICE_S * (1.0 - self._share) + 1e-4)
