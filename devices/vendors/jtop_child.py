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

WATCH_S = 0.1


def main(arguments) -> int:
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


def _gone(sentence) -> int:
    _say(error=sentence)
    return 1


def _serve(client):
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

    def __init__(self):
        self._last = None

    def __call__(self, client):
        """Print what the client holds now, if it is new."""
        uptime = client._stats["uptime"]
        seconds = uptime.total_seconds() if hasattr(uptime, "total_seconds") else float(uptime)
        if seconds != self._last:
            self._last = seconds
            _say(uptime=seconds, rails=_rails(client.power), celsius=_celsius(client.temperature))


def _rails(power) -> dict:
    """Milliwatts by label. The input rail is moved into `tot`; without its name `tot` is a sum."""
    rails = {
        name: rail["power"] for name, rail in power["rail"].items() if rail.get("power") is not None
    }
    total = power["tot"]
    if total.get("name") and total.get("power") is not None:
        rails[total["name"]] = total["power"]
    return rails


def _celsius(zones) -> dict:
    return {
        name: zone["temp"]
        for name, zone in zones.items()
        if zone.get("online", True) and zone.get("temp", -256) != -256
    }


def _say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _end_with_parent():
    def wait():
        sys.stdin.read()
        os._exit(0)  # jtop's threads would hold a polite exit up

    thread = threading.Thread(target=wait)
    thread.daemon = True
    thread.start()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
