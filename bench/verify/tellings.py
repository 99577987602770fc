"""What is told twice: epochs in the log, doubts in the warnings, the settings of a ticket."""

from typing import Any, Dict, Optional

from edgejoule.bench import checks, progress, records
from edgejoule.bench.verify.evidence import LOG, Evidence
from edgejoule.bench.verify.outcome import Outcome
from edgejoule.devices import health
from edgejoule.prune.recipes import early_bird


def check(found: Evidence, outcome: Outcome) -> None:
    """The log's lines and the record's sentences, which only this version writes as it does."""
    _ticket(found, outcome)
    if not found.ours:
        outcome.skip("lines of the log", "an earlier version wrote them")
        return
    _log(found, outcome)
    _doctor(found, outcome)
    for sentence in checks.sentences(found.record):
        outcome.same("warnings", sentence in found.record.warnings, True, sentence)


def _log(found: Evidence, outcome: Outcome) -> None:
    """Loss, accuracy, seconds and joules of an epoch, to the digits that were printed."""
    if found.log is None:
        return
    taken = records.taken_over(found.record)
    lines = set(found.log)
    for number, epoch in enumerate(found.record.epochs):
        if epoch["phase"] in taken:
            outcome.skip(
                "the log of phase " + epoch["phase"], "an earlier attempt or another case wrote it"
            )
            continue
        whole: Dict[str, Any] = {name: epoch.get(name) for name in records.EpochRecord._fields}
        told = progress.line(records.EpochRecord(**whole))
        if told in lines:
            outcome.agreed += 1
        else:
            outcome.differs("epochs[{}]".format(number), told, _nearest(found, epoch), LOG)


def _doctor(found: Evidence, outcome: Outcome) -> None:
    """What the doctor's checks said of load and swap, against the numbers that they looked at."""
    surroundings = found.record.environment
    for when in ("before", "after"):
        state = surroundings.get(when) or {}
        load = "{:.1f} on {} cores".format(state.get("load_average") or 0, surroundings["cores"])
        swap = health.swap({"swap": state.get("swap")}).found
        for check in state.get("checks") or ():
            told = {"load": load, "swap": swap}.get(check["name"])
            if told is not None:
                what = "environment.{}.checks {}".format(when, check["name"])
                outcome.same(what, check["found"], told, "the numbers beside it")


def _nearest(found: Evidence, epoch: Dict[str, Any]) -> str:
    """The line of the log that tells of that epoch."""
    begin = "{} epoch {}:".format(epoch["phase"], epoch["epoch"] + 1)
    lines = [line for line in found.log or () if line.startswith(begin)]
    return lines[-1] if lines else "no line of this epoch"


def _ticket(found: Evidence, outcome: Outcome) -> None:
    """The detector as it was asked for; when it fired; a distance for every epoch of the search."""
    ticket: Optional[Dict[str, Any]] = found.record.ticket
    if ticket is None:
        return
    searched = sum(phase["epochs"] for phase in found.record.phases if phase["name"] == "search")
    if ticket["epoch"] is not None:
        outcome.same("ticket.epoch", ticket["epoch"], searched, "epochs of the search")
    outcome.within(
        "ticket.distances", len(ticket["distances"]), searched, searched + 1, "epochs of the search"
    )
    for place, distance in enumerate(ticket["distances"]):
        if distance is not None:
            outcome.within("ticket.distances[{}]".format(place), distance, 0, 1, "a share")
    _rule(found.record.case["prune"], ticket, outcome)
    outcome.skip("distances of the ticket", "the sign codes and masks of epochs are not kept")


def _rule(asked: Dict[str, Any], ticket: Dict[str, Any], outcome: Outcome) -> None:
    """The detector's name and threshold, as the settings make them."""
    make = early_bird.RULES.get(str(asked.get("detector")))
    if asked["recipe"] != "early_bird" or make is None:
        return
    given = {"epsilon": asked.get("epsilon"), "length": asked.get("queue")}
    rule = make(**{name: value for name, value in given.items() if value is not None})
    outcome.same("ticket.detector", ticket.get("detector"), rule.name, "the settings")
    outcome.same("ticket.threshold", ticket.get("threshold"), rule.threshold, "the settings")
