"""Tries the suspects of a night: pairs of runs of the commits before and after the step."""
import json
from pathlib import Path
from typing import Callable, Dict, List, Optional

from bench import bundle, history, suite
from bench.gates import confirm, gate, standing
from bench.gates import thresholds as limits
from bench.nights import night_verdict

SAID = {"FAIL": True, "PASS": False}  # anything else leaves a suspect a suspect


def tried(judged: gate.Judgement, folder, device: str, name: str, night: str,
          pairs: Optional[int] = None, say: Optional[Callable] = None,
          where=None, repository=confirm.trees.plugins.ROOT) -> gate.Judgement:
    """The judgement after the trials; night.json, if there is one, remembers them."""
    thresholds = limits.read(suite=name)
    place = Path(folder) / device / night / name / "confirm"  # shared with the nightly
    trials, notes, found = {}, [], []
    for finding in judged.findings:
        if finding.kind != standing.RED or finding.confirmed is not None:
            found.append(finding)
            continue
        key = _key(finding)
        excuse = _untriable(finding)
        if excuse:
            notes.append("{}: not tried: {}".format(finding.label, excuse))
        elif key not in trials:
            asked = _asked(folder, device, name, night, finding.label)
            trials[key] = confirm.confirm(asked, asked.cases[0], key[1], key[2], where or place,
                                          pairs, thresholds, say, repository)
        found.append(finding._replace(confirmed=says(trials.get(key), finding.metric)))
    told = [dict(trial._asdict(), label=key[0], before=key[1], after=key[2])
            for key, trial in trials.items()]
    notes = list(dict.fromkeys(notes)) + [night_verdict.sentence(each) for each in told]
    after = judged._replace(findings=found, notes=judged.notes + notes,
                            verdict=gate.verdict(found, judged.compared))
    _remember(place.parent, after, told, notes)
    return after


def says(trial, metric: str) -> Optional[bool]:
    """True if a trial confirms a rise of this metric, False if it dismisses it."""
    if trial is None or not trial.subjects or trial.subjects[0]["verdict"] == "INVALID":
        return None
    return SAID.get(trial.subjects[0]["metrics"][metric]["verdict"])


def _key(finding):
    """(label, commit before, commit after)."""
    ends = [(end or {}).get("commit") for end in (finding.until, finding.since)]
    return (finding.label,) + tuple(ends)


def _untriable(finding) -> Optional[str]:
    _, before, after = _key(finding)
    if before is None or after is None:
        return "a commit is not known"
    if before == after:
        return "the code is the same on both sides of the step, so the machine or its " \
               "surroundings changed"
    return None


def _asked(folder, device: str, name: str, night: str, label: str) -> suite.Suite:
    """The cases of a label as the night measured them."""
    place = Path(folder) / device / night / name
    records = [bundle.read(place / row.case_id) for row in history.rows(folder, device, name)
               if (row.night, row.label) == (night, label) and row.status != "broken"]
    return suite.Suite(name, "Did the costs rise with the code?", "",
                       tuple(suite.Case(**record.case) for record in records))


def _remember(folder: Path, judged: gate.Judgement, trials: List[Dict], notes: List[str]) -> None:
    document = history.document(folder)
    if not document or not trials:
        return
    document.update(verdict=judged.verdict, confirmation={"trials": trials, "sentences": notes},
                    findings=[finding._asdict() for finding in judged.findings])
    bundle.write_text(folder / history.DOCUMENT, json.dumps(document, indent=1) + "\n")
