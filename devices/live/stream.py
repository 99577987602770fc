"""Looks as lines: for people where there is no terminal, and as JSON for programs."""

import json
from typing import TextIO

from edgejoule.devices.live.looks import Look
from edgejoule.devices.live.terminal import printable
from edgejoule.devices.reading import DeviceInfo


def head(info: DeviceInfo) -> str:
    """The line that comes before all looks: what is read, and whether it is real."""
    label = ", NOT REAL: " + info.fake if info.fake else ""
    return "{}: {} of {}{}".format(info.adapter, info.rail, info.name, label)


def line(look: Look) -> str:
    """A look in one line: seconds, watts, the hottest zone, what went wrong."""
    hottest = max(look.celsius.values()) if look.celsius else None
    return "{:8.1f} s  {}  {}{}".format(
        look.seconds,
        "not measured" if look.watts is None else "{:10.2f} W".format(look.watts),
        "" if hottest is None else "{:.1f} C".format(hottest),
        "  " + look.reason if look.reason else "",
    ).rstrip()


def json_head(info: DeviceInfo) -> str:
    """The first document: {"device": ...}, every field of `DeviceInfo`."""
    return json.dumps({"device": info._asdict()})


def json_line(look: Look) -> str:
    """A look as one JSON document: seconds, watts, joules, Celsius; null is not measured."""
    return json.dumps(look._asdict())


def write(text: str, out: TextIO) -> None:
    """Writes a line at once, so that whoever reads it reads of now."""
    print(printable(text, out), file=out, flush=True)
