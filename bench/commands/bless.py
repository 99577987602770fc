"""Makes a night the baseline of its suite: what later nights must not be dearer than.

  edgejoule bless quick --why "first good week"           the last night
  edgejoule bless quick --night 2026-11-21 --why "slower, but exact"
  edgejoule bless quick --commit 4f0c2a1 --why "release 1.2"
  edgejoule bless --list
  edgejoule bless quick --undo

A baseline is never simply the latest night. A drift away from it raises an alarm every night until
it is mended, or blessed in its turn. Writes history/<device>/blessed.json.
"""

import argparse
import json
from typing import Dict, Optional

from edgejoule.bench.gates import blessing, places
from edgejoule.bench.history import store


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `edgejoule bless` takes."""
    parser.add_argument("suite", nargs="?", help="the suite; not needed if there is but one")
    parser.add_argument("--history", default="history", help="folder of the nights [history]")
    parser.add_argument("--device", help="the device; not needed if there is but one")
    parser.add_argument("--night", metavar="DATE", help="the night to bless [the last]")
    parser.add_argument("--commit", metavar="SHA", help="bless the last night of this commit")
    parser.add_argument("--why", default="", metavar="TEXT", help="the reason; it is recorded")
    parser.add_argument("--by", metavar="NAME", help="who blesses [git's user.name]")
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="even a night that is invalid, not ended or of fake power",
    )
    parser.add_argument("--list", action="store_true", help="print what is blessed")
    parser.add_argument(
        "--undo",
        action="store_true",
        help="take the last blessing back; the one before holds again",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    """Exit code 0; what cannot be blessed is a ValueError."""
    if args.list:
        return _list(args)
    device, suite = places.choose(args.history, args.device, args.suite)
    _print(
        args,
        device,
        suite,
        blessing.undo(args.history, device, suite)
        if args.undo
        else _bless(args, _night(args, device, suite)),
    )
    return 0


def _bless(args: argparse.Namespace, night: store.Night) -> Dict:
    """The blessing of a night that may be blessed."""
    objections = blessing.objections(args.history, night)
    if objections and not args.anyway:
        raise ValueError(
            "night {} is not blessed: {}; --anyway does it all the same".format(
                night.night, "; ".join(objections)
            )
        )
    commit = (night.document or {}).get("commit") or _commit(args.history, night)
    return blessing.bless(args.history, night, commit, args.why, args.by or blessing.person())


def _night(args: argparse.Namespace, device: str, suite: str) -> store.Night:
    """The night that is meant: of a date, of a commit, or the last."""
    nights = store.nights(args.history, device, suite)
    if args.commit:  # a short hash will do
        nights = [
            night
            for night in nights
            if (_commit(args.history, night) or "").startswith(args.commit)
        ]
    if args.night:
        nights = [night for night in nights if night.night == args.night]
    if not nights:
        raise ValueError(
            "suite {} on {} has no night {}; 'edgejoule history' shows them".format(
                suite, device, args.night or "of commit " + args.commit
            )
        )
    return nights[-1]


def _commit(folder: store.Folder, night: store.Night) -> Optional[str]:
    """The one commit that a night measured; None if its runs disagree."""
    commits = {
        row.commit
        for row in store.rows(folder, night.device, night.suite)
        if row.night == night.night
    }
    return commits.pop() if len(commits) == 1 else None


def _list(args: argparse.Namespace) -> int:
    """Prints what is blessed; exit code 0."""
    devices = (
        [args.device]
        if args.device
        else sorted({night.device for night in store.nights(args.history)})
    )
    found = {device: blessing.read(args.history, device) for device in devices}
    if args.json:
        print(json.dumps(found, indent=1))
        return 0
    rows = [
        (device, suite, each)
        for device, suites in found.items()
        for suite, each in sorted(suites.items())
        if args.suite in (None, suite)
    ]
    for device, suite, each in rows:
        print("{} {}: {}".format(device, suite, _sentence(each)))
    if not rows:
        print("nothing is blessed in {}".format(args.history))
    return 0


def _print(args: argparse.Namespace, device: str, suite: str, each: Optional[Dict]) -> None:
    if args.json:
        print(json.dumps({"device": device, "suite": suite, "blessed": each}))
        return
    print(
        "suite {} on {}: {}".format(
            suite, device, _sentence(each) if each else "nothing is blessed any more"
        )
    )


def _sentence(each: Dict) -> str:
    """A blessing in words."""
    return "night {} (commit {}) is the baseline, says {} on {}: {}".format(
        each["night"],
        (each.get("commit") or "unknown")[:9],
        each.get("by"),
        (each.get("when_utc") or "")[:10],
        each.get("why"),
    )
