"""What is expected of a run before it begins, without torch: finished runs, else the last plan.

`edgejoule run --dry-run` leaves its estimates beside the runs, so that a run which must not pay
for torch in its own process can say them.
"""

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.bench import bundle, suite
from edgejoule.bench.estimates import finished, forecast
from edgejoule.bench.estimates.forecast import Forecast, Interval

FILE = ".estimates.json"
PLANNED = "the estimate of the last --dry-run"


class Expected(NamedTuple):
    """Forecasts of a suite's cases, in order, and which cases are still to be run."""

    forecasts: List[Forecast]
    left: List[bool]

    def seconds(self) -> List[Optional[float]]:
        """The middle of every case's seconds."""
        return [each.seconds and each.seconds.middle for each in self.forecasts]


def read(asked: suite.Suite, runs: Path) -> Expected:
    """What is expected of every case of a suite."""
    folder = runs / asked.name
    left = [not (folder / suite.case_id(case) / bundle.RECORD).exists() for case in asked.cases]
    return Expected(forecasts(asked.cases, [runs]), left)


def forecasts(cases: Sequence[suite.Case], runs: Sequence[Path]) -> List[Forecast]:
    """What finished runs below the folders say of cases, else what the last plan said."""
    known = finished.read(runs)
    planned: Dict[str, Any] = {}
    for root in runs:
        planned.update(_kept(root / FILE))
    return [
        finished.forecast(case, known) or _forecast(planned.get(finished.method(case)))
        for case in cases
    ]


def sentence(asked: suite.Suite, expected: Expected, jobs: int = 1) -> str:
    """A line on how long the cases that are left will take, `jobs` of them at a time."""
    found = [each for each, left in zip(expected.forecasts, expected.left) if left]
    text = "suite {}: {} of {} cases to run, {}".format(
        asked.name, len(found), len(asked.cases), forecast.sentence(found)
    )
    if not any(each.seconds for each in found):
        text += "; --dry-run estimates it, and the first case will show"
    return text + forecast.divided(found, jobs)


def keep(runs: Path, found: Sequence[Tuple[suite.Case, Forecast]]) -> None:
    """Writes estimates beside the runs; what rests on finished runs is not kept, they are there."""
    kept = _kept(runs / FILE)
    for case, each in found:
        if each.seconds is not None and not each.rests_on.endswith(finished.SAME_CASE):
            joules = None if each.joules is None else list(each.joules)
            kept[finished.method(case)] = [finished.machine(), list(each.seconds), joules]
    try:
        runs.mkdir(parents=True, exist_ok=True)
        bundle.write_text(runs / FILE, json.dumps(kept) + "\n")
    except OSError:  # a folder that cannot be written: the plan is told all the same
        return


def _kept(path: Path) -> Dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _forecast(kept: Optional[List[Any]]) -> Forecast:
    if kept is None or kept[0] != finished.machine():
        return forecast.UNKNOWN
    joules = None if kept[2] is None else Interval(*kept[2])
    return Forecast(Interval(*kept[1]), joules, PLANNED)
