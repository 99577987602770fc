"""Power rails of a Jetson from jetson-stats' service, asked by a child process.

For boards whose sysfs cannot be read, and for what only the service knows. The service samples
once a second unless told otherwise and costs the board about 6 % of a core at 10 Hz: sysfs
(`ina3221`) is the better source of joules. A value is as old as the uptime beside it says.
"""

import os
import sys
from typing import Any, Dict, List, Optional, Union

from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors import boards, child_lines, container

SOCKET = "/run/jtop.sock"
WAY_IN = "-v /run/jtop.sock:/run/jtop.sock and the host's version of jetson-stats in it"
INTERVAL_S = 0.5  # the service serves every client at the pace of the slowest
IMPORT_S, START_S = 12.0, 4.0  # opening only: a busy TX2 takes seconds to import and to answer
SILENT_PERIODS = 3  # as many as make a gap
AGAIN_S, STUCK_S = 2.0, 15.0  # before a new child replaces one that ended, or one that hangs
UPTIME_STEP_S = 0.01  # of /proc/uptime, which the service reads: half of it is the mean error
SHUNT_GAIN = 0.01
MILLI = 1e-3


def present(socket: str = SOCKET) -> bool:
    """True if the service's socket is there."""
    return os.path.exists(socket)


def open(
    interval_s: Union[str, float, None] = None,
    socket: str = SOCKET,
    clock: Clock = MACHINE,
    host: str = "/",
) -> "Service":
    """The rails that make the board's total, renewed every `interval_s` seconds.

    Raises:
        RuntimeError: jetson-stats is missing, its service is inactive, forbidden, of another
            version or frozen, or no rule adds its rails up.
        ValueError: the interval is no time.
    """
    seconds = _seconds(interval_s)
    if not present(socket):
        raise RuntimeError(
            "jtop: no jtop.service here ({} is missing){}".format(
                socket, container.hint(WAY_IN, host)
            )
        )
    return Service(seconds, socket, clock)


class Service(Device):
    """The connection to jtop.service through a child; a broken one is made anew."""

    def __init__(self, interval_s: float, socket: str, clock: Clock = MACHINE):
        self._clock = clock
        self._command = [
            sys.executable,
            os.path.abspath(
                os.path.join(os.path.dirname(__file__), "..", "vendors", "jtop_child.py")
            ),
            repr(interval_s),
            socket,
        ]
        self._latest: Dict[str, Any] = {}  # the child's newest line of values
        self._born_s = clock.now()
        self._child = child_lines.Child(self._command)
        try:
            self._start()
        except BaseException:  # also a Ctrl-C must not leave the child behind
            self._child.close()
            raise
        self._reason: Optional[str] = None

    def info(self) -> DeviceInfo:
        """The board as the service describes it."""
        return self._info

    def read(self) -> List[Sample]:
        """The newest value; waits a little for one, since each is news only once.

        Raises:
            RuntimeError: the service has been silent for three periods, or is gone.
        """
        for line in self._child.lines(min(self._interval_s, 0.5)):
            self._reason = line.get("error", self._reason)
            if "uptime" in line:
                self._latest, self._reason = line, None
        self._check()
        return [self._sample(self._latest)]

    def celsius(self) -> Dict[str, float]:
        """Degrees Celsius of the zones that the service knows."""
        return self._latest.get("celsius", {})

    def notes(self) -> List[str]:
        """That these joules come second hand."""
        return [
            "jtop: a new value every {:.2g} s, second hand; read sysfs (ina3221) if you can".format(
                self._interval_s
            )
        ]

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def _start(self) -> None:
        try:
            version = self._child.first("ready", IMPORT_S)["ready"]
            start = self._child.first("start", START_S)["start"]
            self._latest = self._child.first("uptime", START_S)
        except RuntimeError as error:
            raise RuntimeError("jtop: {}".format(_advice(str(error)))) from None
        self._interval_s = max(float(start["interval"]), float(self._command[2]))
        self._describe(start, version)

    def _describe(self, start: Dict[str, Any], version: str) -> None:
        hardware, rails = start["hardware"], self._known_rails(self._latest)
        named = " ".join(str(hardware.get(key, "")) for key in ("P-Number", "Module")).lower()
        board = boards.identify(named, rails)
        if board is None:
            raise RuntimeError(
                "jtop: no rule adds the rails {} up".format(
                    ", ".join(sorted(self._latest["rails"])) or "(none)"
                )
            )
        scope = board.usual_scope
        self._total = board.total(scope)
        self._info = DeviceInfo(
            "jtop",
            hardware.get("Model") or board.name,
            "+".join(self._total),
            scope,
            start["power_mode"],
            "jetson-stats " + version,
            self._interval_s,
            gain=SHUNT_GAIN,
            update_s=self._interval_s,
            # The service reads the chips' files as they are; whether these average, it never says.
            sensing="instant",
            limit_watts=board.limit_watts(scope),
        )

    def _sample(self, line: Dict[str, Any]) -> Sample:
        rails = {name: watts * MILLI for name, watts in self._known_rails(line).items()}
        missing = [name for name in self._total if name not in rails]
        if missing:
            raise RuntimeError("jtop: the service gave no value for {}".format(", ".join(missing)))
        return Sample(
            watts=sum(rails[name] for name in self._total),
            rails=rails,
            time_s=self._moment(line),
            span_s=0.0,
        )

    def _moment(self, line: Dict[str, Any]) -> float:
        """When a line's values were read: its uptime counts suspended time, our clock does not."""
        return line["uptime"] + UPTIME_STEP_S / 2 - self._clock.suspended()

    def _check(self) -> None:
        silent_s = self._clock.now() - self._moment(self._latest)
        if silent_s > SILENT_PERIODS * self._interval_s:
            self._revive()
            raise RuntimeError(
                "jtop: {}".format(
                    _advice(self._reason or "jtop.service has been silent for a while")
                )
            )

    def _revive(self) -> None:
        """A new child now and then: systemd may have started the service again.

        One that asked while the service was starting may hang for ever, as jtop's client does.
        """
        age_s = self._clock.now() - self._born_s
        if age_s > (STUCK_S if self._child.alive() else AGAIN_S):
            self._child.close()
            self._child, self._born_s = child_lines.Child(self._command), self._clock.now()

    @staticmethod
    def _known_rails(line: Dict[str, Any]) -> Dict[str, float]:
        """Rails of the table: USB-C's negotiated limits are no rails."""
        return {name: watts for name, watts in line["rails"].items() if name in boards.LABELS}


def _seconds(interval: Union[str, float, None]) -> float:
    """The interval in seconds; None stands for the usual one."""
    try:
        seconds = INTERVAL_S if interval is None else float(interval)
    except ValueError:
        seconds = float("nan")
    if not 0.0 < seconds < float("inf"):
        raise ValueError(
            "jtop: asked for a value every {!r} s; it must be a number above 0, "
            "as in jtop:{}".format(interval, INTERVAL_S)
        )
    return seconds


def _advice(sentence: str) -> str:
    """The service's complaint, with the command that mends it."""
    for sign, command in (
        ("Mismatch version", "sudo systemctl restart jtop.service"),
        ("can't access", "sudo usermod -aG jtop $USER, then log in again"),
        ("not active", "sudo systemctl start jtop.service"),
        ("No module named", "sudo pip3 install jetson-stats"),
        ("no answer", "sudo systemctl restart jtop.service"),
        ("onnection", "sudo systemctl restart jtop.service"),
        ("silent", "sudo systemctl restart jtop.service"),
    ):
        if sign in sentence and command not in sentence:
            return "{}; mend it with: {}".format(sentence.split(" Please run:")[0], command)
    return sentence
