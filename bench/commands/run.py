"""Runs a suite: every case in a fresh process; what is done is skipped, what broke goes on.

Interrupt it whenever you like: the same command goes on where it stopped. When it has ended,
`edgejoule report SUITE` makes the page and the tables.

What several cases train alike (the dense network of a seed, a search) is trained and measured
once, by the first of them; the others take it over bit by bit, and their records say from which
case. Every case still counts it whole. It lies in .phases in the runs folder, which can be deleted
when no run is going on. Nights and comparisons share nothing, nor does a run with --no-share.
"""

import argparse
import json
import sys
from pathlib import Path

from edgejoule.bench import bundle, device_lock, runner, settings, side_by_side, suite
from edgejoule.bench.estimates import expectations
from edgejoule.bench.pool import Pool
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
        help="first seed and {} epochs only; what methods count in epochs is cut to fit".format(
            suite.QUICK_EPOCHS
        ),
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the plan with its estimated FLOPs, hours and joules, and the rows of papers' "
        "tables that it fills; run nothing",
    )
    parser.add_argument(
        "--yes",
        action="store_true",
        help="run a grid of more than {} cases".format(suite.MOST_CASES),
    )
    parser.add_argument(
        "--no-share",
        action="store_true",
        help="train and measure every phase anew, also one that several cases have in common",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="run N cases side by side, where nothing measures them or each has a GPU of its own; "
        "their seconds and joules are marked and compared with no other's [1]",
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
    most = None if args.yes else suite.MOST_CASES
    asked = suite.read(args.suite, overrides, args.sweeps, args.quick, most)
    places = side_by_side.places(asked, args.jobs)
    if args.dry_run:
        return _print_plan(asked, args)
    bundle.folder(args.runs, asked.name)  # what is in its way is told before anything else
    with settings.remembered():
        expected = expectations.read(asked, Path(args.runs))
    if any(expected.left):
        tell(expectations.sentence(asked, expected, args.jobs))
    measures = {(case.measure["power"], case.measure["fake_power"]) for case in asked.cases}
    try:
        with device_lock.real(measures, "a run of suite {}".format(asked.name)):
            tally = runner.run(
                asked,
                args.runs,
                tell,
                expected=expected.seconds(),
                pool=Pool(places),
                share=not args.no_share,
            )
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
    from edgejoule.bench.estimates import plan_table  # torch, for those who ask for FLOPs alone

    runs = Path(args.runs)
    published = getattr(args, "published", None)  # lent by the command line
    with settings.remembered():
        if args.json:
            plan = plan_table.document(asked, runs, not args.no_share, published)
            print(json.dumps(plan))
            return 0
        for line in plan_table.lines(asked, runs, args.jobs, not args.no_share, published):
            print(line, flush=True)
    return 0
