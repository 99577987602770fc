"""Tries the suspects of a night that is over: what a person asks for after the nightly."""

import json
from pathlib import Path
from typing import Callable, Optional

from edgejoule.bench import bundle, suite
from edgejoule.bench.gates import confirm, findings, judgement, limits
from edgejoule.bench.history import store
from edgejoule.bench.nights import night_verdict


def tried(
    judged: judgement.Judgement,
    folder,
    device: str,
    name: str,
    night: str,
    pairs: Optional[int] = None,
    say: Optional[Callable] = None,
    where=None,
    repository=confirm.trees.plugins.ROOT,
) -> judgement.Judgement:
    """The judgement after the trials; night.json, if there is one, remembers them.

    Pairs are shared with the nightly: what it has run already is not run again.
    """
    place = Path(folder) / device / night / name
    found = [finding._asdict() for finding in judged.findings]
    keys, trials, thresholds = night_verdict.suspects(found), {}, limits.read(suite=name)
    for label, before, after in keys:
        if not night_verdict.untried(label, before, after):
            asked = _asked(folder, device, name, night, label)
            said = confirm.confirm(
                asked,
                asked.cases[0],
                before,
                after,
                where or place / "confirm",
                pairs,
                thresholds,
                say,
                repository,
            )
            trials[label, before, after] = dict(
                said._asdict(), label=label, before=before, after=after
            )
    told = night_verdict.sentences(keys, trials)
    after = _after(
        judged, [findings.Finding(**each) for each in night_verdict.judged(found, trials)], told
    )
    _remember(place, after, list(trials.values()), told)
    return after


def _after(judged: judgement.Judgement, found, told) -> judgement.Judgement:
    return judged._replace(
        findings=found, notes=judged.notes + told, verdict=judgement.verdict(found, judged.compared)
    )


def _asked(folder, device: str, name: str, night: str, label: str) -> suite.Suite:
    """The cases of a label as the night measured them."""
    place = Path(folder) / device / night / name
    records = [
        bundle.read(place / row.case_id)
        for row in store.rows(folder, device, name)
        if (row.night, row.label) == (night, label) and row.status != "broken"
    ]
    return suite.Suite(
        name,
        "Did the costs rise with the code?",
        "",
        tuple(suite.Case(**record.case) for record in records),
    )


def _remember(folder: Path, judged: judgement.Judgement, trials, told) -> None:
    document = store.document(folder)
    if not document or not trials:
        return
    document.update(
        verdict=judged.verdict,
        confirmation={"trials": trials, "sentences": told},
        findings=[finding._asdict() for finding in judged.findings],
    )
    bundle.write_text(folder / store.DOCUMENT, json.dumps(document, indent=1) + "\n")
