"""Is last night red? Its numbers against the nights before it and against the blessed night.

  edgejoule gate quick                     the last night of suite quick
  edgejoule gate quick --confirm           and A/B the two commits of every suspect
  edgejoule gate --thresholds              what decides, after defaults and edgejoule.toml
  edgejoule gate --simulate                false alarms and power of this very gate

A rise that raises an alarm is a suspect, and red; `edgejoule nightly` compares the code before and
after it by itself. A night that lacks a method or a sensor of the night before, and a night without
a past, never pass. docs/concepts/gates.md explains how a number becomes red.
"""

import argparse
import json

from edgejoule.bench import device_lock, stderr
from edgejoule.bench.gates import (
    comparison,
    confirm,
    findings,
    judgement,
    limits,
    places,
    simulate,
)
from edgejoule.bench.history import store
from edgejoule.bench.nights import suspects


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `edgejoule gate` takes."""
    parser.add_argument("suite", nargs="?", help="the suite; not needed if there is but one")
    parser.add_argument("--history", default="history", help="folder of the nights [history]")
    parser.add_argument("--device", help="the device; not needed if there is but one")
    parser.add_argument("--night", metavar="DATE", help="the night to judge [the last]")
    parser.add_argument(
        "--confirm",
        action="store_true",
        help="try every suspect by pairs of runs of the two commits, here and now",
    )
    parser.add_argument("--pairs", type=int, metavar="N", help="pairs of --confirm")
    parser.add_argument(
        "--thresholds",
        nargs="?",
        const="",
        metavar="FILE",
        help="alone: print what is in force; with a file: read it instead",
    )
    parser.add_argument(
        "--simulate",
        action="store_true",
        help="print how many false alarms this gate raises and what it finds",
    )
    parser.add_argument(
        "--trials",
        type=int,
        default=simulate.TRIALS,
        metavar="N",
        help="series and comparisons per line of --simulate [{}]".format(simulate.TRIALS),
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 PASS, 1 FAIL, 3 INCONCLUSIVE or INVALID, 75 somebody holds the device."""
    if args.simulate:
        return _simulate(args)
    thresholds = limits.read(args.thresholds or None, args.suite)
    if args.thresholds == "":
        print(
            json.dumps(thresholds._asdict()) if args.json else "\n".join(limits.lines(thresholds))
        )
        return 0
    device, suite = places.choose(args.history, args.device, args.suite)
    # again, now that the suite is known: it may have thresholds of its own
    thresholds = limits.read(args.thresholds or None, suite)
    judged = judgement.judge(args.history, device, suite, args.night, thresholds)
    nights = store.nights(args.history, device, suite)
    night = [each for each in nights if args.night in (None, each.night)][-1]
    if args.confirm:
        try:  # pairs are real runs: nothing else may draw power meanwhile
            with device_lock.hold(device, "the suspects of night {}".format(night.night)):
                by = confirm.Execution(args.pairs)
                judged = suspects.tried(judged, args.history, night, by)
        except device_lock.Busy as error:
            stderr.tell("edgejoule: {}".format(error))
            return device_lock.BUSY
    _print(args, judged, night)
    return comparison.EXIT[judged.verdict]


def _print(args: argparse.Namespace, judged: judgement.Judgement, night: store.Night) -> None:
    place = {"device": night.device, "suite": night.suite, "night": night.night}
    if args.json:
        document = dict(judged._asdict(), findings=[each._asdict() for each in judged.findings])
        print(json.dumps(dict(document, **place), indent=1))
        return
    print("night {night} of suite {suite} on {device}: {0}".format(judged.verdict, **place))
    print("{} series compared{}".format(judged.compared, ":" if judged.findings else ""))
    for line in ["  {}".format(_finding(each)) for each in judged.findings] + judged.notes:
        print(line)


def _finding(finding: findings.Finding) -> str:
    """A finding as a line: its kind, what a comparison of the code said, its sentence."""
    state = {
        True: ", confirmed",
        False: ", dismissed by an A/B of the two commits",
        None: ", suspect: --confirm tries it",
    }[finding.confirmed]
    return "{}{}: {}".format(
        finding.kind, state if finding.kind == "regression" else "", finding.sentence
    )


def _simulate(args: argparse.Namespace) -> int:
    """Exit code 0 if the gate keeps its promises, 1 if not."""
    if args.trials < 1:
        raise ValueError("--trials {}; it must be a whole number from 1".format(args.trials))
    lines = simulate.table(args.trials, limits.read(args.thresholds or None, args.suite))
    if args.json:
        print(json.dumps({"trials": args.trials, "lines": [each._asdict() for each in lines]}))
    else:
        print("\n".join(simulate.text(lines)))
    return 0 if all(each.kept for each in lines) else 1
