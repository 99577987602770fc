"""The plan of a suite, for `edgejoule run --dry-run`: a line for each case and one for them all."""

from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

from edgejoule.bench import suite
from edgejoule.bench.estimates import costs, expectations, forecast, published_rows
from edgejoule.bench.estimates.costs import Estimate
from edgejoule.bench.estimates.forecast import Interval

STAND_IN = "~"
HEAD = (
    "{}\n\n{} cases; estimated training PFLOPs (exact convention, searches to their last epoch), "
    "hours and joules:\n"
)
LEGEND = (
    "{} is counted on a small network in this one's place, as there was no time for its own"
).format(STAND_IN)

# of cases, the tables of papers of which they fill rows: `reports.papers.planned_rows.published`
Published = Callable[[Sequence[suite.Case]], List[Dict[str, Any]]]


def lines(
    asked: suite.Suite,
    runs: Path,
    jobs: int = 1,
    share: bool = True,
    published: Optional[Published] = None,
) -> Iterator[str]:
    """The plan as text, line by line; `jobs` cases are run at a time.

    With `share` cases take phases over from each other; with `published` it ends with the rows of
    papers' tables that they fill.
    """
    yield HEAD.format(asked.question, len(asked.cases))
    found: List[Estimate] = []
    for each in costs.estimates(asked.cases, runs):
        found.append(each)
        yield _line(each)
    if any(each.plan is not None and not each.plan.exact for each in found):
        yield "\n" + LEGEND
    yield from _sums(found, jobs)
    if share and any(each.taken for each in found):
        yield _spared(found)
    if published is not None:
        yield from published_rows.lines(published(asked.cases))
    expectations.keep(runs, [(each.case, each.forecast) for each in found])


def document(
    asked: suite.Suite, runs: Path, share: bool = True, published: Optional[Published] = None
) -> Dict[str, Any]:
    """The plan as plain JSON.

    What is not known is null, as are `shared` without `share` and `published` without that.
    """
    found = list(costs.estimates(asked.cases, runs))
    expectations.keep(runs, [(each.case, each.forecast) for each in found])
    return {
        "suite": asked.name,
        "question": asked.question,
        "cases": [_row(each) for each in found],
        "seconds": _ends(forecast.total(each.forecast.seconds for each in found)),
        "joules": _ends(forecast.total(each.forecast.joules for each in found)),
        "shared": _shared(found) if share else None,
        "published": None if published is None else published(asked.cases),
    }


def _shared(found: List[Estimate]) -> Dict[str, Any]:
    """How many phases cases take over from others, and the seconds that need not be trained."""
    taken = [each for each in found if each.taken]
    spared = [
        each.forecast.seconds and each.forecast.seconds.times(each.taken_share) for each in taken
    ]
    return {
        "phases": sum(len(each.taken) for each in taken),
        "cases": len(taken),
        "seconds": _ends(forecast.total(spared)),
    }


def _spared(found: List[Estimate]) -> str:
    shared = _shared(found)
    seconds = shared["seconds"]
    text = (
        "shared phases: {phases}, in {cases} of the cases, which take them over from others".format(
            **shared
        )
    )
    if seconds is None:
        return text
    hours = forecast.hours(Interval(**seconds))
    return "{}: {} of the sum above need not be trained".format(text, hours)


def _line(each: Estimate) -> str:
    return "  {:60} {:>10}  {:30} {:28} {}".format(
        suite.case_id(each.case),
        _petaflops(each),
        forecast.hours(each.forecast.seconds),
        forecast.kilojoules(each.forecast.joules),
        _phases(each),
    ).rstrip()


def _petaflops(each: Estimate) -> str:
    if each.plan is None:
        return forecast.NOT_KNOWN
    mark = "" if each.plan.exact else STAND_IN
    return "{}{:.3g}".format(mark, sum(each.plan.flops.values()) / 1e15)


def _phases(each: Estimate) -> str:
    if each.plan is None:
        return ""
    parts = ["{} {:.3g}".format(k, v / 1e15) for k, v in each.plan.flops.items()]
    return "= " + " + ".join(parts)


def _sums(found: List[Estimate], jobs: int) -> Iterator[str]:
    """What all cases take, and what the figures rest on."""
    forecasts = [each.forecast for each in found]
    yield "\nsuite: {} cases, {}{}".format(
        len(found), forecast.sentence(forecasts), forecast.divided(forecasts, jobs)
    )
    if any(each.forecast.rests_on == costs.PROBE for each in found):
        yield (
            "A probe is short: its ends span its steps, and the share of a cut network's FLOPs up "
            "to the dense pace. Finished runs narrow them."
        )


def _row(each: Estimate) -> Dict[str, Any]:
    return {
        "case_id": suite.case_id(each.case),
        "label": suite.label(each.case),
        "estimated_flops": None if each.plan is None else each.plan.flops,
        "stand_in": None if each.plan is None else not each.plan.exact,
        "seconds": _ends(each.forecast.seconds),
        "joules": _ends(each.forecast.joules),
        "rests_on": each.forecast.rests_on,
    }


def _ends(interval: Optional[Interval]) -> Optional[Dict[str, float]]:
    return None if interval is None else dict(interval._asdict())
