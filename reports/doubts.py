"""Sentences of warning: the runs' own, and those that only show when runs lie side by side."""

from typing import Dict, Iterator, List, Tuple

from edgejoule.reports.gather import Report
from edgejoule.reports.words import listed, plain, sentence

CHECKED = (
    "python",
    "packages",
    "machine",
    "git.commit",
    "git.dirty",
    "torch",
    "processor",
    "system",
    "edgejoule",
)  # runs that differ here are not measured under one condition


def doubts(report: Report) -> List[Tuple[str, Tuple[str, ...]]]:
    """(sentence, the case ids it holds for, none if it holds for all); shared ones first."""
    found: Dict[str, List[str]] = {}
    for run in report.bundles.runs:
        for text in dict.fromkeys(sentence(plain(each)) for each in run.record.warnings):
            found.setdefault(text, []).append(plain(run.record.case_id))
    whole = len(report.bundles.runs)
    own = sorted(found.items(), key=lambda pair: -len(pair[1]))  # what most runs share first
    shared: List[Tuple[str, Tuple[str, ...]]] = [
        (sentence(text), ()) for text in _side_by_side(report)
    ]
    return shared + [(text, () if len(ids) == whole else tuple(ids)) for text, ids in own]


def _side_by_side(report: Report) -> Iterator[str]:
    """Warnings about the runs as a whole, which no single run could give."""
    yield from report.bundles.notes
    mixed = [(name, values) for name, values in report.surroundings[1] if name.startswith(CHECKED)]
    if mixed:
        yield "the runs were not made under one condition; they differ in {}".format(
            listed("{} ({})".format(name, values) for name, values in mixed)
        )
    seeds = {tuple(sorted(method["seeds"])) for method in report.methods.to_dict("records")}
    if len(seeds) > 1:
        yield (
            "the methods were not run with the same seeds; means compare different draws, "
            "ratios only the seeds they share"
        )
