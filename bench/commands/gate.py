"""Is last night red? Its numbers against the nights before it and against the blessed night.

  edgejoule gate quick                     the last night of suite quick
  edgejoule gate quick --confirm           and A/B the two commits of every suspect
  edgejoule gate --thresholds              what decides, after defaults and edgejoule.toml
  edgejoule gate --simulate                false alarms and power of this very gate

A rise that rings is a suspect, and red; `edgejoule nightly` tries it by itself. A hole (a method
or a sensor that was there yesterday) and a night without a past are never green.
docs/concepts/gates.md explains how a number becomes red.
"""

import json
import sys

from edgejoule.bench import device_lock
from edgejoule.bench.gates import comparison, judgement, limits, places, simulate
from edgejoule.bench.history import store
from edgejoule.bench.nights import suspects


def arguments(parser):
    """What `edgejoule gate` takes."""
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
        help="print how often this gate rings falsely and what it finds",
    )
    parser.add_argument(
        "--trials",
        type=int,
        default=simulate.TRIALS,
        metavar="N",
        help="series and comparisons per line of --simulate [{}]".format(simulate.TRIALS),
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args) -> int:
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
    thresholds = limits.read(args.thresholds or None, suite)
    judged = judgement.judge(args.history, device, suite, args.night, thresholds)
    night = args.night or store.nights(args.history, device, suite)[-1].night
    if args.confirm:
        try:
            with device_lock.hold(device, "the suspects of night {}".format(night)):
                judged = suspects.tried(judged, args.history, device, suite, night, args.pairs)
        except device_lock.Busy as error:
            print("edgejoule: {}".format(error), file=sys.stderr)
            return device_lock.BUSY
    _told(args, judged, device, suite, night)
    return comparison.EXIT[judged.verdict]


def _told(args, judged, device: str, suite: str, night: str) -> None:
    if args.json:
        document = dict(judged._asdict(), findings=[each._asdict() for each in judged.findings])
        print(json.dumps(dict(document, device=device, suite=suite, night=night), indent=1))
        return
    print(
        "night {} of suite {} on {}: {}\n{} series compared{}".format(
            night, suite, device, judged.verdict, judged.compared, ":" if judged.findings else ""
        )
    )
    for line in ["  {}".format(_words(each)) for each in judged.findings] + judged.notes:
        print(line)


def _words(finding) -> str:
    state = {
        True: ", confirmed",
        False: ", dismissed by an A/B of the two commits",
        None: ", suspect: --confirm tries it",
    }[finding.confirmed]
    return "{}{}: {}".format(
        finding.kind, state if finding.kind == "regression" else "", finding.sentence
    )


def _simulate(args) -> int:
    """Exit code 0 if the gate keeps its promises, 1 if not."""
    if args.trials < 1:
        raise ValueError("--trials {}; it must be a whole number from 1".format(args.trials))
    lines = simulate.table(args.trials, limits.read(args.thresholds or None, args.suite))
    if args.json:
        print(json.dumps({"trials": args.trials, "lines": [each._asdict() for each in lines]}))
    else:
        print("\n".join(simulate.words(lines)))
    return 0 if all(each.kept for each in lines) else 1
