"""The sentence that answers a suite's question: which method saves the most at dense accuracy.

It names the winner, what it saves and the 95 % interval of that; or the methods that could not be
told apart, and how many seeds would tell them; or that one seed says nothing. A second sentence
says how sure that is: how far the next method is behind, or what is known of the cheapest one.
"""

import math
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from edgejoule.reports import comparisons
from edgejoule.reports.candidates import LEAST, Candidate
from edgejoule.reports.comparisons import FLOOR, MARGIN
from edgejoule.reports.gather import Report
from edgejoule.reports.paired import MOST_SEEDS
from edgejoule.reports.spread import ENOUGH
from edgejoule.reports.words import listed, plural

POINT = "{:g} point".format(100 * MARGIN)
MOST_BLOCKS = 4  # settings whose answers one sentence can hold
MOST_NAMES = 4  # methods that it names: with more of them the figure leaves a telephone's screen


class Said(NamedTuple):
    """An answer: its kind, as of a finding, its words, and how sure it is ("" if they say that)."""

    kind: str
    text: str
    sure: str = ""


def answer(report: Report) -> Optional[Said]:
    """The first sentence of the verdict; None if no method that cuts has finished."""
    said = [(report.heading(key), _block(report, key)) for key in report.blocks]
    told = [(heading, each) for heading, each in said if each is not None]
    if not told:
        return None
    if len(told) == 1:
        heading, only = told[0]
        return only._replace(text="{}: {}".format(heading, only.text)) if heading else only
    sure = _joined([(heading, each.sure) for heading, each in told if each.sure])
    kinds = {each.kind for _, each in told}
    kind = kinds.pop() if len(kinds) == 1 else "even"
    if len({each.text for _, each in told}) == 1:
        return Said(kind, "in each of {} settings {}".format(len(told), told[0][1].text), sure)
    return Said(kind, _joined([(heading, each.text) for heading, each in told]), sure)


def _joined(told: List[Tuple[str, str]]) -> str:
    """What is said of several settings, each behind its heading; of very many the first."""
    parts = ["{}: {}".format(*each) for each in told[:MOST_BLOCKS]]
    more = len(told) - MOST_BLOCKS
    return "; ".join(parts + (["{} below".format(plural(more, "more setting"))] * (more > 0)))


def _block(report: Report, key: str) -> Optional[Said]:
    """The answer within one block; None if nothing in it cuts."""
    methods = report.block(key)
    cut = methods[~methods["dense"]].to_dict("records")
    dense = comparisons.dense_of(report, key)
    if not cut:
        return None
    if dense is None:
        return Said("unknown", "which method saves the most is not known without a dense run")
    found = list(_candidates(report, cut, dense))
    if not found:
        return Said(
            "unknown",
            "which method saves the most is not known: no cost in {} is known of a method and "
            "of dense training".format(report.judged),
        )
    if all(each.cost.n == 1 or each.accuracy.n == 1 for each in found):
        return _one_seed(report, found)
    return _judged(report, found)


def _candidates(
    report: Report, cut: Iterable[Dict[str, Any]], dense: Dict[str, Any]
) -> Iterator[Candidate]:
    for method in cut:
        cost = comparisons.cost(report, method, dense, report.judged)
        accuracy = comparisons.accuracy(report, method, dense)
        if cost is not None and accuracy is not None:
            yield Candidate(method, cost, accuracy)


def _one_seed(report: Report, found: List[Candidate]) -> Said:
    return Said(
        "unknown",
        "nothing can be concluded from one seed, which shows no spread, about which method saves "
        "the most {}: run at least {} more seeds ({} in all), and this sentence will say "
        "which methods differ or how many seeds would tell".format(
            report.judged, ENOUGH - 1, ENOUGH
        ),
        _in_one_seed(report, found),
    )


def _in_one_seed(report: Report, found: List[Candidate]) -> str:
    """What that seed alone shows, so that a reader need not seek it in the tables."""
    near = [each for each in found if each.accuracy.value >= LEAST]
    if not near:
        return "in this seed no method came within {} of dense training's accuracy".format(POINT)
    return (
        "in this seed, which gives no interval, the cheapest within {} of dense training's "
        "accuracy, {}"
    ).format(POINT, min(near, key=lambda each: each.cost.value).standing(report.judged))


def _judged(report: Report, found: List[Candidate]) -> Said:
    """The answer where there is a spread."""
    keep = sorted((each for each in found if each.keeps), key=lambda each: each.cost.value)
    unclear = [each for each in found if not each.keeps and not each.loses]
    if not keep:
        return _accuracy_open(report, unclear) if unclear else _all_lose(report, found)
    best, rest = keep[0], keep[1:] + unclear
    rivals = [each for each in rest if not _dearer(report, each, best, len(rest))]
    side = comparisons.cost_side(best.cost)
    if side in ("level", "more"):
        return _none_saves(report, best, unclear=[each for each in rivals if not each.keeps])
    if rivals:
        return _tied(report, best, rivals)
    return _winner(report, best, rest) if side == "less" else _saving_open(report, best)


def _dearer(report: Report, mine: Candidate, best: Candidate, rivals: int) -> bool:
    """True if a method is shown to cost more than the best one, as one of so many rivals.

    One that is shown to cost the same within `FLOOR` is no dearer, however sure the difference.
    """
    found = comparisons.cost(report, mine.method, best.method, report.judged)
    if found is None or found.within(math.log(1 + FLOOR)):
        return False
    return found.value > 0 and found.differs(rivals)


def _winner(report: Report, best: Candidate, rest: List[Candidate]) -> Said:
    return Said(
        "good",
        "{} saves the most at the accuracy of dense training: {} than dense training; its "
        "accuracy differs by {}, so it is not worse by more than {}".format(
            best.name, best.saving(report.judged), best.points, POINT
        ),
        _behind(report, best, rest),
    )


def _behind(report: Report, best: Candidate, rest: List[Candidate]) -> str:
    """How far the cheapest of the others is behind the winner; "" if there is no other."""
    if not rest:
        return ""
    second = min(rest, key=lambda each: each.cost.value)
    found = comparisons.cost(report, second.method, best.method, report.judged)
    if found is None:
        return ""
    return "the next cheapest, {}, takes {} than {}".format(
        second.name, second._replace(cost=found).saving(report.judged), best.name
    )


def _tied(report: Report, best: Candidate, rivals: List[Candidate]) -> Said:
    """The best method and those that may be as good, with the seeds that would decide."""
    equal = [each for each in rivals if each.keeps and _equal(report, each, best)]
    if len(equal) == len(rivals):
        return Said(
            "even",
            "{} save the same, within {} %, and the most at the accuracy of dense training: "
            "{}".format(
                listed([best.name] + [each.name for each in equal]),
                "{:g}".format(100 * FLOOR),
                best.saving(report.judged),
            ),
        )
    cheapest_first = sorted([best] + rivals, key=lambda each: each.cost.value)
    names = ["{} ({})".format(each.name, each.size) for each in cheapest_first]
    saves = cheapest_first[0].cost.value < 0
    return Said(
        "unknown",
        "{} {} at the accuracy of dense training could not be told "
        "with {}: {} were not told apart; {} would".format(
            "which method saves the most" if saves else "whether any method saves",
            report.judged,
            plural(best.cost.n, "seed"),
            listed(names, most=MOST_NAMES),
            _seeds(_deciding(report, best, each) for each in rivals if each not in equal),
        ),
        "the cheapest of these, {}".format(cheapest_first[0].standing(report.judged)),
    )


def _equal(report: Report, mine: Candidate, other: Candidate) -> bool:
    found = comparisons.cost(report, mine.method, other.method, report.judged)
    return found is not None and found.within(math.log(1 + FLOOR))


def _deciding(report: Report, best: Candidate, rival: Candidate) -> Optional[int]:
    """Seeds that would tell a rival from the best method, or show whether it keeps accuracy."""
    if not rival.keeps:
        return rival.accuracy.seeds(rival.accuracy.value + MARGIN)
    found = comparisons.cost(report, rival.method, best.method, report.judged)
    return None if found is None else found.seeds(found.value)


def _saving_open(report: Report, best: Candidate) -> Said:
    return Said(
        "unknown",
        "whether any method saves {} at the accuracy of dense training could not be told: the "
        "cheapest, {}; {} would tell".format(
            report.judged,
            best.standing(report.judged),
            _seeds([best.cost.seeds(abs(best.cost.value) - math.log(1 + FLOOR))])
            if abs(best.cost.value) > math.log(1 + FLOOR)
            else _seeds([MOST_SEEDS + 1]),
        ),
    )


def _none_saves(report: Report, best: Candidate, unclear: List[Candidate]) -> Said:
    doubt = "; of {} it could not be told whether the accuracy is kept".format(
        listed(each.name for each in unclear)
    )
    return Said(
        "unknown" if unclear else "bad",
        "no method that keeps the accuracy of dense training saves {}: the cheapest, {}, takes "
        "{}{}".format(
            report.judged, best.name, best.saving(report.judged), doubt if unclear else ""
        ),
    )


def _all_lose(report: Report, found: List[Candidate]) -> Said:
    best = max(found, key=lambda each: each.accuracy.value)
    return Said(
        "bad",
        "no method keeps the accuracy of dense training within {}: the closest, {}, is at {} and "
        "takes {}".format(POINT, best.name, best.points, best.saving(report.judged)),
    )


def _accuracy_open(report: Report, unclear: List[Candidate]) -> Said:
    names = ["{} ({})".format(each.name, each.points) for each in unclear]
    return Said(
        "unknown",
        "whether any method keeps the accuracy of dense training within {} could not be told: "
        "{}; {} would tell".format(
            POINT,
            listed(names, most=3),
            _seeds(each.accuracy.seeds(each.accuracy.value + MARGIN) for each in unclear),
        ),
        "the closest of these, {}".format(_closest(unclear).standing(report.judged)),
    )


def _closest(found: List[Candidate]) -> Candidate:
    """The method of the best accuracy; of equal ones the cheapest."""
    return max(found, key=lambda each: (round(each.accuracy.value, 6), -each.cost.value))


def _seeds(needed: Iterable[Optional[int]]) -> str:
    """How many seeds are asked for: the most that one of the comparisons needs."""
    known = [each for each in needed if each is not None]
    if not known:
        return "{} seeds of each".format(ENOUGH)
    most = max(known)
    if most > MOST_SEEDS:
        return "more than {} seeds, by the spread of these,".format(MOST_SEEDS)
    return "about {} seeds, by the spread of these,".format(most)
