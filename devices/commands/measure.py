"""Joules of any command, as in: edgejoule measure -- python3 train.py.

The command's exit code is passed on (128 + N if signal N ended it, 127 if there is no such
command, 126 if it may not be executed); the reading goes to standard error, so that the command's
own output stays what it was. With -n the command runs several times: mean, spread and a 95 %
interval of joules, seconds and watts. Ctrl-C ends a series and keeps the runs that were finished.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from typing import Any, Dict, List, Optional

from edgejoule.devices import child_process, choose, conditions, idle, options
from edgejoule.devices.child_process import Launcher
from edgejoule.devices.idle import Baseline
from edgejoule.devices.measuring import measured_runs, measured_summary, measured_text, series_text
from edgejoule.devices.measuring.measured_runs import Plan, Run, Series
from edgejoule.devices.measuring.measured_timeline import Timeline
from edgejoule.devices.meter import Meter
from edgejoule.devices.output_file import OutputFile


def arguments(parser: ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--power", default="auto", metavar="NAME", help="the sensor to read")
    parser.add_argument("--fake-power", metavar="TRACE_OR_WATTS", help="play this instead")
    parser.add_argument(
        "--sysfs", metavar="ROOT", help="look for sensors under ROOT, where /sys is mounted"
    )
    parser.add_argument(
        "--idle",
        type=options.amount,
        default=0.0,
        metavar="S",
        help="measure the machine at rest for S seconds first",
    )
    _repetition(parser)
    parser.add_argument(
        "--trace",
        metavar="FILE",
        help="save power over time there: opens in ui.perfetto.dev, plays with --fake-power",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON document on stdout; the command's own goes to stderr",
    )
    parser.add_argument("words", nargs="...", metavar="-- COMMAND ...")


def _repetition(parser: ArgumentParser) -> None:
    """How often the command runs."""
    parser.add_argument(
        "-n",
        "--repeat",
        type=options.count(1),
        metavar="N",
        help="run it N times; mean, spread and 95 %% interval",
    )
    parser.add_argument(
        "--warmup",
        type=options.count(0),
        default=0,
        metavar="K",
        help="run it K times before, which do not count",
    )
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="a run that fails counts as the others, and does not end the series",
    )


def run(args: Namespace) -> int:
    """Exit code: that of the command; of a series, that of the first run that failed."""
    plan = _plan(args)
    refused = child_process.refusal(plan.words[0])  # before anything that takes its time
    if refused is not None:
        _tell(refused.sentence)
        return refused.code
    output = OutputFile(args.trace, "--trace") if args.trace else None
    try:
        return _measured(args, plan, output)
    finally:
        if output is not None:
            output.discard()


def _plan(args: Namespace) -> Plan:
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise ValueError(
            "measure: asked for no command; write it after two dashes: "
            "edgejoule measure -- python3 train.py"
        )
    return Plan(words, args.warmup, args.repeat or 1, args.keep_going)


def _measured(args: Namespace, plan: Plan, output: Optional[OutputFile]) -> int:
    """The exit code, once all was measured, saved and said."""
    device = choose.open(args.power, fake_power=args.fake_power, sysfs=args.sysfs)
    try:
        with Meter(device) as meter:
            root = conditions.root_of(args.sysfs)
            begun_s, celsius = meter.clock.now(), measured_runs.hottest()
            rest = meter.idle(args.idle) if args.idle else None
            before = conditions.snapshot(root)
            found = _series(meter, plan, args)
            document = _document(meter, found, rest, before, args)
            timeline = Timeline(meter, found.runs, rest, begun_s, celsius) if output else None
    finally:
        device.close()
    if output is not None and timeline is not None:
        document["warnings"] += timeline.save(output, " ".join(plan.words))
    _print(document, found, args)
    return _exit_code(found, args)


def _series(meter: Meter, plan: Plan, args: Namespace) -> Series:
    """Every run, each told as it ends where there are several."""

    def tell(run: Run, before: List[Run]) -> None:
        if _is_series(args):
            _tell(series_text.line(run, before, plan, with_eta=sys.stderr.isatty()))

    with Launcher() as launcher:
        return measured_runs.series(meter, launcher, plan, sys.stderr if args.json else None, tell)


def _is_series(args: Namespace) -> bool:
    return args.repeat is not None or args.warmup > 0


def _exit_code(found: Series, args: Namespace) -> int:
    """Of one command its own code, though it was told to end; else the series knows."""
    if found.runs and not _is_series(args):
        return found.runs[0].exit_code
    return found.exit_code()


def _document(
    meter: Meter,
    found: Series,
    rest: Optional[Baseline],
    before: Dict[str, Any],
    args: Namespace,
) -> Dict[str, Any]:
    """All that is known, as plain JSON."""
    head = {"command": args.words[args.words[:1] == ["--"] :], "exit_code": _exit_code(found, args)}
    runs = [_account(run, rest, meter) for run in found.runs]
    if _is_series(args):
        summary = measured_summary.summary(found.counted, rest, meter.info, meter.minimum_seconds())
        head.update(runs=runs, summary=summary)
    elif runs:
        head.update(reading=runs[0]["reading"], shares=runs[0]["shares"])
    return dict(
        head,
        asked={"idle_seconds": args.idle, "repeat": args.repeat or 1, "warmup": args.warmup},
        idle=rest._asdict() if rest else None,
        device=meter.info._asdict(),
        minimum_seconds=meter.minimum_seconds(),
        cost=meter.cost(),
        warnings=meter.warnings(),
        before=before,
        after=conditions.snapshot(conditions.root_of(args.sysfs)),
    )


def _account(run: Run, rest: Optional[Baseline], meter: Meter) -> Dict[str, Any]:
    """One run as plain JSON."""
    split = idle.shares(run.reading, rest, meter.info)
    return {
        "name": run.name,
        "exit_code": run.exit_code,
        "counted": run.why_not is None,
        "why_not": run.why_not,
        "reading": run.reading._asdict(),
        "shares": split._asdict() if split else None,
        "celsius": run.celsius,
    }


def _print(document: Dict[str, Any], found: Series, args: Namespace) -> None:
    """The document on standard output, or lines on standard error."""
    if found.refusal is not None:
        _tell(found.refusal.sentence)
    elif found.stopped is not None and not found.runs:
        _tell("stopped before the command began")
    if args.json:
        print(json.dumps(document, indent=1))
    elif _is_series(args):
        _tell(*series_text.lines(document))
    elif found.runs:
        _tell(*measured_text.single(document))


def _tell(*lines: str) -> None:
    for line in lines:
        print("edgejoule: " + line, file=sys.stderr)
    sys.stderr.flush()
