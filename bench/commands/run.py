"""Runs a suite: every case in a fresh process; what is done is skipped, what broke goes on.

Interrupt it whenever you like: the same command goes on where it stopped. When it has ended,
`edgejoule report SUITE` makes the page and the tables.
"""

import argparse
import json
import sys

from edgejoule.bench import device_lock, runner, suite
from edgejoule.bench.stderr import tell


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `edgejoule run` takes."""
    parser.add_argument("suite", help="a name of `edgejoule list suites`, or a .toml file")
    parser.add_argument("--runs", default="runs", help="folder of run bundles [runs]")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="a.b=c",
        dest="overrides",
        help="override a setting everywhere it is known: train.epochs=3",
    )
    parser.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="a.b=x,y",
        dest="sweeps",
        help="make a setting an axis: prune.ratio=0.3,0.5",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="first seed and {} epochs only".format(suite.QUICK_EPOCHS),
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and its estimated FLOPs, run nothing"
    )
    parser.add_argument(
        "--fake-power",
        metavar="TRACE_OR_WATTS",
        help="play a saved trace, or constant watts, in place of a sensor; "
        "labelled as such in every output",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 all done, 1 some failed, 4 cannot be done as asked, 75 the device is held."""
    overrides = list(args.overrides)
    if args.fake_power:
        # as a setting, so that the record of every run says that its power is not real
        overrides.append("measure.fake_power={}".format(json.dumps(args.fake_power)))
    asked = suite.read(args.suite, overrides, args.sweeps, args.quick)
    if args.dry_run:
        return _print_plan(asked, args)
    measures = {(case.measure["power"], case.measure["fake_power"]) for case in asked.cases}
    try:
        with device_lock.real(measures, "a run of suite {}".format(asked.name)):
            tally = runner.run(asked, args.runs, tell)
    except device_lock.Busy as error:
        print("edgejoule: {}".format(error), file=sys.stderr)
        return device_lock.BUSY
    _print_tally(asked, tally, args)
    return 4 if tally.refused else 1 if tally.failed else 0


def _print_tally(asked: suite.Suite, tally: runner.Tally, args: argparse.Namespace) -> None:
    if args.json:
        print(
            json.dumps(
                dict(tally._asdict(), suite=asked.name, runs=args.runs, fake_power=args.fake_power)
            )
        )
        return
    fake = " (fake power: {})".format(args.fake_power) if args.fake_power else ""
    counts = [
        (tally.ran, "ran"),
        (tally.skipped, "were done before"),
        (tally.failed, "failed"),
        (tally.refused, "cannot be done as asked"),
    ]
    words = ", ".join("{} {}".format(len(ids), text) for ids, text in counts if ids)
    print("suite {}{}: {} cases: {}".format(asked.name, fake, len(asked.cases), words))


def _print_plan(asked: suite.Suite, args: argparse.Namespace) -> int:
    from edgejoule.bench import plan  # torch is paid for only by those who ask for FLOPs

    if args.json:
        rows = [
            {"case_id": suite.case_id(case), "label": suite.label(case), "estimated_flops": flops}
            for case, flops in plan.estimates(asked.cases)
        ]
        print(json.dumps({"suite": asked.name, "question": asked.question, "cases": rows}))
        return 0
    print(
        "{}\n\n{} cases; estimated training PFLOPs (exact convention, searches to their last "
        "epoch):\n".format(asked.question, len(asked.cases))
    )
    for case, flops in plan.estimates(asked.cases):
        parts = ["{} {:.3g}".format(k, v / 1e15) for k, v in flops.items()]
        print(
            "  {:60} {:>9.3g}  = {}".format(
                suite.case_id(case), sum(flops.values()) / 1e15, " + ".join(parts)
            ),
            flush=True,
        )
    return 0
