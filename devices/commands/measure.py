"""Joules of any command, as in: edgejoule measure -- python3 train.py.

The command's exit code is passed on (128 + N if signal N ended it); the reading goes to standard
error, so that the command's own output stays what it was.
"""

import json
import signal
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from types import FrameType
from typing import IO, Any, Dict, List, Optional

from edgejoule.devices import choose, conditions, idle
from edgejoule.devices.idle import Baseline
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import Reading
from edgejoule.devices.trace import PowerTrace

# What ends a process from outside goes on to the command, whose end is then measured as any
# other. Ctrl-C is not among them: a terminal sends it to the command as well.
FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def arguments(parser: ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--power", default="auto", metavar="NAME", help="the sensor to read")
    parser.add_argument("--fake-power", metavar="TRACE_OR_WATTS", help="play this instead")
    parser.add_argument(
        "--idle",
        type=float,
        default=0.0,
        metavar="S",
        help="measure the machine at rest for S seconds first",
    )
    parser.add_argument("--trace", metavar="FILE", help="save power over time there")
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON document on stdout; the command's own goes to stderr",
    )
    parser.add_argument("words", nargs="...", metavar="-- COMMAND ...")


def run(args: Namespace) -> int:
    """Exit code: that of the command."""
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise ValueError(
            "measure: asked for no command; write it after two dashes: "
            "edgejoule measure -- python3 train.py"
        )
    device = choose.open(args.power, fake_power=args.fake_power)
    with Meter(device) as meter:
        rest = meter.idle(args.idle) if args.idle else None
        before = conditions.snapshot()
        with meter.window("command") as window:
            code = _run(words, sys.stderr if args.json else None)
        assert window.reading is not None  # the window has ended
        found = _document(meter, window.reading, rest, before, words, code)
        if args.trace:
            _save(args.trace, meter.trace())
    device.close()
    print(
        json.dumps(found, indent=1) if args.json else _text(found),
        file=sys.stdout if args.json else sys.stderr,
    )
    return code


def _run(words: List[str], stdout: Optional[IO[str]]) -> int:
    """The command's exit code as a shell would give it."""
    children: List[subprocess.Popen] = []
    early: List[int] = []

    def forward(number: int, _: Optional[FrameType]) -> None:
        for child in children:
            child.send_signal(number)
        early.append(number)

    kept = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        children.append(subprocess.Popen(words, stdout=stdout))
        for number in early:  # what came before there was a child to send it to
            children[0].send_signal(number)
        code = _outwaited(children[0])
    except OSError as error:
        raise ValueError("measure: cannot run {!r}: {}".format(words[0], error.strerror)) from None
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _outwaited(child: subprocess.Popen) -> int:
    """The child's code; a Ctrl-C reaches it from the terminal, so it is only waited for."""
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue


def _document(
    meter: Meter,
    reading: Reading,
    rest: Optional[Baseline],
    before: Dict[str, Any],
    words: List[str],
    code: int,
) -> Dict[str, Any]:
    split = idle.shares(reading, rest)
    return {
        "command": words,
        "exit_code": code,
        "reading": reading._asdict(),
        "shares": split._asdict() if split else None,
        "idle": rest._asdict() if rest else None,
        "device": meter.info._asdict(),
        "cost": meter.cost(),
        "warnings": meter.warnings(),
        "before": before,
        "after": conditions.snapshot(),
    }


def _text(found: Dict[str, Any]) -> str:
    reading, device = found["reading"], found["device"]
    if reading["joules"] is None:
        return "edgejoule: {:.3g} s, joules not measured: {}".format(
            reading["seconds"], reading["reason"]
        )
    lines = [
        "edgejoule: {:.4g}{} J in {:.4g} s, mean {:.4g} W, peak {} ({}, {}: {})".format(
            reading["joules"],
            _bar(reading["uncertainty_joules"]),
            reading["seconds"],
            reading["joules"] / reading["seconds"],
            _peak(reading["peak_watts"]),
            device["fake"] or device["adapter"],
            device["rail"],
            reading["status"],
        )
    ]
    if device["calibration"]:
        lines.append("edgejoule: calibrated: {}".format(device["calibration"]))
    if found["shares"]:
        lines.append(
            "edgejoule: {net:.4g} J above rest, {idle:.4g} J at rest".format(**found["shares"])
        )
    lines += ["edgejoule: " + text for text in [reading["reason"]] + found["warnings"] if text]
    return "\n".join(dict.fromkeys(lines))


def _bar(joules: Optional[float]) -> str:
    return "" if joules is None else " +- {:.2g}".format(joules)


def _peak(watts: Optional[float]) -> str:
    return "not told" if watts is None else "{:.4g} W".format(watts)


def _save(path: str, trace: PowerTrace) -> None:
    with open(path, "w") as file:
        file.write(trace.to_json())
