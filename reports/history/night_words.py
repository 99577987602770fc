"""What a night says of itself, in sentences: how far it came, what is not to be trusted, alarms."""

from typing import Any, Dict, Iterable, List, Set, Tuple

from edgejoule.bench.history import store
from edgejoule.reports.history import changes, past
from edgejoule.reports.words import plain, plural, sentence

STATUSES = {"none": "joules not measured"}
ROUGH = {
    "wide": "with a bar above 10 % of the value",
    "too_short": "too short for this sensor",
    "degraded": "with samples missing",
}
WRITTEN = ("report", "prune", "done")  # its own pages are written before a night is done
ALARM_NOTE = "alarms of the last "  # how a note of the gate begins that says what `balance` does


def state(document: Dict) -> str:
    """How far a night came, "" if it is done."""
    if not document:
        return "there is no night.json: the runs are here, nobody judged them"
    stage = plain(document.get("stage") or "unknown")
    interruptions = len(past.entries(document, "interruptions"))
    words = "" if stage in WRITTEN else "the night stands at the stage {}".format(stage)
    if interruptions:
        words += "{}interrupted {}".format(
            "; " if words else "",
            "once" if interruptions == 1 else "{} times".format(interruptions),
        )
    return words


def invalid(rows: Iterable[store.Row]) -> List[Dict[str, Any]]:
    """The runs that are not to be trusted, and why."""
    return [
        {
            "label": plain(row.label),
            "seed": row.seed,
            "case_id": plain(row.case_id),
            "status": STATUSES.get(row.status, plain(row.status)),
            "reason": plain(row.reason or "no reason was recorded"),
        }
        for row in rows
        # of an invalid night no run is to be trusted: its verdict says so, not a list of all runs
        if row.status not in ("ok", store.VOID) + tuple(ROUGH)
    ]


def notes(document: Dict, rows: List[store.Row]) -> List[str]:
    """What the night says of itself, and how many readings are rough; nothing twice."""
    elsewhere = set(trials(document))
    found = [
        sentence(plain(each))
        for each in past.entries(document, "notes")
        if not str(each).startswith(ALARM_NOTE) and plain(each).rstrip(".") + "." not in elsewhere
    ]
    for status, words in ROUGH.items():
        count = sum(row.status == status for row in rows)
        if count:
            found.append(
                "{} of {} {}: joules are rough.".format(count, plural(len(rows), "run"), words)
            )
    return list(dict.fromkeys(found))


def trials(document: Dict) -> List[str]:
    """What the A/B of each suspect said, in sentences."""
    found = document.get("confirmation")
    return [
        plain(each).rstrip(".") + "."
        for each in past.entries(found if isinstance(found, dict) else None, "sentences")
    ]


def earlier_trials(nights: Iterable[store.Night], labels: List[str]) -> List[str]:
    """The last A/B of each of these methods that an earlier night made, with its night."""
    found: Dict[str, str] = {}
    for night in nights:
        for trial in trials(night.document or {}):
            for label in labels:
                if trial.startswith(label + ": "):
                    found[label] = "On {}: {}".format(plain(night.night), trial)
    return list(found.values())


def balance(nights: Iterable[store.Night]) -> str:
    """How often each direction was found, and what it means if one never was."""
    worse, better, judged = _alarms(nights)
    text = "{} and {} in {}".format(
        plural(worse, "regression"), plural(better, "improvement"), plural(judged, "judged night")
    )
    if max(worse, better) >= 5 and not min(worse, better):  # of chance 5 alike are 1 in 16
        text += (
            "; alarms in one direction alone are the mark of a broken baseline or key: "
            "look at what the nights are compared with"
        )
    return text


def _alarms(nights: Iterable[store.Night]) -> Tuple[int, int, int]:
    """(regressions, improvements, nights judged) of a place.

    A change is found again in every night until somebody mends it; it counts once.
    """
    judged = [night for night in nights if _was_judged(night)]
    kinds: List[str] = []
    before: Set[Tuple[str, str]] = set()
    for night in judged:
        now = {(str(each.get("label")), changes.kind(each)) for each in past.findings(night)}
        kinds += [kind for _, kind in now - before]
        before = now
    return kinds.count("regression"), kinds.count("improvement"), len(judged)


def _was_judged(night: store.Night) -> bool:
    """True if the gate compared something.

    An invalid night, or one without enough nights before it, has a verdict and judged nothing.
    """
    if past.verdict(night) == "INCONCLUSIVE":
        return any(changes.kind(each) in changes.CHANGES for each in past.findings(night))
    return past.verdict(night) in ("PASS", "FAIL")
