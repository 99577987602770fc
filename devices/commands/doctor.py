"""Is this machine fit to measure? Reads the sensor in bursts, at rest and under pulses of load.

How often the sensor's value is new, how much of that time it sees and how far it trails is
stored for the readings to come.

With --report the findings become one block of text for an issue: versions, board, sensors,
power mode, clocks, temperatures and a short examination without load. It names nobody, works
without torch and without a sensor, and takes seconds.

exit codes: 0 fit or fit with warnings, or the report is made; 1 it could not be written; 3 not fit
"""

import datetime
import json
import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from typing import Any, Dict, List, Optional

from edgejoule.devices import choose, conditions, doctor_report, health, options, probe
from edgejoule.devices.calibration import store
from edgejoule.devices.calibration.response import Response
from edgejoule.devices.clock import MACHINE
from edgejoule.devices.output_file import OutputFile
from edgejoule.devices.reading import DeviceInfo

MARKS = {"ok": "ok    ", "warn": "warn  ", "refuse": "refuse"}
REST_S, REPORT_REST_S = 20.0, 2.0
GRACE_S = 5.0  # beyond what an examination takes, for a sensor that is slow to answer
TERMINAL = "-"
CLEAR = "\r\x1b[K"  # to the start of the line, and nothing on it


def arguments(parser: ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--power", default="auto", metavar="NAME", help="the sensor to examine")
    parser.add_argument("--fake-power", metavar="TRACE_OR_WATTS", help="play this instead")
    parser.add_argument("--sysfs", metavar="ROOT", help="where /sys is mounted, if not there")
    parser.add_argument(
        "--seconds",
        type=options.positive,
        metavar="S",
        help="how long to watch the machine at rest (default: {:g}, with --report {:g})".format(
            REST_S, REPORT_REST_S
        ),
    )
    parser.add_argument("--no-load", action="store_true", help="do not load the processor or GPU")
    parser.add_argument(
        "--report",
        nargs="?",
        const=TERMINAL,
        metavar="FILE",
        help="print what an issue needs to know, or write it to FILE",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: Namespace) -> int:
    """Exit code: 3 if a check refuses; 0 for a report, whatever it says, 1 if it is lost."""
    if args.report:
        return _report(args)
    device = choose.open(args.power, fake_power=args.fake_power, sysfs=args.sysfs)
    seconds = REST_S if args.seconds is None else args.seconds
    tell = progress if sys.stderr.isatty() else probe.untold
    root = conditions.root_of(args.sysfs)
    try:
        found = health.examine(
            device, seconds, not args.no_load, root, tell=tell, keep=keep, gpu=True
        )
    finally:
        tell("", 0.0, 0.0)
        device.close()
    if args.json:
        print(_json(found, device.info()))
    else:
        _print(found)
    return 3 if health.verdict(found) == "refuse" else 0


def keep(info: DeviceInfo, found: Response) -> None:
    """Store what was found of a real sensor, so that its readings know it from now on."""
    if info.fake:
        return
    try:
        store.save(info, facts(found), serial=info.serial)
    except OSError as error:  # a full disk or somebody else's folder spoils no examination
        sys.stderr.write("{}what was found is not stored: {}\n".format(CLEAR, error))


def facts(found: Response) -> Dict[str, Any]:
    """What is stored of a response: each quantity in seconds, with its interval.

    "window_s" is the part of every update that the value sees: all of it for most sensors.
    """
    spans = {"update_s": found.update_s, "lag_s": found.lag_s}
    spans["window_s"] = found.window_s if found.blind() else found.update_s
    told: Dict[str, Any] = {name: span._asdict() for name, span in spans.items() if span}
    return dict(told, found=datetime.date.fromtimestamp(MACHINE.wall()).isoformat(), by="doctor")


def progress(stage: str, done_s: float, whole_s: float) -> None:
    """Write how far a stage is over the last line of a terminal; no stage leaves it empty."""
    told = "{}: {:.0f} of {:.0f} s".format(stage, done_s, whole_s) if stage else ""
    sys.stderr.write(CLEAR + told)
    sys.stderr.flush()


def _report(args: Namespace) -> int:
    # opened first: an examination takes too long to be lost to a misspelt folder
    kept = None if args.report == TERMINAL else OutputFile(args.report, "--report")
    try:
        return _reported(args, kept)
    finally:
        if kept is not None:
            kept.discard()


def _reported(args: Namespace, kept: Optional[OutputFile]) -> int:
    seconds = REPORT_REST_S if args.seconds is None else args.seconds
    found = doctor_report.make(
        args.power,
        args.fake_power,
        partial(
            health.examine,
            seconds=seconds,
            with_load=False,
            root=conditions.root_of(args.sysfs),
        ),
        health.BURST_S + seconds + GRACE_S,
        args.sysfs,
    )
    told = doctor_report.text(found)
    fault = kept.write(lambda file: file.write(told)) if kept else None
    if fault:
        print("edgejoule: " + fault, file=sys.stderr)
    if args.json:
        print(json.dumps(found, indent=1))
    elif kept is None or fault:
        print(_printable(told), end="")
    else:
        print("written to {}; paste all of it into the issue".format(args.report))
    return 1 if fault else 0


def _printable(told: str) -> str:
    """The text as this terminal can show it: a board's may know only ASCII."""
    encoding = sys.stdout.encoding or "ascii"
    return told.encode(encoding, "backslashreplace").decode(encoding)


def _json(found: List[health.Check], info: DeviceInfo) -> str:
    return json.dumps(
        {
            "verdict": health.verdict(found),
            "info": info._asdict(),
            "checks": [check._asdict() for check in found],
        },
        indent=1,
    )


def _print(found: List[health.Check]) -> None:
    for check in found:
        print("{} {:16} {}".format(MARKS[check.verdict], check.name, check.found))
        if check.mend and check.verdict != "ok":
            print("{:23} mend: {}".format("", check.mend))
    print(health.SENTENCES[health.verdict(found)])
