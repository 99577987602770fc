"""Published tables side by side with our runs: one frame, from which every table is made.

A row of ours is the mean and the spread over seeds of the runs that answer to the published row
(`reference_tables.rule`). Where there are none it says "not run", where a run had no sensor "not
measured", and a published number that contradicts others carries its erratum as a footnote.
"""

from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

import pandas

from edgejoule.bench import rounding
from edgejoule.reports import quantity, spread
from edgejoule.reports.papers import reference_tables, training_recipes
from edgejoule.reports.papers.own_runs import Gap, Pool
from edgejoule.reports.papers.reference_tables import Reference
from edgejoule.reports.papers.training_recipes import Recipe
from edgejoule.reports.quantity import Unit
from edgejoule.reports.results import NOT_MEASURED, SPREAD_NOTE, because
from edgejoule.reports.tables import Cell, Column, Notes, Row, Table
from edgejoule.reports.words import listed, plural

NOT_RUN = "not run"
UNITS = {
    "%": quantity.PERCENT,
    "kJ": Unit("kJ", 1e3),
    "MJ": Unit("MJ", 1e6),
    "PFLOPs": Unit("PFLOPs", 1e15),
    "M": Unit("M", 1e6),
    "MMACs": Unit("MMACs", 1e6),
    "GMACs": Unit("GMACs", 1e9),
    "epochs": Unit("epochs", 1.0),
}
COUNTED = ("flops_paper", "params_left", "macs", "weights_removed")  # exact where seeds agree
NO_COUNTERPART = "no recipe, model or setting of ours corresponds to this row"
NO_QUANTITY = "our runs record none of these quantities, so nothing of ours stands beside them"
NO_TICKET = "no run drew a ticket: the search never settled"
NO_FLOPS = "the paper's convention has no count for this network"
ERRATUM = "erratum: "
TRAINED = "the paper's training: "


class Filled(NamedTuple):
    """A published table and its frame: a row per printed row, ours beside it.

    Columns: the printed ones as text, `<name>_ours` (a `Spread` or None), `runs` (how many answer),
    `possible` (can any answer at all), `power`, `fake`, `reasons`, `trained` (the paper's recipe),
    `differences`, `others`.
    """

    reference: reference_tables.Reference
    frame: pandas.DataFrame

    @property
    def ours(self) -> List[reference_tables.Column]:
        """The columns with a quantity of ours beside them."""
        return [column for column in self.reference.columns if column.ours]

    @property
    def answered(self) -> int:
        """Rows that runs of ours answer to."""
        return int((self.frame["runs"] > 0).sum())

    @property
    def possible(self) -> int:
        """Rows that runs of ours could answer to."""
        return int(self.frame["possible"].sum()) if self.ours else 0


def fill(reference: Reference, pool: Pool) -> Filled:
    """The table with our runs beside its rows."""
    return Filled(
        reference, pandas.DataFrame([_row(reference, row, pool) for row in reference.rows])
    )


def _row(reference: Reference, printed: Dict[str, str], pool: Pool) -> Dict[str, Any]:
    """A printed row with ours beside it."""
    wanted = reference_tables.rule(reference, printed)
    trained = reference_tables.recipe(reference, printed)
    settings = reference_tables.given(reference, wanted)
    answer = pool.answer(
        wanted,
        lambda case, seeds: training_recipes.differences(case, trained, settings, seeds),
    )
    runs = answer.runs if answer else ()
    row: Dict[str, Any] = dict(printed, possible=wanted is not None, runs=len(runs))
    for column in reference.columns:
        if column.ours:
            row[column.name + "_ours"] = spread.spread([run.values[column.ours] for run in runs])
    row.update(
        power=listed(dict.fromkeys(run.power for run in runs)),
        fake=any(run.fake for run in runs),
        reasons=tuple(dict.fromkeys(each for run in runs for each in run.reasons)),
        trained=trained,
        differences=answer.differences if answer else (),
        others=answer.others if answer else 0,
    )
    return row


def table(filled: Filled) -> Table:
    """The frame as a table for a page, Markdown, LaTeX or a terminal."""
    reference = filled.reference
    usual = training_recipes.commonest(list(filled.frame["trained"])) if filled.ours else None
    notes = Notes(
        *(
            reference.notes
            + ((TRAINED + training_recipes.told(usual),) if usual else ())
            + ((SPREAD_NOTE,) if filled.answered else ())
            + (() if filled.ours else (NO_QUANTITY,))
        )
    )
    body = tuple(
        Row(tuple(_cells(filled, row, notes, usual)), reference_tables.heading(reference, row))
        for _, row in filled.frame.iterrows()
    )
    return Table(
        "{}: {} ({})".format(reference.name, reference.title, reference.paper),
        tuple(_columns(filled)),
        body,
        notes.all(),
    )


def records(filled: Filled) -> List[Dict[str, Any]]:
    """The frame as plain numbers and words, for CSV and JSON: printed text, ours in its unit."""
    return [_record(filled, row) for _, row in filled.frame.iterrows()]


def _record(filled: Filled, row: Mapping[str, Any]) -> Dict[str, Any]:
    reference = filled.reference
    found: Dict[str, Any] = {"table": reference.key}
    found.update(
        (name, row[name])
        for name in dict.fromkeys(reference.block + reference.keys)
        if name != "table"  # the gains have a column of that name: which table they speak of
    )
    for column in reference.columns:
        text = row[column.name]  # a leading minus would pass for a formula: there, the number
        found[column.name] = float(text) if text.startswith("-") else text
        if column.spread:
            found[column.spread] = row[column.spread]
        if column.ours:
            mean, deviation = _in_unit(row[column.name + "_ours"], UNITS[column.unit])
            found[column.name + "_ours"], found[column.name + "_ours_sd"] = mean, deviation
    status = "run" if row["runs"] else NOT_RUN if row["possible"] else "no counterpart"
    found.update(
        our_runs=int(row["runs"]),
        status=status,
        power=row["power"],
        trained=training_recipes.told(row["trained"]),
        differences=_differences(row["differences"]),
        errata="; ".join(
            dict.fromkeys(
                reason
                for column in reference.columns
                for reason in reference_tables.reasons(reference, row, column.name)
            )
        ),
    )
    return found


def _columns(filled: Filled) -> Iterator[Column]:
    yield from (
        Column(
            name.replace("_", " ").capitalize(),
            number=name in ("ratio", "epoch", "iteration", "fraction", "sparsity", "node_sparsity"),
        )
        for name in filled.reference.keys
    )
    for column in filled.reference.columns:
        unit = " ({})".format(column.unit) if column.unit else ""
        yield Column("{}{}, paper".format(column.header, unit))
        if column.ours:
            yield Column("{}{}, ours".format(column.header, unit))
    if filled.ours:
        yield Column("Our runs")


def _cells(
    filled: Filled, row: Mapping[str, Any], notes: Notes, usual: Optional[Recipe]
) -> Iterator[Cell]:
    yield from (Cell(row[name]) for name in filled.reference.keys)
    for column in filled.reference.columns:
        marks = [
            notes.mark(ERRATUM + reason)
            for reason in reference_tables.reasons(filled.reference, row, column.name)
        ]
        beside = row[column.spread] if column.spread else ""
        yield Cell(row[column.name] or "–", "± " + beside if beside else "", tuple(marks))
        if column.ours:
            yield _ours(column, row, notes)
    if filled.ours:
        yield _runs(row, notes, usual)


def _ours(column: reference_tables.Column, row: Mapping[str, Any], notes: Notes) -> Cell:
    value = row[column.name + "_ours"]
    if not row["runs"]:
        return Cell(NOT_RUN)
    if value is None:
        return _unknown(column, row, notes)
    main, extra = quantity.written(value, UNITS[column.unit], exact=column.ours in COUNTED)
    marks: Tuple[str, ...] = ()
    if column.ours == "joules":
        marks += (notes.mark("joules: " + row["power"]),)
    if value.n < row["runs"]:
        marks += (notes.mark("known of {} of {}".format(value.n, plural(row["runs"], "run"))),)
    return Cell(main, extra, marks)


def _unknown(column: reference_tables.Column, row: Mapping[str, Any], notes: Notes) -> Cell:
    """The cell of a quantity that the runs of a row do not have."""
    if column.ours == "joules":
        return Cell(NOT_MEASURED, marks=(notes.mark(because(row["reasons"])),))
    if column.ours == "ticket_epoch":
        return Cell(
            # dense training draws no ticket, and needs no excuse for it
            "–",
            marks=() if row["method"].startswith("Unpruned") else (notes.mark(NO_TICKET),),
        )
    return Cell("not counted", marks=(notes.mark(NO_FLOPS),))


def _runs(row: Mapping[str, Any], notes: Notes, usual: Optional[Recipe]) -> Cell:
    """How many runs answer, and in what they differ from the published training."""
    own = row["trained"] != usual
    marks = [notes.mark(TRAINED + training_recipes.told(row["trained"]))] if own else []
    if not row["possible"]:
        return Cell("–", marks=tuple([notes.mark(NO_COUNTERPART)] + marks))
    if row["differences"]:
        marks.append(notes.mark("not as published: " + _differences(row["differences"])))
    if row["others"]:
        marks.append(
            notes.mark(
                "{} of the same method with other settings would do too; the "
                "closest to the paper's is shown".format(plural(row["others"], "set") + " of runs")
            )
        )
    return Cell(str(row["runs"]), marks=tuple(marks))


def _differences(differences: Iterable[Gap]) -> str:
    told = ["{} {} (paper: {})".format(*each) for each in differences]
    return listed(told, most=len(told))  # all of them: a difference not named misleads


def _in_unit(value: Optional[spread.Spread], unit: Unit) -> Tuple[Optional[float], Optional[float]]:
    """(mean, standard deviation) in a unit, None where unknown."""
    if value is None:
        return None, None
    deviation = None if value.sd is None else rounding.scaled(value.sd, unit.size)
    return rounding.scaled(value.mean, unit.size), deviation
