"""Derives every stored number again that can be derived, and says what differs.

RUN is a bundle's folder, or as much of its case id as makes it the only one under --runs; SUITE
all bundles of a suite. Derived are: digests of files, joules from the power trace, seconds from
moments, sums, FLOPs, parameters and MACs from model and plan, sparsity from weights, ids and
labels from settings. What nothing can derive is listed. Reads only.

exit codes: 0 everything derived agrees, 1 something differs, 4 there is nothing to verify
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

from tqdm import tqdm

from edgejoule.bench.verify import bundles, suites
from edgejoule.bench.verify.bundles import Verified


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `edgejoule verify` takes."""
    parser.add_argument("what", metavar="RUN|SUITE", help="a bundle, part of a case id, or a suite")
    parser.add_argument("--runs", default="runs", help="folder of run bundles [runs]")
    parser.add_argument(
        "--data",
        nargs="?",
        const="",
        metavar="ROOT",
        help="also test the weights on the data, at ROOT if not where they were",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 all derived numbers agree, 1 something differs."""
    folders = suites.folders(args.what, Path(args.runs))
    bar = tqdm(folders, desc="verify", unit="run", leave=False, disable=not sys.stderr.isatty())
    found = [bundles.verify(each, args.data is not None, args.data or None) for each in bar]
    if (folders[0].parent / "suite.json").is_file():
        found += suites.verify(folders[0].parent, [each for each in folders if len(folders) > 1])
    if args.json:
        print(json.dumps({"runs": [_document(each) for each in found]}, indent=1))
    else:
        print("\n".join(_lines(found)))
    return 1 if any(each.differences for each in found) else 0


def _document(each: Verified) -> Dict[str, Any]:
    return {
        "case_id": each.case_id,
        "agreed": each.agreed,
        "differences": [d._asdict() for d in each.differences],
        "unknown": [u._asdict() for u in each.unknown],
    }


def _lines(found: List[Verified]) -> Iterator[str]:
    """What was found, run by run; then what nothing can derive, each thing once."""
    unknown: Dict[Any, int] = {}
    for each in found:
        differ = len(each.differences)
        yield "{}: {} agree{}".format(
            each.case_id, each.agreed, ", {} DIFFER".format(differ) if differ else ""
        )
        for one in each.differences:
            yield "  {}: stored {}, derived {} ({})".format(*one)
        for thing in each.unknown:
            unknown[thing] = unknown.get(thing, 0) + 1
    if unknown:
        yield "not derived:"
    for thing, count in unknown.items():
        runs = "" if len(found) == 1 else "  [{} of {}]".format(count, len(found))
        yield "  {}: {}{}".format(thing.what, thing.why, runs)
