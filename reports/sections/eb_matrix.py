"""How far the states of a search were from each other, epoch against epoch."""

from typing import List, Tuple

import pandas

from edgejoule.bench.records import RunRecord
from edgejoule.reports import markup, quantity
from edgejoule.reports.figures import heat_map
from edgejoule.reports.gather import Report
from edgejoule.reports.markup import Markup
from edgejoule.reports.words import listed, plain, plural

TITLE = "Epochs against epochs"
ORDER = 45
MOST = 6  # figures; each holds up to 1024 cells with a title of their own
CAPTION = (
    "Each cell: the share of bits in which the network's states after two epochs differ "
    "(sign codes of probe images, or pruning masks). Warm: they agree. The square marks the "
    "states that the drawn ticket rests on. One seed per method."
)


def render(report: Report) -> Markup:
    """One heat map per method whose search recorded its matrix."""
    figures: List[Tuple[str, Markup]] = []
    refused = []
    for number, (_, method) in enumerate(report.methods.iterrows()):
        for case_id, record in zip(method["case_ids"], report.of(method)):
            try:
                matrix = heat_map.read(record.facts)
            except ValueError as error:
                refused.append(
                    "the epoch matrix of {} cannot be drawn: {}".format(
                        plain(case_id), plain(error)
                    )
                )
                continue  # with the next seed
            if matrix is not None:
                figures.append(_figure(report, method, record, matrix, number))
                break
    if not figures and not refused:
        return Markup("")
    return markup.render(
        "figures.html",
        figures=figures[:MOST],
        kind="wide",
        caption=" ".join([CAPTION] + _more(figures) + _not_drawn(refused)),
    )


def _figure(
    report: Report, method: pandas.Series, record: RunRecord, matrix: heat_map.Matrix, number: int
) -> Tuple[str, Markup]:
    """(name, figure) of the matrix of one run."""
    seed = record.case["train"]["seed"]
    bits = (
        ""
        if matrix.sampled_bits is None
        else "estimated from {} bits an epoch".format(quantity.grouped(matrix.sampled_bits))
    )
    ticket = report.parts[record.case_id].ticket
    name = " · ".join(
        filter(
            None, (method["name"], "seed {}".format(seed), bits, report.heading(method["block"]))
        )
    )
    return name, heat_map.draw(
        "matrix-{}".format(number), method["name"], matrix, ticket.epoch if ticket else None
    )


def _more(figures: List) -> List[str]:
    return (
        ["{} not drawn.".format(plural(len(figures) - MOST, "more method"))]
        if len(figures) > MOST
        else []
    )


def _not_drawn(refused: List[str]) -> List[str]:
    return ["Not drawn: {}.".format(listed(refused))] if refused else []
