"""The two stages that judge a night: the gate finds suspects, an A/B of two commits tries them.

A suspect is a step in a series. It may have come from the room, the board or the code; only an
interleaved comparison of the code before and after it, on the same device, tells. Whoever is
acquitted leaves the verdict; whoever could not be tried stays in it.
"""

from typing import Dict, List, Optional, Tuple

from edgejoule.bench import bundle, suite
from edgejoule.bench.history import store

SUSPECT = "regression"


def gate(work, document) -> Dict:
    """The verdict on what was measured, by the nights before it."""
    from edgejoule.bench.gates import (
        judgement as gates,  # numpy is paid for only by those who judge
    )

    judged = gates.judge(work.history, work.device, work.asked.name, work.night)
    verdict, notes = judged.verdict, document["notes"] + list(judged.notes)
    left = [
        case for case in work.asked.cases if not bundle.is_done(work.folder, suite.case_id(case))
    ]
    if left and verdict == "PASS":
        verdict, notes = "INCONCLUSIVE", notes + ["no PASS: not every case was measured"]
    return {
        "verdict": verdict,
        "notes": notes,
        "findings": [_plain(finding) for finding in judged.findings],
    }


def confirm(work, document) -> Dict:
    """Tries every suspect by an A/B of the commits round its step; the verdict after that."""
    keys = suspects(document["findings"])
    if not keys:
        return {}
    if not work.options["confirm"]:
        return {"notes": document["notes"] + ["suspects were not tried: --no-confirm"]}
    trials = {key: _tried(work, *key) for key in keys if not untried(*key)}
    findings, told = judged(document["findings"], trials), sentences(keys, trials)
    return {
        "findings": findings,
        "notes": document["notes"] + told,
        "confirmation": {"trials": list(trials.values()), "sentences": told},
        "verdict": verdict(document["verdict"], findings),
    }


def suspects(findings: List[Dict]) -> List[Tuple]:
    """(label, commit before, commit after) of everything to be tried, each once, sorted."""
    return sorted({_key(finding) for finding in findings if is_suspect(finding)}, key=str)


def judged(findings: List[Dict], trials: Dict) -> List[Dict]:
    """The findings after the trials {key: what an A/B said}."""
    return [
        _judged(finding, trials.get(_key(finding))) if is_suspect(finding) else finding
        for finding in findings
    ]


def sentences(keys: List[Tuple], trials: Dict) -> List[str]:
    """What became of every suspect, in words."""
    return [untried(*key) or sentence(trials[key]) for key in keys]


def is_suspect(finding: Dict) -> bool:
    """True for a regression that was neither confirmed nor acquitted."""
    return finding["kind"] == SUSPECT and finding.get("confirmed") is None


def verdict(before: str, findings: List[Dict]) -> str:
    """A confirmed regression is a FAIL; if all are acquitted, only what is missing remains."""
    regressions = [finding.get("confirmed") for finding in findings if finding["kind"] == SUSPECT]
    if True in regressions:
        return "FAIL"
    if not regressions or None in regressions:
        return before
    holes = {"missing", "not measured", "invalid"} & {finding["kind"] for finding in findings}
    return "INCONCLUSIVE" if holes else "PASS"


def sentence(trial: Dict) -> str:
    """What an A/B said, in words."""
    if trial["verdict"] == "INVALID":
        return "{}: the A/B of {} and {} could not be done: {}".format(
            trial["label"], trial["a"], trial["b"], "; ".join(trial["notes"]) or "no reason given"
        )
    told = [
        "{} x{:.3f} ({:.3f} to {:.3f}, {})".format(
            name, *[found["ratio"][key] for key in ("median", "low", "high")] + [found["verdict"]]
        )
        for name, found in sorted(trial["subjects"][0]["metrics"].items())
        if name != "accuracy" and found["ratio"]["low"] is not None
    ]
    return "{}: {} against {}, {} pairs: {}: {}".format(
        trial["label"],
        trial["b"],
        trial["a"],
        trial["subjects"][0]["pairs"],
        trial["verdict"],
        ", ".join(told) or "nothing was measured",
    )


def _key(finding):
    """(label, commit before, commit after)."""
    return (finding["label"],) + tuple(
        (finding.get(end) or {}).get("commit") for end in ("until", "since")
    )


def untried(label, before, after) -> Optional[str]:
    """Why no A/B can tell; None if one can."""
    if before is None or after is None:
        return "{}: not tried, a commit is not known".format(label)
    return (
        "{}: not tried, the code is the same on both sides of the step, so the machine or its "
        "surroundings changed".format(label)
        if before == after
        else None
    )


def _tried(work, label: str, before: str, after: str) -> Dict:
    """What an A/B of two commits says of the first case with a label; pairs that are done stay."""
    from edgejoule.bench.gates import confirm as confirms

    names = dict(
        store.distinct([(suite.case_id(case), suite.label(case)) for case in work.asked.cases])
    )
    case = [each for each in work.asked.cases if names[suite.case_id(each)] == label][0]
    work.say("night {}: {}: commit {} against {}".format(work.night, label, before[:9], after[:9]))
    found = confirms.confirm(
        work.asked, case, before, after, folder=work.folder / "confirm", say=work.say
    )
    return dict(_plain(found), label=label, before=before, after=after)


def _judged(finding: Dict, trial) -> Dict:
    """The finding with what its trial said of its metric; no answer leaves it a suspect."""
    if trial is None or trial["verdict"] == "INVALID" or not trial["subjects"]:
        return finding
    said = trial["subjects"][0]["metrics"].get(finding["metric"], {}).get("verdict")
    return dict(finding, confirmed={"FAIL": True, "PASS": False}.get(said))


def _plain(finding) -> Dict:
    return dict(finding) if isinstance(finding, dict) else dict(finding._asdict())
