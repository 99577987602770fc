"""What the methods of one block say: cost of an epoch, of a run, accuracy, control, tickets.

Two methods are told apart by the 95 % interval of their difference, seed by seed; they are called
level or equal only if a test of equality says so (`comparisons`). With one seed nothing is told
apart; with two it is a hint.
"""

from typing import Any, Iterator, List, Mapping, NamedTuple

import pandas

from edgejoule.reports import comparisons, quantity
from edgejoule.reports.comparisons import Cost
from edgejoule.reports.gather import Report
from edgejoule.reports.rows import Drawn
from edgejoule.reports.words import listed, span

SIDES = {
    "above": "above {}: {}",
    "level": "level with {} within a point: {}",
    "below": "below {}: {}",
    comparisons.OPEN: "not told apart from {}: {}",
}
COSTS = {
    "less": "costs less with {}",
    "level": "costs about as much with {}",
    "more": "costs more with {}",
    comparisons.OPEN: "is not told apart from it with {}",
}
DOUBTS = {  # by number of seeds; from three on the sentence stands as it is
    1: "; a single seed shows no spread and tells nothing apart",
    2: "; with two seeds a hint, not a finding",
}


class Finding(NamedTuple):
    """One sentence on a topic; `kind` (good, bad, even, unknown or note) decides its sign."""

    kind: str
    topic: str
    text: str


def findings(report: Report, methods: pandas.DataFrame) -> Iterator[Finding]:
    """The sentences of one block, whose methods these are (rows of `frames.methods`)."""
    dense, cut = methods[methods["dense"]], methods[~methods["dense"]]
    if not len(cut):
        yield Finding(
            "unknown",
            "Pruning",
            "only dense training has finished: there is nothing to compare it with",
        )
        return
    if len(dense):
        yield _epoch_cost(report, cut)
        yield _run_cost(report, cut)
        yield _accuracy(report, "Accuracy", dense.iloc[0], cut)
    else:
        yield Finding("unknown", "Dense", "no dense run is there, so there is no ratio to it")
    yield from _controls(report, cut)
    yield from _tickets(report, cut)


def _epoch_cost(report: Report, cut: pandas.DataFrame) -> Finding:
    """What an epoch costs after the cut, beside what the MACs promise."""
    found = comparisons.costs(report, cut, "epoch_" + report.judged)
    if not found:
        return Finding("unknown", "Per epoch", "what an epoch costs after a cut is not known")
    parts = [
        "after the cut an epoch costs {} of the {} of a dense one".format(
            comparisons.span_of([each.ratio for each in found]), report.judged
        )
    ]
    others = (("seconds", "epoch_seconds"), ("MACs", "final_macs"))
    parts += [
        "{} of its {}".format(comparisons.span_of(comparisons.ratios(cut, name)), words)
        for words, name in others
        if words != report.judged  # without joules, seconds are the cost already
    ]
    return Finding(
        comparisons.kind(found), "Per epoch", listed(parts) + _few(found) + _unknown(cut, found)
    )


def _run_cost(report: Report, cut: pandas.DataFrame) -> Finding:
    """Whether what is saved after the cut pays for what came before it."""
    found = comparisons.costs(report, cut, report.judged)
    if not found:
        return Finding(
            "unknown",
            "Whole run",
            "what a whole run costs in {} is not known for any method and its dense run".format(
                report.judged
            ),
        )
    groups = comparisons.by_side(found)
    said = [
        words.format(
            listed("{} ({})".format(each.name, quantity.brief(each.ratio)) for each in groups[side])
        )
        for side, words in COSTS.items()
        if groups[side]
    ]
    text = (
        "in {} and against dense training, a whole run (training before the cut, search, scoring, "
        "retraining) {}".format(report.judged, "; ".join(said))
    )
    return Finding(comparisons.kind(found), "Whole run", text + _few(found) + _unknown(cut, found))


def _few(found: List[Cost]) -> str:
    """The end of a sentence whose weakest comparison rests on one seed or two."""
    return DOUBTS.get(min(each.estimate.n for each in found), "")


def _unknown(cut: pandas.DataFrame, found: List[Cost]) -> str:
    """The end of a sentence that speaks of some methods only: which ones it leaves out."""
    known = {each.name for each in found}
    names = [name for name in cut["name"] if name not in known]
    return "; not known for {}".format(listed(names)) if names else ""


def _accuracy(
    report: Report, topic: str, reference: Mapping[str, Any], others: pandas.DataFrame
) -> Finding:
    """Who is above, level with or below a reference, in points of accuracy."""
    groups = comparisons.sides(report, reference, others.to_dict("records"))
    name = "{} ({} %)".format(
        reference["name"], quantity.written(reference["accuracy"], quantity.PERCENT)[0]
    )
    said = [
        words.format(
            name,
            listed(
                "{} ({} points)".format(method["name"], comparisons.points(method, reference))
                for method, _ in groups[side]
            ),
        )
        for side, words in SIDES.items()
        if groups[side]
    ]
    fewest = min([reference["n"]] + list(others["n"]))  # the weakest comparison decides
    text = "; ".join(said) + DOUBTS.get(fewest, "")
    filled = [side for side in SIDES if groups[side]]
    kinds = {"above": "good", "below": "bad", comparisons.OPEN: "unknown"}
    kind = kinds.get(filled[0], "even") if len(filled) == 1 else "even"
    return Finding("unknown" if fewest == 1 else kind, topic, text)


def _controls(report: Report, cut: pandas.DataFrame) -> Iterator[Finding]:
    """Each random control beside the methods that remove the same share of channels."""
    chosen = cut[~cut["random"]]
    for _, control in cut[cut["random"]].iterrows():
        same_ratio = chosen[chosen["ratio"] == control["ratio"]]
        if len(same_ratio):
            yield _accuracy(report, "Control", control, same_ratio)
    if len(chosen) and not cut["random"].any():
        yield Finding(
            "unknown",
            "Control",
            "there is no random control, so whether a criterion is better than chance is not known",
        )


def _tickets(report: Report, cut: pandas.DataFrame) -> Iterator[Finding]:
    """When early-bird searches ended."""
    for _, method in cut.iterrows():
        tickets = [report.parts[case_id].ticket for case_id in method["case_ids"]]
        drawn = [ticket for ticket in tickets if ticket]
        if drawn:
            yield _ticket(method["name"], drawn)


def _ticket(name: str, drawn: List[Drawn]) -> Finding:
    """When the searches of one method ended, one `Drawn` per run."""
    # one that never settled has no epoch; it is counted below
    epochs = sorted(each.epoch for each in drawn if each.epoch is not None)
    if not epochs:
        return Finding(
            "bad",
            "Early bird",
            "{} never settled below its threshold {:g}".format(name, drawn[0].threshold),
        )
    text = "{} drew its ticket after {} epochs of search".format(
        name, span(str(epochs[0]), str(epochs[-1]))
    )
    if len(epochs) < len(drawn):
        return Finding(
            "even",
            "Early bird",
            "{} in {} of {} runs; else it never settled".format(text, len(epochs), len(drawn)),
        )
    return Finding("note", "Early bird", text)
