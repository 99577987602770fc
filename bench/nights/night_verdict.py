"""The two stages that judge a night: the gate finds suspects, an A/B of two commits tries them.

A suspect is a regression of a series that may have come from the room, the board or the code; only
an interleaved comparison of the code before and after it, on the same device, tells. A suspect that
this dismisses no longer counts in the verdict; one that could not be tried still does.

What is left for the functions below is plain JSON, as night.json holds it: a finding, and a trial,
which is a `gates.comparison.Comparison` with its label and its two commits.
"""

from typing import Any, Dict, List, Optional, Tuple

from edgejoule.bench import bundle, suite
from edgejoule.bench.history import store
from edgejoule.bench.nights import night

Key = Tuple[str, Optional[str], Optional[str]]  # label, commit before the step, commit after it
Finding = Dict[str, Any]
Trial = Dict[str, Any]


def judge(work: night.Work, document: Dict) -> Dict:
    """What the gate changes: the verdict on what was measured, by the nights before it."""
    from edgejoule.bench.gates import judgement  # numpy is paid for only by those who judge

    judged = judgement.judge(work.history, work.device, work.asked.name, work.night)
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


def try_suspects(work: night.Work, document: Dict) -> Dict:
    """What an A/B of the commits round every suspect changes: findings, notes and the verdict."""
    keys = suspects(document["findings"])
    if not keys:
        return {}
    if not work.options["confirm"]:
        return {"notes": document["notes"] + ["suspects were not tried: --no-confirm"]}
    trials = {key: _trial(work, key) for key in keys if not untried(*key)}
    findings, outcomes = after_trials(document["findings"], trials), sentences(keys, trials)
    return {
        "findings": findings,
        "notes": document["notes"] + outcomes,
        "confirmation": {"trials": list(trials.values()), "sentences": outcomes},
        "verdict": verdict(document["verdict"], findings),
    }


def suspects(findings: List[Finding]) -> List[Key]:
    """Everything to be tried, each once, sorted."""
    # a joule and a second that rose with the same commits need one comparison; of an unknown
    # commit, None, only the text can be sorted
    return sorted({_key(finding) for finding in findings if is_suspect(finding)}, key=str)


def after_trials(findings: List[Finding], trials: Dict[Key, Trial]) -> List[Finding]:
    """The findings, of which suspects say what their trial decided."""
    return [
        _decided(finding, trials.get(_key(finding))) if is_suspect(finding) else finding
        for finding in findings
    ]


def sentences(keys: List[Key], trials: Dict[Key, Trial]) -> List[str]:
    """What became of every suspect, in words."""
    return [untried(*key) or sentence(trials[key]) for key in keys]


def is_suspect(finding: Finding) -> bool:
    """True for a regression that was neither confirmed nor dismissed."""
    return finding["kind"] == store.REGRESSION and finding.get("confirmed") is None


def verdict(before: str, findings: List[Finding]) -> str:
    """The verdict after the trials: FAIL for a regression that was confirmed.

    If all were dismissed, only what is absent stands between the night and a PASS.
    """
    regressions = [
        finding.get("confirmed") for finding in findings if finding["kind"] == store.REGRESSION
    ]
    if True in regressions:
        return "FAIL"
    if not regressions or None in regressions:
        return before
    absent = any(finding["kind"] in store.ABSENT for finding in findings)
    return "INCONCLUSIVE" if absent else "PASS"


def sentence(trial: Trial) -> str:
    """What an A/B said, in words."""
    if trial["verdict"] == "INVALID":
        return "{}: the A/B of {} and {} could not be done: {}".format(
            trial["label"], trial["a"], trial["b"], "; ".join(trial["notes"]) or "no reason given"
        )
    ratios = [
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
        ", ".join(ratios) or "nothing was measured",
    )


def _key(finding: Finding) -> Key:
    before, after = ((finding.get(end) or {}).get("commit") for end in ("until", "since"))
    return finding["label"], before, after


def untried(label: str, before: Optional[str], after: Optional[str]) -> Optional[str]:
    """Why no A/B of two commits can tell where a step came from; None if one can."""
    if before is None or after is None:
        return "{}: not tried, a commit is not known".format(label)
    return (
        "{}: not tried, the code is the same on both sides of the step, so the machine or its "
        "surroundings changed".format(label)
        if before == after
        else None
    )


def _trial(work: night.Work, key: Key) -> Trial:
    """What an A/B of two commits says of the first case with a label; pairs that are done stay."""
    from edgejoule.bench.gates import confirm

    label, before, after = key
    assert before and after, "of unknown commits `untried` says why"
    names = dict(
        store.distinct([(suite.case_id(case), suite.label(case)) for case in work.asked.cases])
    )
    case = [each for each in work.asked.cases if names[suite.case_id(each)] == label][0]
    work.say("night {}: {}: commit {} against {}".format(work.night, label, before[:9], after[:9]))
    by = confirm.Execution(folder=work.folder / "confirm", say=work.say, clock=work.clock)
    found = confirm.confirm(work.asked, case, (before, after), by)
    return dict(_plain(found), label=label, before=before, after=after)


def _decided(finding: Finding, trial: Optional[Trial]) -> Finding:
    """The finding with what its trial said of its metric; no answer leaves it a suspect."""
    if trial is None or trial["verdict"] == "INVALID" or not trial["subjects"]:
        return finding
    said = trial["subjects"][0]["metrics"].get(finding["metric"], {}).get("verdict")
    return dict(finding, confirmed={"FAIL": True, "PASS": False}.get(said))


def _plain(found: Any) -> Dict:
    """A finding or a comparison as plain JSON."""
    return dict(found) if isinstance(found, dict) else dict(found._asdict())
