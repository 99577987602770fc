"""A process of its own that asks jtop.service and prints one JSON line per new value.

jtop is imported here and nowhere else: its 7.x changes the start method of multiprocessing, its
client hangs when the service does, and its licence (AGPL) stays out of the caller's process.
Lines: {"ready": version}, {"start": {...}}, then {"uptime": s, "rails": {label: mW}}, or
{"error": sentence} and the end. Run: python3 jtop_child.py INTERVAL_S [SOCKET].
"""

import json
import os
import sys
import threading
import time
from typing import Any, Dict, Optional, Sequence

WATCH_S = 0.1
OFF_C = -256  # what jtop gives for a zone whose sensor is off


def main(arguments: Sequence[str]) -> int:
    """Exit code: 1 after an error line; ends with the process that holds its standard input."""
    _end_with_parent()
    here = os.path.dirname(os.path.abspath(__file__))  # its names must not hide jtop's imports
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != here]
    try:
        import jtop
        import jtop.service

        if arguments[1:]:
            jtop.service.JTOP_PIPE = arguments[1]
        _say(ready=jtop.__version__)
        _serve(jtop.jtop(interval=float(arguments[0])))
    except (ConnectionResetError, BrokenPipeError, EOFError) as error:
        return _gone("the connection to jtop.service broke ({})".format(type(error).__name__))
    except Exception as error:  # whatever jtop raises must reach the parent as a sentence
        return _gone("{}: {}".format(type(error).__name__, " ".join(str(error).split())))
    return 0


def _gone(sentence: str) -> int:
    _say(error=sentence)
    return 1


def _serve(client: Any) -> None:
    """Print values until the connection breaks.

    `ok(spin=True)` raises what the reading thread met; its blocking form would give up when
    another client has slowed the service down.
    """
    printer = Printer()
    client.start()
    hardware = dict(client.board["hardware"])
    mode = client.nvpmodel.name if client.nvpmodel else None
    _say(start={"hardware": hardware, "interval": client.interval, "power_mode": mode})
    printer(client)
    client.attach(printer)
    while client.ok(spin=True):
        time.sleep(WATCH_S)


class Printer:
    """Prints a value once: the service's uptime tells a new one from a stale one."""

    def __init__(self) -> None:
        self._last: Optional[float] = None

    def __call__(self, client: Any) -> None:
        """Print what the client holds now, if it is new."""
        uptime = client._stats["uptime"]  # a timedelta, or seconds, by version
        seconds = uptime.total_seconds() if hasattr(uptime, "total_seconds") else float(uptime)
        if seconds != self._last:
            self._last = seconds
            _say(uptime=seconds, rails=_rails(client.power), celsius=_celsius(client.temperature))


def _rails(power: Dict[str, Any]) -> Dict[str, int]:
    """Milliwatts by label.

    jtop takes the input rail out of "rail" and calls it "tot". A "tot" without a name is its
    own sum, rails inside rails included, and is left out.
    """
    rails = {
        name: rail["power"] for name, rail in power["rail"].items() if rail.get("power") is not None
    }
    total = power["tot"]
    if total.get("name") and total.get("power") is not None:
        rails[total["name"]] = total["power"]
    return rails


def _celsius(zones: Dict[str, Any]) -> Dict[str, float]:
    return {
        name: zone["temp"]
        for name, zone in zones.items()
        if zone.get("online", True) and zone.get("temp", OFF_C) != OFF_C
    }


def _say(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    """Have this process end when its standard input does, however its parent died."""

    def wait() -> None:
        sys.stdin.read()
        os._exit(0)  # jtop's threads would hold a polite exit up

    thread = threading.Thread(target=wait)
    thread.daemon = True
    thread.start()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
