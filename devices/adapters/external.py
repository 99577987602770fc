"""A bench meter beside the board, that writes a line a sample: a file, a serial port, a socket.

Lines are those of `columns`: `WATTS`, or `TIME,WATTS`, or columns named by a first line out of
time (time, time_s, timestamp) and watts (watts, power, power_w) or volts and amps. Times from
1970 are put on the monotonic clock by this machine's wall clock at opening; small ones begin
with the first line; lines without a time belong to the moment they arrive.
"""

import io
import os
import socket
from typing import List, Optional

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors.meter_columns import Columns

CHUNK, CALENDAR_S = 65536, 1e9
OPENING_S, SILENT_S, SHORTEST_S = 3.0, 2.0, 0.05
ENOUGH_LINES, LOOK_S = 4, 0.01  # to tell how often the meter speaks; between two looks for them
GAIN = 0.01  # assumed, for a line does not say which meter wrote it


def present() -> bool:
    """False: it is read only when asked for."""
    return False


def open(source: Optional[str] = None, clock: Clock = MACHINE) -> "Lines":
    """The meter whose lines come from `source`: a path, or "tcp:HOST:PORT".

    Raises:
        ValueError: no source is named.
        RuntimeError: it cannot be opened, or says nothing that is power for three seconds.
    """
    if not source:
        raise ValueError(
            "external: asked for no source; write external:PATH or external:tcp:HOST:PORT"
        )
    return Lines(str(source), clock)


class Lines(Device):
    """An opened source of lines."""

    def __init__(self, source: str, clock: Clock = MACHINE):
        self._source, self._rest, self._clock = source, b"", clock
        self._shift_s: Optional[float] = None  # from the meter's clock to ours
        self._columns = Columns()
        self._fd = _opened(source)
        if os.path.isfile(source):
            with io.open(source, errors="replace") as file:
                self._columns.name(file.readline())
        spans = self._first_spans()
        self._heard_s = clock.now()
        self._period_s = max(spans[len(spans) // 2], SHORTEST_S) if spans else 1.0
        self._info = DeviceInfo(
            "external",
            source,
            "meter",
            "board",
            gain=GAIN,
            period_s=self._period_s,
        )

    def info(self) -> DeviceInfo:
        """The source, and how often it speaks."""
        return self._info

    def read(self) -> List[Sample]:
        """The samples since the last read; [] if none came.

        Raises:
            RuntimeError: nothing has come for a while.
        """
        found, now = self._samples(), self._clock.now()
        if found:
            self._heard_s = now
        elif now - self._heard_s > min(SILENT_S, 3 * self._period_s):
            raise RuntimeError("external: {} has fallen silent".format(self._source))
        return found

    def notes(self) -> List[str]:
        """Sentences on lines that were no samples, and on whose clock their times are."""
        clock = ["external: times are the meter's own; its clock and this machine's may differ"]
        bad = ["external: {} lines were no samples".format(self._columns.bad)]
        return (clock if self._shift_s is not None else []) + (bad if self._columns.bad else [])

    def close(self) -> None:
        """Give the source back."""
        os.close(self._fd)

    def _first_spans(self) -> List[float]:
        """Seconds between the first samples, sorted."""
        found: List[Sample] = []
        ends = self._clock.now() + OPENING_S
        while len(found) < ENOUGH_LINES and self._clock.now() < ends:
            found += self._samples()
            self._clock.sleep(LOOK_S)
        if not found:
            self.close()
            raise RuntimeError(
                "external: no line of power from {} within {:g} s; a line is "
                "WATTS or TIME,WATTS".format(self._source, OPENING_S)
            )
        times = [sample.time_s for sample in found if sample.time_s is not None]
        return sorted(late - early for early, late in zip(times, times[1:]))

    def _samples(self) -> List[Sample]:
        try:
            text = self._rest + os.read(self._fd, CHUNK)
        except BlockingIOError:
            return []
        whole, _, self._rest = text.rpartition(b"\n")  # a line that is half written waits
        lines = [line.decode("ascii", "replace") for line in whole.split(b"\n") if line.strip()]
        parsed = [self._columns.parse(line) for line in lines]
        return [
            Sample(watts=pair[1], time_s=self._monotonic(pair[0]), span_s=0.0)
            for pair in parsed
            if pair is not None
        ]

    def _monotonic(self, moment: Optional[float]) -> float:
        """A line's time on our clock; the first line that has one settles how they differ."""
        now = self._clock.now()
        if moment is None:
            return now
        if self._shift_s is None:
            self._shift_s = now - (self._clock.wall() if moment > CALENDAR_S else moment)
        return moment + self._shift_s


def _opened(source: str) -> int:
    """A descriptor that never blocks; of a file that grows, at its end."""
    try:
        if source.startswith("tcp:"):
            host, port = source[4:].rsplit(":", 1)
            return _connected(host, int(port))
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise RuntimeError("external: cannot open {}: {}".format(source, error)) from None
    if os.path.isfile(source):  # what it says of the past is not about the windows to come
        os.lseek(descriptor, 0, os.SEEK_END)
    return descriptor


def _connected(host: str, port: int) -> int:
    with socket.create_connection((host, port), timeout=OPENING_S) as connection:
        descriptor = os.dup(connection.fileno())
    os.set_blocking(descriptor, False)
    return descriptor
