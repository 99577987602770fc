"""What a run says it is: id, label, seed, settings and attempts, each told twice at least."""

from typing import Any, Dict, List, Optional

from edgejoule.bench import records, settings, suite
from edgejoule.bench.verify.evidence import CASE, Evidence
from edgejoule.bench.verify.outcome import Outcome

NAMED = ("suite", "case_id", "attempts", "case")


def check(found: Evidence, outcome: Outcome) -> None:
    """Compares the record with the folder's name, with case.json and with its own settings."""
    record = found.record
    outcome.same("schema", record.schema in range(1, records.SCHEMA + 1), True, "schemas there are")
    outcome.same("case_id", record.case_id, found.folder.resolve().name, "the folder's name")
    if found.case is not None:
        for name in NAMED:
            outcome.same(name, getattr(record, name), found.case.get(name), CASE)
    _attempts(found, outcome)
    _settings(record.case, record, outcome)
    _rates(found, outcome)


def _attempts(found: Evidence, outcome: Outcome) -> None:
    path = found.folder / "attempts"
    if path.is_file() or found.record.hashed:
        there = path.read_bytes().decode("utf8").strip() if path.is_file() else "no file"
        outcome.same("attempts", str(found.record.attempts), there, "the file attempts")


def _settings(case: Dict[str, Any], record: records.RunRecord, outcome: Outcome) -> None:
    """The id and the label, which follow from the settings."""
    try:
        asked = suite.Case(**case)
        told = suite.case_id(asked), suite.label(asked)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        outcome.skip("case id and label", "the settings are not known here: {}".format(error))
        return
    outcome.same("case_id", record.case_id, told[0], "the settings of the case")
    outcome.same("label", record.label, told[1], "the settings of the case")


def _rates(found: Evidence, outcome: Outcome) -> None:
    """Every learning rate is one of the schedule's: exactly where it falls in steps, else below."""
    train = found.record.case["train"]
    try:
        strange = set(train) - set(settings.allowed("train", train))
    except ValueError:  # an optimiser or a schedule of somebody's own
        strange = {"schedule"}
    if strange or "learning_rate" not in train:
        outcome.skip("learning rates", "the schedule is not known here")
        return
    warm = train.get("warmup_epochs") or train.get("warmup_steps")
    known = None if warm else _steps(train)
    for place, epoch in enumerate(found.record.epochs):
        what = "epochs[{}].learning_rate".format(place)
        rate = epoch.get("learning_rate")
        if known is None:
            outcome.within(what, rate, 0, train["learning_rate"], "the schedule")
        else:
            outcome.same(what, rate in known, True, "rates of the schedule: {}".format(known))


def _steps(train: Dict[str, Any]) -> Optional[List[float]]:
    """The rates that a schedule in steps may have; None of another schedule."""
    if not {"milestones", "decay"} <= set(train):
        return None
    falls = range(len(train["milestones"]) + 1)
    return [train["learning_rate"] * train["decay"] ** passed for passed in falls]
