"""Which methods and seeds a page draws where there are too many to look at or to load."""

from typing import Callable, Dict, List, Tuple

import pandas

from edgejoule.reports.gather import Report

METHODS = 24  # figures of a section, columns of a table: a page of some megabytes still opens
SEEDS = 10  # lines of a figure; more cannot be told apart


def methods(
    report: Report, wanted: Callable[[pandas.Series], bool] = lambda method: True
) -> Tuple[List[pandas.Series], str]:
    """(the methods that are drawn, dense ones first; a sentence about the others, or "").

    Of many methods the first of each block: a suite names first what it asks about.
    """
    table = [method for _, method in report.methods.iterrows() if wanted(method)]
    share = max(METHODS // max(len(report.blocks), 1), 2)  # at least dense and one more
    drawn: List[pandas.Series] = []
    used: Dict[str, int] = {}  # methods of each block so far
    for method in table:
        used[method["block"]] = used.get(method["block"], 0) + 1
        if len(table) <= METHODS or used[method["block"]] <= share and len(drawn) < METHODS:
            drawn.append(method)
    return drawn, _left_out(table, drawn)


def _left_out(table: List[pandas.Series], drawn: List[pandas.Series]) -> str:
    parts = []
    if len(drawn) < len(table):
        parts.append("{} of {} methods are drawn".format(len(drawn), len(table)))
    most = max((method["n"] for method in drawn), default=0)
    if most > SEEDS:
        parts.append("{} of up to {} seeds".format(SEEDS, most))
    return (
        " Too many for a page: {}; the numbers of all are in the tables.".format(", ".join(parts))
        if parts
        else ""
    )
