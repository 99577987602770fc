"""The second table: where the cost goes, phase by phase."""
from typing import Dict, List

from pandas import DataFrame

from reports import quantity, rows, spread
from reports.frames import SMALL_HOLE
from reports.quantity import ENERGY, FLOPS, ONE, TIME, fitting
from reports.results import FLOPS_NOTE, energy, flops_cell, joule_word, measured, title
from reports.tables import Cell, Column, Notes, Row, Table

WHOLE = "whole run"
COLUMNS = ["case_id", "phase", "epochs", "seconds", "joules", "joules_known", "reasons", "doubts"]
TIME_WORDS = {"h": "Hours", "s": "Seconds", "ms": "Milliseconds"}


def phases(report) -> Table:
    """One row per method and phase, and one for the whole run: FLOPs, seconds, joules, share."""
    notes = Notes(FLOPS_NOTE[report.convention], "share: of the {} of the whole run".format(
        report.cost))
    parts = [(method, _parts(report, method)) for _, method in report.methods.iterrows()]
    every = [part for _, each in parts for part in each]
    units = {"flops": fitting(_means(every, "flops"), FLOPS),
             "seconds": fitting(_means(every, "seconds"), TIME),
             "joules": fitting(_means(every, "joules_known"), ENERGY)}
    label = " ({})".format(report.power.label) if report.power.label else ""
    columns = (Column("Method", number=False), Column("Phase", number=False), Column("Epochs"),
               Column("{}, {}".format(units["flops"].name, report.convention)),
               Column(TIME_WORDS[units["seconds"].name]),
               Column(joule_word(units["joules"]) + label), Column("Share (%)"))
    body = [row for method, each in parts for row in _phase_rows(report, method, each, units, notes)]
    return Table(title(report, "Phases"), columns, tuple(body), notes.all())


def _means(parts, name):
    return [part[name].mean for part in parts if part[name] is not None]


def _parts(report, method) -> List[Dict]:
    """Costs of each phase of a method, in the order they were run; the whole run at the end."""
    mine = DataFrame([row for record in report.of(method) for row in rows.phases(record)],
                     columns=COLUMNS + ["flops_" + report.convention])
    parts = []
    for name, members in mine.groupby("phase", sort=False):
        part = {key: spread.spread(list(members[key].astype(float)))
                for key in ("epochs", "seconds", "joules", "joules_known")}
        part["joules_known"] = part["joules"]
        part["flops"] = spread.spread(list(members["flops_" + report.convention].astype(float)))
        for key in ("reasons", "doubts"):
            part[key] = tuple(dict.fromkeys(each for tuple_ in members[key] for each in tuple_))
        parts.append(dict(part, phase=name, n=len(members)))
    whole = {key: method[key] for key in ("seconds", "joules", "joules_known", "reasons", "doubts")}
    whole.update(phase=WHOLE, n=method["n"], flops=method["flops_" + report.convention],
                 epochs=spread.spread([0 if not len(mine) else float(total) for total in
                                       mine.groupby("case_id")["epochs"].sum()]))
    return parts + [whole] if len(parts) > 1 else parts


def _phase_rows(report, method, parts, units, notes):
    for number, part in enumerate(parts):
        name = Cell("", span=0) if number else Cell(method["name"], span=len(parts))
        yield Row((
            name, Cell(part["phase"]),
            Cell(*quantity.written(part["epochs"], ONE, exact=True)),
            flops_cell(part["flops"], units["flops"], report.convention, notes),
            measured(part["seconds"], units["seconds"], part["n"], (), notes),
            energy(part, units["joules"], notes), _share(report, part, method)),
            report.heading(method["block"]), part["phase"] == WHOLE)


def _share(report, part, method) -> Cell:
    """A share is taken of what is known if next to nothing is missing."""
    whole, mine = method[report.cost], part[report.cost]
    if report.cost == "joules" and method["hole"] <= SMALL_HOLE:
        whole = method["joules_known"]
        mine = part["joules_known"]
    if whole is None or mine is None:
        return Cell("unknown")
    return Cell("{:.0f}".format(100 * mine.mean / whole.mean))
