"""Is B dearer than A? Pairs of runs on one device, turn by turn: A B, B A, A B, ...

  edgejoule compare HEAD~1 HEAD --suite quick        two commits; . is the working tree
  edgejoule compare old.toml new.toml                two suites
  edgejoule compare --suite quick --a prune.criterion=slim --b prune.criterion=l2

Interrupt it whenever you like: the same command goes on with the pairs that are missing. A FAIL
is a rise of joules or seconds that is sure and larger than its floor; INCONCLUSIVE means that
such a rise could not have been seen, not that there is none. docs/concepts/gates.md has the rest.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Dict, Iterator

from edgejoule.bench import device_lock, stderr
from edgejoule.bench.estimates import expectations, forecast
from edgejoule.bench.gates import comparison, confirm, limits, requests, trees


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `edgejoule compare` takes."""
    parser.add_argument("names", nargs="*", metavar="A B", help="two commits or two suites")
    parser.add_argument(
        "--suite",
        help="what is run for two commits or configurations [{}]".format(requests.DEFAULT_SUITE),
    )
    parser.add_argument(
        "--a", action="append", default=[], metavar="a.b=c", help="a setting of side A"
    )
    parser.add_argument(
        "--b", action="append", default=[], metavar="a.b=c", help="a setting of side B"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="a.b=c",
        dest="overrides",
        help="a setting of both sides",
    )
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        metavar="LABEL",
        dest="only",
        help='only this method, such as "slim 0.5"',
    )
    parser.add_argument("--pairs", type=int, metavar="N", help="pairs of runs [[gate] pairs: 8]")
    parser.add_argument(
        "--need-joules", action="store_true", help="without joules there is no PASS (exit 3)"
    )
    parser.add_argument(
        "--runs",
        default=str(confirm.FOLDER),
        help="where the runs are kept [{}]".format(confirm.FOLDER),
    )
    parser.add_argument("--fresh", action="store_true", help="forget earlier pairs, run all again")
    parser.add_argument(
        "--repository",
        default=str(trees.plugins.ROOT),
        metavar="FOLDER",
        help="the git clone that commits come from [this one]",
    )
    parser.add_argument("--fake-power", metavar="TRACE_OR_WATTS", help="in place of a sensor")
    parser.add_argument("--fake-power-a", metavar="TRACE_OR_WATTS", help="the same for A alone")
    parser.add_argument("--fake-power-b", metavar="TRACE_OR_WATTS", help="the same for B alone")
    parser.add_argument("--thresholds", metavar="FILE", help="a TOML with [gate]")
    parser.add_argument("--dry-run", action="store_true", help="print the plan, run nothing")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 PASS, 1 FAIL, 3 INCONCLUSIVE or INVALID, 75 somebody holds the device."""
    request = requests.request(_asked(args))
    thresholds = _thresholds(args)
    if args.dry_run:
        return _plan(request, thresholds, args)
    stderr.tell(_announcement(request, thresholds, args))
    if args.fresh:
        shutil.rmtree(str(confirm.place(request, args.runs)), ignore_errors=True)
    # held for the whole comparison: another run between two sides would disturb their pair
    measures = {
        (case.measure["power"], case.measure["fake_power"])
        for subject in request.subjects
        for side in subject.cases
        for case in side
    }
    try:
        with device_lock.real(measures, "a comparison of {} and {}".format(*request.words)):
            found = confirm.compare(request, thresholds, confirm.Execution(folder=args.runs))
    except device_lock.Busy as error:
        stderr.tell("edgejoule: {}".format(error))
        return device_lock.BUSY
    print(json.dumps(found._asdict(), indent=1) if args.json else "\n".join(lines(found)))
    return comparison.EXIT[found.verdict]


def _announcement(
    request: confirm.Request, thresholds: limits.Thresholds, args: argparse.Namespace
) -> str:
    """How many runs it takes and how long, by earlier runs here."""
    cases = [
        case
        for subject in request.subjects
        for number in range(thresholds.pairs)
        for case in subject.pair(number)
    ]
    known = expectations.forecasts(cases, [Path("runs"), Path(args.runs)])
    return "{} of {}, {} runs: {}".format(
        _plural(thresholds.pairs, "pair"),
        _plural(len(request.subjects), "method"),
        len(cases),
        forecast.sentence(known),
    )


def lines(found: comparison.Comparison) -> Iterator[str]:
    """The comparison as text, line by line."""
    yield "A: {}\nB: {}".format(found.a, found.b)
    if found.fake:
        yield "the power is not real: {}".format(found.fake)
    for subject in found.subjects:
        yield "\n{}: {} ({})".format(
            subject["label"], subject["verdict"], _plural(subject["pairs"], "pair")
        )
        yield from (
            _metric(name, metric)
            for name, metric in subject["metrics"].items()
            if metric["ratio"]["n"]
        )
        if not subject["work"]:
            yield "  FLOPs, parameters and MACs are the same"
        yield from ("  " + note for note in subject["notes"])
    if found.notes:
        yield ""
    yield from found.notes
    yield "\n{} (runs in {})".format(found.verdict, found.folder)


def _metric(name: str, metric: Dict) -> str:
    """A metric as a line: both sides, the change with its interval, what it could have seen."""
    ratio, points = metric["ratio"], name == "accuracy"  # whose "ratio" is a difference
    size = 100 * (ratio["median"] if points else ratio["median"] - 1)
    unit = "points" if points else "%"
    interval = (
        ""
        if ratio["low"] is None
        else "[{:+.1f}, {:+.1f}]".format(
            *(100 * (ratio[end] if points else ratio[end] - 1) for end in ("low", "high"))
        )
    )
    ends = (
        "{:.2%} -> {:.2%}".format(metric["before"], metric["after"])
        if points
        else "{:.4g} -> {:.4g} {}".format(metric["before"], metric["after"], metric["unit"])
    )
    seen = "" if ratio["mde"] is None else "  sees {:.1%}".format(ratio["mde"])
    words = "improved" if metric["improved"] else metric["verdict"]
    return "  {:9} {:24} {:+.1f} {:6} {:16}{:12}  {}".format(
        name, ends, size, unit, interval, seen, words
    )


def _asked(args: argparse.Namespace) -> requests.Asked:
    fakes = (args.fake_power_a or args.fake_power or "", args.fake_power_b or args.fake_power or "")
    return requests.Asked(
        tuple(args.names),
        args.suite,
        args.overrides,
        (args.a, args.b),
        args.only,
        fakes,
        Path(args.repository),
    )


def _thresholds(args: argparse.Namespace) -> limits.Thresholds:
    """The thresholds in force, changed by --pairs and --need-joules."""
    found = limits.read(args.thresholds, args.suite)
    if args.pairs is not None and args.pairs < 1:
        raise ValueError("--pairs {}; it must be a whole number from 1".format(args.pairs))
    # a dict keeps the order and drops what is there twice
    demand = tuple(dict.fromkeys(found.demand + (("joules",) if args.need_joules else ())))
    return found._replace(pairs=args.pairs or found.pairs, demand=demand)


def _plan(request: confirm.Request, thresholds: limits.Thresholds, args: argparse.Namespace) -> int:
    """Prints what would be run; exit code 0."""
    labels, notes = [each.label for each in request.subjects], list(request.notes)
    time = _announcement(request, thresholds, args)
    plan = {
        "a": request.words[0],
        "b": request.words[1],
        "pairs": thresholds.pairs,
        "runs": 2 * thresholds.pairs * len(labels),
        "subjects": labels,
        "folder": str(confirm.place(request, args.runs)),
        "notes": notes,
        "time": time,
    }
    if args.json:
        print(json.dumps(plan))
        return 0
    print(
        "A: {a}\nB: {b}\n{pairs} pairs of each method, {runs} runs, kept in {folder}:".format(
            **plan
        )
    )
    print("\n".join(["  " + label for label in labels] + notes + [time]))
    return 0


def _plural(count: int, noun: str) -> str:
    return "{} {}{}".format(count, noun, "" if count == 1 else "s")
