"""One run: what was asked, what each phase cost, the ticket, and what to beware of.

RUN is a bundle's folder, or as much of its case id as makes it the only one under --runs.
--openmetrics FILE writes its joules, seconds and FLOPs per epoch and phase for Prometheus, whole
or not at all: with a FILE that ends in .prom in the folder that node_exporter's textfile
collector reads.
"""

import argparse
from pathlib import Path
from typing import Dict, Iterator

from edgejoule.bench import bundle, records, rounding, run_metrics, run_timeline
from edgejoule.bench.stderr import tell
from edgejoule.devices.exports import openmetrics
from edgejoule.devices.output_file import OutputFile

STDOUT = "-"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `edgejoule show` takes."""
    parser.add_argument("run", metavar="RUN", help="a bundle's folder, or part of a case id")
    parser.add_argument("--runs", default="runs", help="folder of run bundles [runs]")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the whole record as JSON")
    form.add_argument(
        "--openmetrics",
        nargs="?",
        const=STDOUT,
        metavar="FILE",
        help="epochs and phases as metrics, to a file or (without FILE) to standard output",
    )
    parser.add_argument(
        "--perfetto",
        metavar="FILE",
        help="also write power, phases and epochs there, for ui.perfetto.dev",
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0; a run that is not there is a ValueError."""
    folder = _find(args.run, Path(args.runs))
    record = bundle.check(folder)
    if args.perfetto:
        _draw(folder, record, args.perfetto)
    if args.openmetrics is not None:
        _write(openmetrics.openmetrics(run_metrics.families(record)), args.openmetrics)
    else:
        print(records.to_json(record).rstrip("\n") if args.json else "\n".join(_lines(record)))
    return 0


def _write(text: str, path: str) -> None:
    """To standard output, or to a file that is whole whenever somebody looks."""
    if path == STDOUT:
        print(text, end="")
        return
    try:
        bundle.write_text(Path(path), text)
    except OSError as error:
        raise ValueError(
            "show: cannot write the metrics to {!r}: {}; name a file in a folder that is there "
            "and may be written to".format(path, error.strerror)
        ) from None


def _draw(folder: Path, record: records.RunRecord, path: str) -> None:
    """Writes the run's timeline, and says what it lacks."""
    output = OutputFile(path, "--perfetto")
    try:
        for sentence in run_timeline.save(folder, record, output):
            tell("edgejoule: " + sentence)
    finally:
        output.discard()
    tell("edgejoule: {}: open it at https://ui.perfetto.dev".format(path))


def _find(name: str, runs: Path) -> Path:
    """The one bundle that is meant."""
    if (Path(name) / bundle.RECORD).is_file():
        return Path(name)
    folders = [path for path in sorted(runs.iterdir()) if path.is_dir()] if runs.is_dir() else []
    found = [path for folder in folders for path in bundle.scan(folder) if name in path.name]
    if len(found) != 1:
        raise ValueError(
            "{} runs under {} have {!r} in their name{}; `edgejoule list runs` "
            "shows the suites".format(
                len(found) or "no",
                runs,
                name,
                ": " + ", ".join(path.name for path in found[:6]) if found else "",
            )
        )
    return found[0]


def _lines(record: records.RunRecord) -> Iterator[str]:
    """A run as text, line by line."""
    yield "{}  ({}, finished {})".format(record.case_id, record.label, record.finished_utc)
    yield "device    {}".format(_device(record.device))
    for section, table in record.case.items():
        yield "{:9} {}".format(section, ", ".join("{}={}".format(*p) for p in table.items()))
    yield "size      {} -> {} parameters, {} -> {} forward MACs".format(
        record.dense["params"],
        record.final["params"],
        record.dense["forward_macs"],
        record.final["forward_macs"],
    )
    yield "accuracy  {}%".format(rounding.percent(record.accuracy, 2))
    for phase in record.phases:
        yield "{:9} {} epochs, {:.2f} s, {}, {}".format(
            phase["name"], phase["epochs"], phase["seconds"], _joules(phase), _flops(phase)
        )
    if record.ticket:
        yield "ticket    {}".format(_ticket(record.ticket))
    yield from ("beware    " + warning for warning in record.warnings)


def _device(device: Dict) -> str:
    fake = " FAKE POWER: {}".format(device["fake"]) if device.get("fake") else ""
    reason = ": " + device["reason"] if device.get("reason") else ""
    rail = ", rail {}".format(device["rail"]) if device["rail"] else ""
    return "{} ({}){}{}{}".format(device["name"], device["adapter"], rail, fake, reason)


def _joules(phase: Dict) -> str:
    return "joules not measured" if phase["joules"] is None else "{:.4g} J".format(phase["joules"])


def _ticket(ticket: Dict) -> str:
    distances = ", ".join("-" if d is None else "{:.3f}".format(d) for d in ticket["distances"])
    drawn = "drawn after epoch {}".format(ticket["epoch"]) if ticket["epoch"] else "none drawn"
    return "{} by {} at {}; distances {}".format(
        drawn, ticket["detector"], ticket["threshold"], distances
    )


def _flops(phase: Dict) -> str:
    return ", ".join(
        "{} {}".format(name, "undefined" if value is None else "{:.4g} FLOPs".format(value))
        for name, value in phase["flops"].items()
    )
