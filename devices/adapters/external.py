"""A bench meter beside the board, that writes a line a sample: a file, a serial port, a socket.

Lines are those of `meter_columns`: `WATTS`, or `TIME,WATTS`, or columns named by a first line,
as "time_ms,power_mw" or "Time [s];U (V);I (mA)": time and watts, volts and amps, or joules so far.
Times from 1970 are put on the monotonic clock by this machine's wall clock at opening; small
ones begin with the first line; lines without a time belong to the moment they arrive.
"""

import io
import os
from typing import List, Optional

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors import line_sources, meter_columns
from edgejoule.devices.vendors.meter_clock import MeterClock
from edgejoule.devices.vendors.meter_columns import Columns

OPENING_S, SILENT_S, SHORTEST_S = 3.0, 2.0, 0.05
GONE_S, GONE_PERIODS = 10.0, 5  # of silence, before a connection is taken for a dead one
ENOUGH_LINES, LOOK_S = 4, 0.01  # to tell how often the meter speaks; between two looks for them
HEAD_LINES = 20  # of a file, among which the one that names the columns is
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
        self._times, self._losses = MeterClock(clock), 0
        self._heard_s = clock.now()
        self._period_s = 0.0  # until the first lines have told it
        self._overload: Optional[str] = None  # what is still to be told of as a failed read
        self._columns = Columns()
        self._lines = _opened(source, clock)
        self._begun, self._cut = self._lines.begun, self._lines.cut
        try:
            _name_columns(self._columns, source)
            spans = self._first_spans()
        except BaseException:
            self.close()
            raise
        self._heard_s = clock.now()
        self._period_s = max(spans[len(spans) // 2], SHORTEST_S) if spans else 1.0
        self._info = self._described()

    def info(self) -> DeviceInfo:
        """The source, how often it speaks, and what its lines are."""
        return self._info

    def read(self) -> List[Sample]:
        """The samples since the last read; [] if none came.

        Raises:
            RuntimeError: nothing has come for a while, or what came was an overload.
        """
        if self._overload is None:
            found, now = self._samples(), self._clock.now()
            if found or self._overload is not None:
                self._heard_s = now
            elif now - self._heard_s > min(SILENT_S, 3 * self._period_s):
                self._doubt(now)
                raise RuntimeError("external: {} has fallen silent".format(self._source))
            if found or self._overload is None:
                return found
        sentence, self._overload = self._overload, None
        raise RuntimeError("external: {}".format(sentence))

    def notes(self) -> List[str]:
        """Sentences on lines that were no samples, on losses, and on whose clock times are."""
        clock = ["external: times are the meter's own; its clock and this machine's may differ"]
        found = clock if self._times.settled else []
        columns = self._columns
        if columns.bad:
            found.append("external: {} lines were no samples".format(columns.bad) + self._why())
        if columns.missing:
            found.append("external: {} values were overloads, or none".format(columns.missing))
        if self._losses:
            found.append("external: the source began anew, seen {}x".format(self._losses))
        if self._times.jumps:
            found.append("external: the meter's clock was set, seen {}x".format(self._times.jumps))
        return found

    def close(self) -> None:
        """Give the source back."""
        self._lines.close()

    def _described(self) -> DeviceInfo:
        counts, mean = self._columns.kind == "joules", self._columns.mean
        return DeviceInfo(
            "external",
            self._source,
            "meter",
            "board",
            gain=GAIN,
            period_s=self._period_s,
            # a mean over the time since the line before is half of that old
            lag_s=self._period_s / 2 if mean else 0.0,
            sensing="counter" if counts else "average" if mean else "instant",
            update_s=self._period_s or None,  # a line is as often new as lines come
        )

    def _first_spans(self) -> List[float]:
        """Seconds between the first samples, sorted."""
        found: List[Sample] = []
        ends = self._clock.now() + OPENING_S
        while len(found) < ENOUGH_LINES and self._clock.now() < ends:
            found += self._samples()
            self._clock.sleep(LOOK_S)
        if not found:
            raise RuntimeError(
                "external: no line of power from {} within {:g} s; a line is "
                "WATTS or TIME,WATTS{}".format(self._source, OPENING_S, self._why())
            )
        self._overload = None
        times = [sample.time_s for sample in found if sample.time_s is not None]
        spans = sorted(late - early for early, late in zip(times, times[1:]))
        still = len(spans) > 1 and spans[-1] <= 0
        if self._times.settled and (self._times.jumps or still):
            raise RuntimeError(
                "external: lines from {} were read as TIME,WATTS, but their times do not go "
                "forward; {}".format(self._source, meter_columns.COMMA)
            )
        return spans

    def _why(self) -> str:
        """The reason why a line was no sample, with an example, to be put behind a sentence."""
        reason = self._columns.reason
        return "; {}".format(reason) if reason else ""

    def _samples(self) -> List[Sample]:
        missing = self._columns.missing
        parsed = [self._columns.parse(line) for line in self._new_lines()]
        if self._columns.missing > missing:
            self._overload = self._columns.reason
        return [self._sample(*pair) for pair in parsed if pair is not None]

    def _sample(self, moment: Optional[float], value: float) -> Sample:
        time_s = self._times.ours(moment, self._period_s)
        if self._columns.kind == "joules":
            return Sample(joules=value, time_s=time_s, span_s=0.0)
        return Sample(watts=value, time_s=time_s, span_s=0.0)

    def _new_lines(self) -> List[str]:
        """Whole lines that have come; one that is half written waits."""
        try:
            data = self._lines.read()
        except RuntimeError as error:
            raise RuntimeError("external: {}".format(error)) from None
        if self._lines.begun != self._begun:
            self._begun, self._cut, self._rest = self._lines.begun, self._lines.cut, b""
            self._losses, self._heard_s = self._losses + 1, self._clock.now()
        if self._cut:
            _, ended, data = data.partition(b"\n")  # the rest of a line that began before
            self._cut = not ended
        whole, _, self._rest = (self._rest + data).rpartition(b"\n")
        return [_text(line) for line in whole.split(b"\n") if line.strip()]

    def _doubt(self, now: float) -> None:
        """A connection may be dead without a word, as when the meter lost its power."""
        if now - self._heard_s > max(GONE_S, GONE_PERIODS * self._period_s):
            self._lines.doubt("has fallen silent")


def _opened(source: str, clock: Clock) -> line_sources.Source:
    try:
        return line_sources.opened(source, clock)
    except (OSError, ValueError, OverflowError) as error:
        raise RuntimeError("external: cannot open {}: {}".format(source, error)) from None


def _name_columns(columns: Columns, source: str) -> None:
    """Have the columns named by the beginning of a file, which is followed from its end on."""
    if not os.path.isfile(source):
        return
    with io.open(source, "rb") as file:
        for line in [file.readline() for _ in range(HEAD_LINES)]:
            if columns.name(_text(line)):
                return


def _text(line: bytes) -> str:
    """A line's text; a micro sign may come as one byte or as two."""
    try:
        return line.decode("utf8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
