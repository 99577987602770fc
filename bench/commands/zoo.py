"""Proves the cut on a zoo of networks: our own small ones, the papers' models, torchvision's.

  edgejoule zoo                              every network, each mode, half of the channels by L2
  edgejoule zoo --thorough --json            30, 50, 70 and 90 %, random and L2
  edgejoule zoo 'shuffle*' c2f_yolo --time 12    and what the cut saves in seconds
  edgejoule zoo --peers                      race against torch-pruning, where it is installed

params and MACs are shares of the dense network's. With --time, forward and train step are the
measured seconds of the cut network over the dense one's: median and 95 % interval of interleaved
pairs. The figures after them compare two cuts to half of the channels by random scores: widths
rounded to the multiple that this device runs best, over widths as they come.
"""

import argparse
import json
import sys
from typing import Any, Dict, List, Mapping, TextIO, Tuple

from edgejoule.bench.zoo import catalogue, rows
from edgejoule.bench.zoo.net import Net

Row = Dict[str, Any]  # of `rows.row`

THOROUGH = rows.Plan(ratios=(0.3, 0.5, 0.7, 0.9), by=("random", "l2"))
COLUMNS = ["network", "groups", "exact", "parity", "params", "MACs", "s", "exports", "remarks"]
HEAD = "{:<22} {:>6} {:>7} {:>8} {:>6} {:>6} {:>6}  {:<28} {}"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `edgejoule zoo` takes."""
    parser.add_argument("patterns", nargs="*", metavar="NET", help="names or patterns [all]")
    parser.add_argument("--kinds", default="own,seeds,families", help="own, seeds, families [all]")
    parser.add_argument("--thorough", action="store_true", help="four ratios, two criteria")
    parser.add_argument("--no-exports", action="store_true", help="write no ONNX, TorchScript, ...")
    parser.add_argument(
        "--time",
        type=int,
        default=0,
        metavar="PAIRS",
        help="measure forward and training step, dense against cut",
    )
    parser.add_argument("--peers", action="store_true", help="race torch-pruning on the families")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the race [3]")
    parser.add_argument("--list", action="store_true", help="names only")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0 if every cut is exact, 1 if one isn't."""
    nets = catalogue.nets(args.kinds.split(","), args.patterns)
    if args.list:
        print("\n".join("{:<9} {}".format(kind, name) for kind, name in nets))
        return 0
    if args.peers:
        return _peers(args, nets)
    plan = (THOROUGH if args.thorough else rows.Plan())._replace(
        exports=not args.no_exports, pairs=args.time
    )
    found: List[Row] = []
    for (kind, name), net in nets.items():
        found.append(rows.row(name, kind, net, plan))
        # row by row, because all of them take minutes; standard output is left to the document
        _print(found, sys.stderr if args.json else sys.stdout)
    if args.json:
        json.dump({"rows": found, "summary": _summary(found)}, sys.stdout, indent=1)
        print()
    else:
        print(
            "\n{networks} networks: {cut} cut, {whole} left whole, {wrong} wrong; {exact} of "
            "{cases} cuts exact, largest difference {parity:.0e}".format(**_summary(found))
        )
    return 1 if any(each["verdict"] == "WRONG" for each in found) else 0


def _summary(found: List[Row]) -> Dict[str, Any]:
    count = {
        verdict: sum(each["verdict"] == verdict for each in found)
        for verdict in ("cut", "whole", "WRONG")
    }
    return {
        "networks": len(found),
        "cut": count["cut"],
        "whole": count["whole"],
        "wrong": count["WRONG"],
        "cases": sum(each["cases"] for each in found),
        "exact": sum(each["exact"] for each in found),
        "parity": max(each["parity"] for each in found),
    }


def _print(found: List[Row], stream: TextIO) -> None:
    """The newest row, under the table's head if it is the first."""
    if len(found) == 1:
        print(HEAD.format(*COLUMNS), file=stream)
    each = found[-1]
    cells = (
        each["name"],
        each.get("groups", "-"),
        "{}/{}".format(each["exact"], each["cases"]),
        "{:.0e}".format(each["parity"]),
        _share(each.get("params")),
        _share(each.get("macs")),
        _share(each.get("seconds")),
        _exports(each),
        _remarks(each),
    )
    print(HEAD.format(*cells), file=stream, flush=True)
    if each.get("times"):
        print("{:<22} {}".format("", _times(each)), file=stream, flush=True)


def _times(each: Row) -> str:
    """Measured seconds beside the MACs they are to be compared with."""
    found, rounded = each["times"], each["times"]["rounded"]
    cells = [
        "{} {ratio:.2f} [{low:.2f}, {high:.2f}]".format(name.replace("_", " "), **times[name])
        for times in (found, rounded)
        for name in ("forward", "train_step")
    ]
    return "MACs {:.2f}: {}, {}; widths x{}: MACs {:.2f}, {}, {}".format(
        each["macs"], cells[0], cells[1], rounded["multiple"], rounded["macs"], *cells[2:]
    )


def _share(value: Any) -> str:
    return "-" if value is None else "{:.2f}".format(value)


def _exports(each: Row) -> str:
    """Formats that hold up, then those that don't."""
    found = each.get("exports", {})
    good = [kind for kind in sorted(found) if found[kind] == "ok"]
    return " ".join(good + ["({})".format(kind) for kind in sorted(found) if found[kind] != "ok"])


def _remarks(each: Row) -> str:
    words = list(each["problems"][:2])
    if each["verdict"] == "whole" and each.get("whole"):
        words.append("{}: {}".format(*each["whole"][0]))
    return "; ".join(words)


def _peers(args: argparse.Namespace, nets: Mapping[Tuple[str, str], Net]) -> int:
    """The race against torch-pruning; its own process per network, memory and time limited."""
    from edgejoule.bench.zoo import peers  # only for those who race

    found: List[Row] = []
    for kind, name in nets:
        if kind == "families":
            found.append(peers.race(name, args.rounds))
            text = peers.line(found[-1], first=len(found) == 1)
            print(text, file=sys.stderr if args.json else sys.stdout, flush=True)
    if args.json:
        json.dump({"rows": found}, sys.stdout, indent=1)
        print()
    return 1 if any(not peers.ahead(each) for each in found) else 0
