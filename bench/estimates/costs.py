"""What each case of a suite will take: from finished runs, else from a probe and its plan."""

from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from edgejoule.bench import plan, suite
from edgejoule.bench.estimates import finished, forecast, probe
from edgejoule.bench.estimates.forecast import Forecast, Interval

PROBE = "a probe of a few training steps"


class Estimate(NamedTuple):
    """A case, its training FLOPs by phase (None: not known), and what it will take."""

    case: suite.Case
    plan: Optional[plan.Plan]
    forecast: Forecast
    taken: Tuple[str, ...] = ()  # phases that a case before it trains for both
    taken_share: float = 0.0  # of its seconds that those phases make up


def estimates(
    cases: Sequence[suite.Case], runs: Path, in_time_s: Optional[float] = plan.IN_TIME_S
) -> Iterator[Estimate]:
    """Each case with its estimate, one by one; replicates of a method share theirs.

    Raises:
        ValueError: a case's settings cannot be followed.
    """
    known, trained = finished.read([runs]), set()  # type: Tuple[finished.Finished, Set[str]]
    networks = {repr([case.model, case.dataset["name"]]) for case in cases}
    planner, prober = plan.Planner(in_time_s), probe.Prober(runs, len(networks))
    for case in cases:
        planned = planner.plan(case)
        alone = Estimate(case, planned, _forecast(case, planned, known, planner, prober))
        yield _with_taken(alone, trained)
    prober.save()


def _with_taken(alone: Estimate, trained: Set[str]) -> Estimate:
    """The estimate with what earlier cases train for it; adds what this one trains for others."""
    if alone.plan is None:
        return alone
    case, taken = alone.case, []
    for each in alone.plan.alike:
        work = repr([case.model, case.dataset, case.train, case.measure, each.work])
        if work in trained:
            taken.append(each)
        trained.add(work)
    whole = sum(part.epochs * part.flops for part in alone.plan.parts)
    spared = sum(part.epochs * part.flops for each in taken for part in each.parts)
    share = spared / whole if whole else 0.0
    return alone._replace(taken=tuple(each.phase for each in taken), taken_share=share)


def _forecast(
    case: suite.Case,
    planned: Optional[plan.Plan],
    known: finished.Finished,
    planner: plan.Planner,
    prober: probe.Prober,
) -> Forecast:
    whole = finished.forecast(case, known)
    if whole is not None:
        return whole
    if planned is None:
        return forecast.UNKNOWN
    seen = _seen(case, known)
    if seen is not None:
        (pace, joules), rests_on = seen, finished.PACES
    else:
        found = prober.epoch(case)
        if found is None:
            return forecast.UNKNOWN
        pace, joules, rests_on = found, None, PROBE
    dense = planner.dense(case).flops
    seconds = _through(planned, pace, dense)
    watts = forecast.watts(case.measure["fake_power"])
    if watts is not None:
        return Forecast(seconds, seconds.times(watts), rests_on)
    return Forecast(seconds, joules and _through(planned, joules, dense), rests_on)


def _seen(
    case: suite.Case, known: finished.Finished
) -> Optional[Tuple[Interval, Optional[Interval]]]:
    """Seconds and joules of a dense epoch of this network, as finished runs had them."""
    paces = [
        pace for kind in finished.UNCUT for pace in known.epochs.get(finished.alike(case, kind), [])
    ]
    if not paces:
        return None
    joules = [each for _, each in paces if each is not None]
    return (
        forecast.spread([seconds for seconds, _ in paces]),
        forecast.spread(joules) if len(joules) == len(paces) else None,
    )


def _through(planned: plan.Plan, pace: Interval, dense: float) -> Interval:
    """An epoch's cost through all the epochs of a plan.

    A cut network takes at least its share of the FLOPs, and at most what the dense one takes:
    small layers keep no device busy. The middle is half-way.
    """
    found: List[Interval] = []
    for part in planned.parts:
        share = min(1.0, part.flops / dense)
        middle = pace.middle * (1 + share) / 2
        one = Interval(pace.low * share, middle, pace.high)
        found.append(one.times(part.epochs))
    return forecast.total(found) or Interval(0.0, 0.0, 0.0)
