"""The main table: what each method reaches and costs, against dense training."""

from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from edgejoule.reports import comparisons, quantity
from edgejoule.reports.gather import Report
from edgejoule.reports.quantity import COUNT, ENERGY, FLOPS, ONE, PERCENT, Unit, fitting
from edgejoule.reports.spread import Spread
from edgejoule.reports.tables import Cell, Column, Notes, Row, Table
from edgejoule.reports.words import listed, plural

NOT_MEASURED = "not measured"
RATIO_NOTE = (
    "÷ dense: the ratio to the dense run of the same seed, the median over seeds; in [ ] "
    "its 95 % bootstrap interval, in ( ) the smallest and the largest where fewer than "
    "3 seeds allow no interval"
)
EPOCH_NOTE = (
    "per epoch: the median epoch of the last training phase: dense for the baseline, "
    "retraining after a cut; evaluation is not in it"
)
TOTAL_NOTE = (
    "whole run: every phase, so that searching, scoring and the training before a cut "
    "are paid for; evaluation is not in it"
)
STATUSES = {
    "wide": "rough: the bar is above 10 % of the value",
    "too_short": "rough: too short for this sensor",
    "degraded": "rough: the sensor missed samples",
    "invalid": "not to be trusted",
}
FLOPS_NOTE = {
    "exact": "FLOPs: 2 per multiply-accumulate of forward, input gradient and weight gradient, "
    "counted layer by layer (convention exact); scoring included",
    "paper": "FLOPs: the papers' convention (paper); scoring is not in it",
    "fvcore": "FLOPs: as fvcore counts them (fvcore); scoring is not in it",
}
SPREAD_NOTE = "±: the sample standard deviation over seeds"


def results(report: Report) -> Table:
    """One row per method: accuracy, size, FLOPs, seconds, joules, ratios to dense."""
    notes = Notes(SPREAD_NOTE, EPOCH_NOTE, TOTAL_NOTE, RATIO_NOTE, FLOPS_NOTE[report.convention])
    units = _units(report)
    body = tuple(
        Row(
            tuple(_cells(report, method, units, notes)),
            report.heading(method["block"]),
            bool(method["dense"]),
        )
        for method in report.methods.to_dict("records")
    )
    return Table(title(report, "Results"), _columns(report, units), body, notes.all())


def title(report: Report, what: str) -> str:
    """A table's title; it says so if the power is fake or estimated."""
    name = "{} of {}".format(what, report.bundles.name)
    if report.power.label:
        return "{} ({}: {})".format(name, report.power.label.upper(), report.power.words)
    return name


def _units(report: Report) -> Dict[str, Unit]:
    """The unit of each column that needs one: it fits the column's largest value."""

    def fit(name: str, units: Tuple[Unit, ...]) -> Unit:
        return fitting([each.mean for each in report.methods[name] if each is not None], units)

    if not len(report.methods):
        return dict.fromkeys(("params", "macs", "flops", "epoch_joules", "joules"), ONE)
    return {
        "params": fit("final_params", COUNT),
        "macs": fit("final_macs", COUNT),
        "flops": fit("flops_" + report.convention, FLOPS),
        "epoch_joules": fit("epoch_joules", ENERGY),
        "joules": fit("joules_known", ENERGY),
    }


def _columns(report: Report, units: Dict[str, Unit]) -> Tuple[Column, ...]:
    joules = " ({})".format(report.power.label) if report.power.label else ""
    costs = (
        " ({})".format(report.power.label) if report.power.label and report.cost == "joules" else ""
    )
    cost = report.cost.capitalize()
    return (
        Column("Method", number=False),
        Column("Seeds"),
        Column("Accuracy (%)"),
        Column(_of("Parameters", units["params"])),
        Column(_of("Forward MACs per sample", units["macs"])),
        Column("Training {}, {}".format(units["flops"].name or "FLOPs", report.convention)),
        Column("Seconds per epoch"),
        Column("{} per epoch{}".format(joule_word(units["epoch_joules"]), joules)),
        Column("{}, whole run{}".format(joule_word(units["joules"]), joules)),
        Column("{} per epoch ÷ dense{}".format(cost, costs)),
        Column("{}, whole run ÷ dense{}".format(cost, costs)),
    )


def _of(what: str, unit: Unit) -> str:
    return "{} ({})".format(what, unit.name) if unit.name else what


def joule_word(unit: Unit) -> str:
    """A unit of energy as a column calls it."""
    return "Joules" if unit.name in ("J", "") else unit.name


def _cells(
    report: Report, method: Mapping[str, Any], units: Dict[str, Unit], notes: Notes
) -> Iterator[Cell]:
    yield Cell(method["name"])
    yield Cell(str(method["n"]))
    yield Cell(*quantity.written(method["accuracy"], PERCENT))
    yield Cell(*quantity.written(method["final_params"], units["params"], exact=True))
    yield Cell(*quantity.written(method["final_macs"], units["macs"], exact=True))
    yield flops_cell(method["flops_" + report.convention], units["flops"], report.convention, notes)
    for cell in (
        measured(method["epoch_seconds"], ONE, method["n"], method["epoch_reasons"], notes),
        measured(
            method["epoch_joules"],
            units["epoch_joules"],
            method["n"],
            method["epoch_reasons"],
            notes,
        ),
        energy(method, units["joules"], notes),
    ):
        yield shared(cell, method, notes)
    for name in ("epoch_" + report.cost, report.cost):
        yield _ratio_cell(report, method, name, notes)


def shared(cell: Cell, method: Mapping[str, Any], notes: Notes) -> Cell:
    """A cell of seconds or joules, marked if some of the runs shared their machine with others."""
    if cell.main == NOT_MEASURED:
        return cell
    return cell._replace(marks=cell.marks + tuple(notes.mark(each) for each in method["beside"]))


def flops_cell(value: Optional[Spread], unit: Unit, convention: str, notes: Notes) -> Cell:
    """FLOPs are counted: exact where seeds agree, unknown where a convention has no answer."""
    if value is None:
        return Cell(
            "not counted",
            marks=(
                notes.mark("the {} convention has no count for this network".format(convention)),
            ),
        )
    return Cell(*quantity.written(value, unit, exact=True))


def measured(
    value: Optional[Spread], unit: Unit, n: int, reasons: Iterable[str], notes: Notes
) -> Cell:
    """A measured mean, or "not measured" with the reason as a footnote; never 0.

    `n` runs there are; the value may be known of fewer.
    """
    if value is None:
        return Cell(NOT_MEASURED, marks=(notes.mark(because(reasons)),))
    main, extra = quantity.written(value, unit)
    if value.n < n:
        return Cell(
            main,
            extra,
            (
                notes.mark(
                    "measured in {} of {}; else {}".format(
                        value.n, plural(n, "run"), because(reasons)
                    )
                ),
            ),
        )
    return Cell(main, extra)


def energy(costs: Mapping[str, Any], unit: Unit, notes: Notes) -> Cell:
    """Joules of a sum over phases; without a phase that was not measured a lower bound, marked ≥.

    `costs` are those of a method (`frames.methods`) or of one of its phases.
    """
    if costs["joules"] is not None or costs["joules_known"] is None:
        cell = measured(costs["joules"], unit, costs["n"], costs["reasons"], notes)
    else:
        main, extra = quantity.written(costs["joules_known"], unit)
        cell = Cell(
            "≥ " + main,
            extra,
            (notes.mark("a part was not measured: {}".format(listed(costs["reasons"]))),),
        )
    if costs["doubts"] and costs["joules_known"] is not None:
        return cell._replace(marks=cell.marks + (notes.mark(doubt(costs["doubts"])),))
    return cell


def doubt(doubts: Iterable[Tuple[str, str]]) -> str:
    """The footnote about readings that are not sound, of (phase, status of its reading)."""
    phases: Dict[str, List[str]] = {}
    for phase, status in doubts:
        phases.setdefault(STATUSES.get(status, "reading " + status), []).append(phase)
    return "; ".join(
        "{} in phase {}".format(words, listed(names)) for words, names in phases.items()
    )


def because(reasons: Iterable[str]) -> str:
    """The footnote of something that was not measured."""
    return "{}: {}".format(NOT_MEASURED, listed(reasons) or "no reason was recorded")


def _ratio_cell(report: Report, method: Mapping[str, Any], name: str, notes: Notes) -> Cell:
    if method["dense"]:
        return Cell("1")
    ratio, bound = method[name + "_ratio"], ""
    if ratio is None and name == "joules":
        ratio, bound = method["bound_ratio"], "≥ "
    if ratio is None:
        return Cell("unknown", marks=(notes.mark(no_ratio(report, method, name)),))
    main, extra = quantity.written_ratio(ratio)
    marks = (
        ()
        if ratio.n == method["n"]
        else (notes.mark("over {} of {}".format(ratio.n, plural(method["n"], "seed"))),)
    )
    return Cell(bound + main, extra, marks)


def no_ratio(report: Report, method: Mapping[str, Any], name: str) -> str:
    """Why a method's cost has no ratio to dense: the footnote names the side that is missing."""
    dense = comparisons.dense_of(report, method["block"])
    words = "{} {}".format(
        "joules" if name.endswith("joules") else "seconds",
        "per epoch" if name.startswith("epoch_") else "of the whole run",
    )
    if dense is None:
        return "no ratio: no dense run is there"
    if method["beside"] or dense["beside"]:
        return "no ratio: {}".format((method["beside"] + dense["beside"])[0])
    if method[name] is None:
        return "no ratio: this method's {} are not known".format(words)
    if dense[name] is None:
        return "no ratio: the {} of dense training are not known".format(words)
    return "no ratio: no seed has these {} both here and in dense training".format(words)
