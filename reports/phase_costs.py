"""The second table: where the cost goes, phase by phase."""

from typing import Any, Dict, Iterator, List, Mapping, Optional

from edgejoule.bench import rounding
from edgejoule.reports import quantity, spread
from edgejoule.reports.frames import SMALL_PART
from edgejoule.reports.gather import Report
from edgejoule.reports.quantity import ENERGY, FLOPS, ONE, TIME, fitting
from edgejoule.reports.results import (
    FLOPS_NOTE,
    energy,
    flops_cell,
    joule_word,
    measured,
    shared,
    title,
)
from edgejoule.reports.tables import Cell, Column, Notes, Row, Table

WHOLE = "whole run"
TIME_WORDS = {"h": "Hours", "s": "Seconds", "ms": "Milliseconds"}


def phases(report: Report, most: Optional[int] = None) -> Table:
    """One row per method and phase, and one for the whole run: FLOPs, seconds, joules, share.

    `most` methods at most, the first ones: a page has less room than a file.
    """
    notes = Notes(
        FLOPS_NOTE[report.convention], "share: of the {} of the whole run".format(report.cost)
    )
    if most is not None and len(report.methods) > most:
        notes = Notes(
            "of the first {} of {} methods; table.md has all".format(most, len(report.methods)),
            *notes.general,
        )
    parts = [
        (method, _parts(report, method)) for method in report.methods[:most].to_dict("records")
    ]
    every = [part for _, each in parts for part in each]
    units = {
        "flops": fitting(_means(every, "flops"), FLOPS),
        "seconds": fitting(_means(every, "seconds"), TIME),
        "joules": fitting(_means(every, "joules_known"), ENERGY),
    }
    label = " ({})".format(report.power.label) if report.power.label else ""
    columns = (
        Column("Method", number=False),
        Column("Phase", number=False),
        Column("Epochs"),
        Column("{}, {}".format(units["flops"].name, report.convention)),
        Column(TIME_WORDS[units["seconds"].name]),
        Column(joule_word(units["joules"]) + label),
        Column("Share (%)"),
    )
    body = [
        row for method, each in parts for row in _phase_rows(report, method, each, units, notes)
    ]
    return Table(title(report, "Phases"), columns, tuple(body), notes.all())


def _means(parts: List[Dict], name: str) -> List[float]:
    return [part[name].mean for part in parts if part[name] is not None]


def _parts(report: Report, method: Mapping[str, Any]) -> List[Dict]:
    """Costs of each phase of a method, in the order they were run; the whole run at the end."""
    runs = [report.parts[case_id].phases for case_id in method["case_ids"]]
    named: Dict[str, List[Dict]] = {}
    for phase in (phase for phases in runs for phase in phases):
        named.setdefault(phase["phase"], []).append(phase)
    parts = []
    for name, members in named.items():
        part: Dict[str, Any] = {
            key: _spread(members, key) for key in ("epochs", "seconds", "joules")
        }
        part["joules_known"] = part["joules"]
        part["flops"] = _spread(members, "flops_" + report.convention)
        for key in ("reasons", "doubts"):
            part[key] = tuple(dict.fromkeys(words for each in members for words in each[key]))
        parts.append(dict(part, phase=name, n=len(members)))
    whole = {key: method[key] for key in ("seconds", "joules", "joules_known", "reasons", "doubts")}
    whole.update(
        phase=WHOLE,
        n=method["n"],
        flops=method["flops_" + report.convention],
        epochs=spread.spread(
            [float(sum(each["epochs"] for each in phases)) for phases in runs if phases]
        ),
    )
    return parts + [whole] if len(parts) > 1 else parts  # the only phase is the whole run


def _spread(members: List[Dict], key: str) -> Optional[spread.Spread]:
    return spread.spread([None if each[key] is None else float(each[key]) for each in members])


def _phase_rows(
    report: Report,
    method: Mapping[str, Any],
    parts: List[Dict],
    units: Dict[str, quantity.Unit],
    notes: Notes,
) -> Iterator[Row]:
    """The rows of one method; its name spans them all."""
    shares = _shares(report, parts, method)
    for number, part in enumerate(parts):
        name = Cell("", span=0) if number else Cell(method["name"], span=len(parts))
        yield Row(
            (
                name,
                Cell(part["phase"]),
                Cell(*quantity.written(part["epochs"], ONE, exact=True)),
                flops_cell(part["flops"], units["flops"], report.convention, notes),
                shared(
                    measured(part["seconds"], units["seconds"], part["n"], (), notes), method, notes
                ),
                shared(energy(part, units["joules"], notes), method, notes),
                Cell(shares[number]),
            ),
            report.heading(method["block"]),
            part["phase"] == WHOLE,
        )


def _shares(report: Report, parts: List[Dict], method: Mapping[str, Any]) -> List[str]:
    """Every part's share of the whole run in whole percent; those of the phases sum to 100.

    Rounded one by one they may sum to 101, which a reader takes for a mistake.
    """
    exact = [_share(report, part, method) for part in parts]
    phases = [share for share, part in zip(exact, parts) if part["phase"] != WHOLE]
    known = [share for share in phases if share is not None]
    if len(known) < len(phases) or abs(sum(known) - 100) > 0.5:  # something is not in the sum
        return ["unknown" if share is None else rounding.fixed(share, 0) for share in exact]
    whole = iter(quantity.summing(known, 100))
    return ["100" if part["phase"] == WHOLE else str(next(whole)) for part in parts]


def _share(report: Report, part: Dict, method: Mapping[str, Any]) -> Optional[float]:
    """A phase's percent of the whole run; of the known joules if next to nothing is missing."""
    whole, mine = method[report.cost], part[report.cost]
    if report.cost == "joules" and method["unmeasured"] <= SMALL_PART:
        whole = method["joules_known"]
        mine = part["joules_known"]
    if whole is None or mine is None:
        return None
    return rounding.scaled(mine.mean / whole.mean, 0.01)
