"""Which published rows a suite will fill, before it is run: the rule that finds finished runs.

`edgejoule run SUITE --dry-run` prints it; plain data, as `bench` knows no published table.
"""

from typing import Any, Dict, Iterator, List, Optional, Sequence

from edgejoule.bench import settings, suite
from edgejoule.reports.papers import reference_tables, training_recipes
from edgejoule.reports.papers.own_runs import Answer, Own, Pool
from edgejoule.reports.papers.reference_tables import Reference


def published(cases: Sequence[suite.Case]) -> List[Dict[str, Any]]:
    """The tables of which the cases fill rows, as plain JSON.

    Of each its `table`, `number`, `paper` and `title`, how many `rows` it has, how many of them
    `can_be_run` here, and `filled`: the `row` in words, the `cases` that fill it, one per seed, and
    in what these will differ from the paper.
    """
    with settings.remembered():  # ids ask each case's plug-ins for their defaults
        pool = Pool(_planned(case) for case in cases)
        found = [_table(reference, pool) for reference in reference_tables.read()]
    return [table for table in found if table["filled"]]


def _planned(case: suite.Case) -> Own:
    """A case as the run that it will be; of its quantities nothing is known."""
    # a recipe that may keep its rounds' weights keeps the rounds themselves
    rounds = range(1, case.prune["rounds"] + 1) if "keep_weights" in case.prune else ()
    group = ("", suite.method(case))
    kept: Dict[int, Dict[str, Optional[float]]] = {number: {} for number in rounds}
    return Own(case._asdict(), group, case.train["seed"], "", "", False, {}, (), kept)


def _table(reference: Reference, pool: Pool) -> Dict[str, Any]:
    rules = [reference_tables.rule(reference, row) for row in reference.rows]
    has_ours = any(column.ours for column in reference.columns)
    return {
        "table": reference.key,
        "number": reference.number,
        "paper": reference.short,
        "title": reference.title,
        "rows": len(rules),
        "can_be_run": sum(rule is not None for rule in rules) if has_ours else 0,
        "filled": list(_filled(reference, pool)) if has_ours else [],
    }


def _filled(reference: Reference, pool: Pool) -> Iterator[Dict[str, Any]]:
    for row in reference.rows:
        answer = _answer(reference, row, pool)
        if answer is not None:
            yield {
                "row": _words(reference, row),
                "cases": [suite.case_id(suite.Case(**run.case)) for run in answer.runs],
                "differences": [list(gap) for gap in answer.differences],
            }


def _answer(reference: Reference, row: Dict[str, str], pool: Pool) -> Optional[Answer]:
    wanted = reference_tables.rule(reference, row)
    recipe = reference_tables.recipe(reference, row)
    given = reference_tables.given(reference, wanted)
    return pool.answer(
        wanted, lambda case, seeds: training_recipes.differences(case, recipe, given, seeds)
    )


def _words(reference: Reference, row: Dict[str, str]) -> str:
    """A row as a reader calls it: "VGG-16 on CIFAR-10, NS 0.3"."""
    keys = [row[name] for name in reference.keys if row[name]]
    return "{}, {}".format(reference_tables.heading(reference, row), " ".join(keys))
