"""One night of a suite: is the machine fit, is it cool; run, gate, confirm, report, tidy up.

Start it every night; deploy/ has a systemd timer and a cron line. Killed or cut from power at
any moment, the next start finishes the night once: what is measured is not measured again, what
was interrupted is measured from its start, nothing is counted twice.

stages:
  doctor   unfit (no sensor, a stranger on the GPU): the night is INVALID and nothing is run
  cool     waits until the hottest zone is at --cool-to, or within 5 C of the coolest it was
           seen at before, and drifts less than 1 C/min; after --max-wait it is INVALID
  run      every case in a fresh process; a case that was interrupted twice is given up
  gate     compares with the nights before; a step in a series is a suspect
  confirm  races the code before the step against the code after it, interleaved
  report   the suite's page and the pages of the history
  prune    removes old power traces

traces are kept of the last 28 nights (--keep-traces), then of the first night of every month,
and always of blessed and invalid nights and of the nights on both sides of a step; records are
never removed

exit codes: 0 PASS, 1 FAIL, 3 INCONCLUSIVE or INVALID, 4 the request was not understood,
75 another process holds the device
"""

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List

from edgejoule.bench import device_lock, stderr
from edgejoule.bench.nights import cooling, night, night_work, trace_keeping


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `edgejoule nightly` takes."""
    parser.add_argument(
        "suite",
        nargs="?",
        metavar="SUITE",
        help="a name of `edgejoule list suites`, or a .toml file",
    )
    parser.add_argument("--history", default="history", help="folder of all nights [history]")
    parser.add_argument("--device", metavar="NAME", help="the power sensor, as in measure.power")
    parser.add_argument(
        "--fake-power",
        metavar="TRACE_OR_WATTS",
        help="play this in place of a sensor; labelled as such in every output",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="a.b=c",
        dest="overrides",
        help="override a setting everywhere it is known: train.epochs=3",
    )
    parser.add_argument("--night", metavar="DATE", help="the night's name [today]")
    parser.add_argument(
        "--again", action="store_true", help="if tonight is done already, do a second one"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="only finish what was begun; exit 0 if there is nothing",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    _conditions(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _conditions(parser: argparse.ArgumentParser) -> None:
    """What a night waits for, tries and keeps."""
    parser.add_argument(
        "--no-confirm",
        action="store_true",
        help="leave suspects as they are: no A/B of two commits",
    )
    parser.add_argument(
        "--keep-traces",
        type=whole,
        default=trace_keeping.KEEP,
        metavar="N",
        help="nights whose power traces are all kept [%(default)s]",
    )
    parser.add_argument(
        "--cool-to",
        type=amount,
        default=cooling.COOL_C,
        metavar="C",
        help="degrees that are cool enough [%(default)s]",
    )
    parser.add_argument(
        "--max-wait",
        type=amount,
        default=30.0,
        metavar="MIN",
        help="minutes to wait for that [%(default)s]",
    )
    parser.add_argument(
        "--doctor-seconds",
        type=amount,
        default=20.0,
        metavar="S",
        help="how long a real sensor is watched at rest; 0: only quick checks [%(default)s]",
    )


def whole(text: str) -> int:
    """A whole number from 0.

    Raises:
        ValueError: the text is none; argparse makes a sentence of it.
    """
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def amount(text: str) -> float:
    """A number from 0 that ends somewhere: degrees, minutes, seconds.

    Raises:
        ValueError: the text is none; argparse makes a sentence of it.
    """
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError(text)
    return number


def run(args: argparse.Namespace) -> int:
    """Exit code of the worst night that this call finished."""
    if Path(args.history).exists() and not Path(args.history).is_dir():
        raise ValueError(
            "--history {}: a file; it takes the folder that nights are kept in".format(args.history)
        )
    try:
        if args.resume:
            documents = night_work.finish_all(args.history, args.suite, stderr.tell)
        elif not args.suite:
            raise ValueError(
                "which suite? edgejoule nightly SUITE; 'edgejoule list suites' names them"
            )
        elif args.dry_run:
            return _plan(args)
        else:
            documents = night_work.tonight(
                args.history, options(args), args.night, args.again, stderr.tell
            )
    except device_lock.Busy as error:
        stderr.tell("edgejoule: {}".format(error))
        return device_lock.BUSY
    _print(documents, args)
    return _exit_code(documents)


def options(args: argparse.Namespace) -> Dict[str, Any]:
    """What a night must remember to be finished as it was begun."""
    more = [("measure.power", args.device), ("measure.fake_power", args.fake_power)]
    overrides = args.overrides + [
        "{}={}".format(key, json.dumps(value)) for key, value in more if value
    ]
    # absolute: whoever finishes the night may start in another folder
    name = str(Path(args.suite).resolve()) if Path(args.suite).is_file() else args.suite
    return {
        "suite": name,
        "overrides": overrides,
        "confirm": not args.no_confirm,
        "keep_traces": args.keep_traces,
        "cool_to": args.cool_to,
        "max_wait": args.max_wait,
        "doctor_seconds": args.doctor_seconds,
    }


def _exit_code(documents: List[Dict]) -> int:
    """That of the worst night; a FAIL is worse than what could not be judged."""
    codes = [night.EXIT.get(each["verdict"], 3) for each in documents]
    return 1 if 1 in codes else max(codes, default=0)


def _print(documents: List[Dict], args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps({"exit_code": _exit_code(documents), "nights": documents}, indent=1))
        return
    if not documents:
        print("no night was left unfinished in {}".format(args.history))
    for each in documents:
        print("\n".join(lines(each)))


def lines(document: Dict) -> List[str]:
    """A finished night in lines: its verdict, its findings, its notes."""
    fake = " (fake power: {})".format(document["fake"]) if document["fake"] else ""
    first = "night {} of suite {} on {}{}: {}".format(
        document["night"], document["suite"], document["device"], fake, document["verdict"]
    )
    found = [
        "- {}".format(finding.get("sentence") or finding.get("label"))
        for finding in document["findings"]
    ]
    return [first] + found + ["- {}".format(note) for note in document["notes"]]


def _plan(args: argparse.Namespace) -> int:
    """Prints what would be done; exit code 0."""
    plan = night_work.plan(args.history, options(args), args.night, args.again)
    if args.json:
        print(json.dumps(plan, indent=1))
        return 0
    print("device {}, night {}: {}".format(plan["device"], plan["night"], plan["then"]))
    for name in plan["unfinished"]:
        print("first the night {} is finished, which was interrupted".format(name))
    for case_id in plan["cases"]:
        print("  {}".format(case_id))
    print(
        "{} of {} earlier nights would lose their power traces".format(
            len(plan["prunable"]), plan["nights"]
        )
    )
    return 0
