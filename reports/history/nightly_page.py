"""The page of a night: the verdict and what changed first, what did not change folded away."""

from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

from edgejoule.bench.gates import scan
from edgejoule.bench.history import store
from edgejoule.reports.history import (
    changes,
    night_surroundings,
    night_table,
    night_words,
    page_frame,
    past,
)
from edgejoule.reports.history.changes import Change
from edgejoule.reports.tables import Table
from edgejoule.reports.words import plain, sentence

ENOUGH = scan.LEAST + scan.SHORTEST  # nights that the gate needs to judge a method


class Tonight(NamedTuple):
    """One night of one place, ready to be shown; `earlier` is what it is compared with, if any."""

    device: str
    suite: str
    night: str
    verdict: Optional[str]
    state: str
    counts: Dict[str, int]
    changes: List[Change]
    others: List[Change]  # missing, not measured, invalid
    invalid: List[Dict[str, Any]]
    doctor: List[Tuple[str, str, str]]
    notes: List[str]
    trials: List[str]  # what the A/B of each suspect said
    earlier: str
    differences: List[Tuple[str, str, str]]
    balance: str
    table: Table
    link: str
    commit: str
    fake: str


def page(history: past.Past, tonight: List[Tonight], chosen: Optional[str] = None) -> str:
    """The HTML of these nights: the latest of every place, or the chosen one."""
    return page_frame.page(
        "nightly.html",
        history,
        "Last night" if chosen is None else "Night " + chosen,
        headline=headline(tonight),
        tonight=tonight,
        kinds=changes.KINDS,
        of_power=past.OF_POWER,
        verdicts=changes.VERDICTS,
        when=_when(tonight),
    )


def nights(history: past.Past, chosen: Optional[str] = None) -> List[Tonight]:
    """What the page shows; a place whose night changed comes first.

    Raises:
        ValueError: no place has the chosen night.
    """
    found = [_tonight(history, place, number) for place, number in picked(history, chosen)]
    order = list(changes.KINDS)  # gravest first
    return sorted(found, key=lambda each: [-each.counts[kind] for kind in order])


def picked(history: past.Past, chosen: Optional[str] = None) -> List[Tuple[past.Place, int]]:
    """(place, number of its night) of what the page shows.

    Raises:
        ValueError: no place has the chosen night.
    """
    found = [
        (place, number)
        for place in history.places
        for number in [_number(history.nights[place], chosen)]
        if number is not None
    ]
    if chosen and not found:
        known = sorted(
            {night.night for each in history.nights.values() for night in each}, key=store.order
        )
        raise ValueError(
            "no night called {!r}; the latest are: {}".format(
                chosen, ", ".join(known[-5:]) or "none"
            )
        )
    return found


def headline(tonight: List[Tonight]) -> str:
    """The verdict over all places: "1 regression, 11 unchanged, 1 not measured"."""
    whole = {kind: sum(each.counts[kind] for each in tonight) for kind in changes.KINDS}
    return sentence(changes.summary(whole)) if tonight else "No night has been run."


def _number(of_place: List[store.Night], chosen: Optional[str]) -> Optional[int]:
    """The number of the chosen night among those of a place, by default the last."""
    if chosen is None:
        return len(of_place) - 1
    found = [number for number, night in enumerate(of_place) if night.night == chosen]
    return found[0] if found else None


def _tonight(history: past.Past, place: past.Place, number: int) -> Tonight:
    before = history.nights[place][:number]
    night, rows = history.nights[place][number], history.measured(history.nights[place][number])
    valid = _last_valid(history, before)
    document = night.document or {}
    every = [changes.change(each) for each in past.findings(night)]
    every.sort(key=lambda each: list(changes.KINDS).index(each.kind))
    return Tonight(
        plain(night.device),
        plain(night.suite),
        plain(night.night),
        past.verdict(night),
        night_words.state(document),
        changes.counts(night, rows, _judgeable(history, place, number)),
        [each for each in every if each.kind in changes.CHANGES],
        [each for each in every if each.kind not in changes.CHANGES],
        night_words.invalid(rows),
        night_surroundings.doctor(night),
        night_words.notes(document, rows),
        _trials(before, document, every),
        _earlier(before, valid),
        night_surroundings.differences(night, valid) if valid else [],
        night_words.balance(history.nights[place][: number + 1]),
        night_table.table(history, place, number),
        past.link(history, night),
        past.commit(document.get("commit") or next((row.commit for row in rows), None)),
        ", ".join(past.unreal(rows)),
    )


def _last_valid(history: past.Past, before: List[store.Night]) -> Optional[store.Night]:
    """The latest night that can be compared with: an invalid one may have recorded nothing."""
    found = [
        night
        for night in before
        if past.verdict(night) != "INVALID"
        and any(row.status != store.VOID for row in history.measured(night))
    ]
    return found[-1] if found else None


def _earlier(before: List[store.Night], valid: Optional[store.Night]) -> str:
    """What tonight is compared with, in words; "" if there is nothing."""
    if valid is None:
        return ""
    which = "the night before" if valid is before[-1] else "the last valid night"
    return "{}, {}".format(which, plain(valid.night))


def _trials(before: List[store.Night], document: Dict, every: List[Change]) -> List[str]:
    """The A/B of tonight's suspects, else those of earlier nights that still hold."""
    tonight = night_words.trials(document)
    decided = dict.fromkeys(
        each.label for each in every if each.kind in ("regression", "improvement", "refuted")
    )
    others = [
        label for label in decided if not any(each.startswith(label + ": ") for each in tonight)
    ]
    return tonight + night_words.earlier_trials(before, others)


def _judgeable(history: past.Past, place: past.Place, number: int) -> Set[str]:
    """The methods with enough nights like tonight's to be judged by."""
    nights = {night.night for night in history.nights[place][: number + 1]}
    found: Set[str] = set()
    for label in history.labels(place):
        points = [each for each in history.points(place, label, "seconds") if each.night in nights]
        known = [
            each for each in points if each.value is not None and each.context == points[-1].context
        ]
        found |= {label} if len(known) >= ENOUGH else set()
    return found


def _when(tonight: List[Tonight]) -> str:
    return max((each.night for each in tonight), default="")
