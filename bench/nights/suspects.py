"""Tries the suspects of a night that is over: what a person asks for after the nightly."""

import json
from pathlib import Path
from typing import Dict, List

from edgejoule.bench import bundle, suite
from edgejoule.bench.gates import confirm, findings, judgement, limits
from edgejoule.bench.history import store
from edgejoule.bench.nights import night_verdict


def tried(
    judged: judgement.Judgement,
    history: store.Folder,
    night: store.Night,
    by: confirm.Execution = confirm.AS_USUAL,
    repository: Path = confirm.trees.plugins.ROOT,
) -> judgement.Judgement:
    """The judgement after the trials; night.json, if there is one, remembers them.

    Pairs are shared with the nightly: what it has run already is not run again.
    """
    found = [finding._asdict() for finding in judged.findings]
    keys = night_verdict.suspects(found)
    trials: Dict[night_verdict.Key, night_verdict.Trial] = {}
    thresholds = limits.read(suite=night.suite)
    by = by._replace(folder=by.folder or night.folder / "confirm")
    for label, before, after in keys:
        if before and after and not night_verdict.untried(label, before, after):
            asked = _asked(history, night, label)
            said = confirm.confirm(
                asked, asked.cases[0], (before, after), by, thresholds, repository
            )
            trials[label, before, after] = dict(
                said._asdict(), label=label, before=before, after=after
            )
    outcomes = night_verdict.sentences(keys, trials)
    decided = [findings.Finding(**each) for each in night_verdict.after_trials(found, trials)]
    known = judged._replace(
        findings=decided,
        notes=judged.notes + outcomes,
        verdict=judgement.verdict(decided, judged.compared),
    )
    _remember(night.folder, known, list(trials.values()), outcomes)
    return known


def _asked(history: store.Folder, night: store.Night, label: str) -> suite.Suite:
    """The cases of a label as the night measured them, whatever the suite's file says today."""
    records = [
        bundle.read(night.folder / row.case_id)
        for row in store.rows(history, night.device, night.suite)
        if (row.night, row.label) == (night.night, label) and row.status != "broken"
    ]
    return suite.Suite(
        night.suite,
        "Did the costs rise with the code?",
        "",
        tuple(suite.Case(**record.case) for record in records),
    )


def _remember(
    folder: Path, judged: judgement.Judgement, trials: List[Dict], outcomes: List[str]
) -> None:
    """Puts the trials and the verdict into night.json, as the nightly's own stage would."""
    document = store.document(folder)
    if not document or not trials:
        return
    document.update(
        verdict=judged.verdict,
        confirmation={"trials": trials, "sentences": outcomes},
        findings=[finding._asdict() for finding in judged.findings],
    )
    bundle.write_text(folder / store.DOCUMENT, json.dumps(document, indent=1) + "\n")
