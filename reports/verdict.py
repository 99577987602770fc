"""What the data say about the suite's question, in sentences that name their own limits."""

from typing import Iterator, List, NamedTuple, Optional

from edgejoule.reports import answer, answers
from edgejoule.reports.answers import Finding
from edgejoule.reports.gather import Report
from edgejoule.reports.sources import FAKE
from edgejoule.reports.words import listed, plural, sentence

LIMITS = ("Power", "Settings", "Missing", "Set aside")  # topics that limit the whole report
ANSWER, SURE = "Answer", "How sure"


class Verdict(NamedTuple):
    """The sentence that answers the question, how sure it is, what else is seen, and limits.

    The first is None if nothing can answer, the second if it says all.
    """

    answer: Optional[Finding]
    sure: Optional[Finding]
    others: List[Finding]
    limits: List[Finding]


def verdict(report: Report) -> Verdict:
    """The verdict in the order in which it is read: the answer first, what limits it last."""
    found = findings(report)
    return Verdict(
        next((each for each in found if each.topic == ANSWER), None),
        next((each for each in found if each.topic == SURE), None),
        [each for each in found if each.topic not in LIMITS + (ANSWER, SURE)],
        [each for each in found if each.topic in LIMITS],
    )


def findings(report: Report) -> List[Finding]:
    """All sentences of a report: the answer first, those that limit the whole of it last."""
    found = []
    first = answer.answer(report)
    if first is not None:
        found.append(Finding(first.kind, ANSWER, first.text))
        found += [Finding("note", SURE, first.sure)] if first.sure else []
    for key in report.blocks:
        heading = report.heading(key)
        found += [
            Finding(kind, topic, "{}: {}".format(heading, text) if heading else text)
            for kind, topic, text in answers.findings(report, report.block(key))
        ]
    found += list(_power(report)) + list(_coverage(report))
    return [Finding(kind, topic, sentence(text)) for kind, topic, text in found]


def _power(report: Report) -> Iterator[Finding]:
    """Where the joules come from, unless they were simply measured."""
    words = report.power.words
    if report.power.label == FAKE:
        yield Finding(
            "note",
            "Power",
            "the power is fake ({}): no joule here was measured; use "
            "them to try the tool, never to conclude; the verdict compares seconds".format(words),
        )
    elif report.power.label:
        yield Finding(
            "note",
            "Power",
            "the joules are an estimate ({}), not a measurement; the verdict compares "
            "seconds".format(words),
        )
    elif not report.power.measured and len(report.runs):
        yield Finding(
            "unknown", "Power", "joules were {}; costs are compared in seconds".format(words)
        )
    if len(report.blocks) > 1:
        yield Finding(
            "note",
            "Settings",
            "{} are reported apart and never compared with each other".format(
                plural(len(report.blocks), "setting")
            ),
        )


def _coverage(report: Report) -> Iterator[Finding]:
    """What is missing from the report."""
    found = report.bundles
    if not found.runs:
        yield Finding(
            "unknown", "Missing", "no case of this suite has finished: there is nothing to report"
        )
    if found.missing:
        whole = len(found.runs) + len(found.missing) + len(found.aside)
        yield Finding(
            "unknown",
            "Missing",
            "{} of {} not finished: {}".format(
                len(found.missing),
                plural(whole, "case"),
                listed((each.case_id for each in found.missing), most=4),
            ),
        )
    if found.aside:
        yield Finding(
            "unknown",
            "Set aside",
            "{} set aside and not reported: {}".format(
                plural(len(found.aside), "bundle"),
                listed(("{} ({})".format(*each) for each in found.aside), most=3),
            ),
        )
