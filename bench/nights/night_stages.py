"""The stages of a night, in order: each does its work and returns what changes in night.json.

A stage that cannot do its work makes the night INVALID with a sentence; a report that cannot be
written, or a trace that cannot be removed, is only a note. Free of torch.
"""

import os
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from edgejoule import launch
from edgejoule.bench import bundle, device_lock, runner, suite
from edgejoule.bench.history import store
from edgejoule.bench.nights import cooling, night, night_verdict, trace_keeping
from edgejoule.devices import choose, conditions, health

MOST_ATTEMPTS = 2  # of a case; one that kills the process twice would do so every night
HARMLESS = ("report", "prune")  # their failure takes nothing from the numbers

Document = Dict[str, Any]  # night.json
Check = Dict[str, Optional[str]]  # a `health.Check` as JSON


def walk(work: night.Work, document: Document) -> Document:
    """Does every stage that is left; the finished document."""
    while document["stage"] != "done":
        stage = document["stage"]
        # counted before the work: a stage that kills the process must not do so for ever
        tries = document["tries"].get(stage, 0) + 1
        document = night.save(work, dict(document, tries={stage: tries}))
        work.say("night {}: {}".format(work.night, stage))
        after = night.STAGES[night.STAGES.index(stage) + 1]
        changes = dict({"stage": after}, **_done(work, document, stage))
        if changes["stage"] == "done":
            changes["finished_utc"] = night.now()
        document = night.save(work, dict(document, **changes))
    return document


def _done(work: night.Work, document: Document, stage: str) -> Document:
    """What a stage changed; a stage that fails, or was killed too often, says so."""
    if stage != "run" and document["tries"][stage] > night.MOST_TRIES:
        return _failed(document, stage, "was interrupted {} times".format(night.MOST_TRIES))
    try:
        return DO[stage](work, document)
    except device_lock.Busy:
        raise
    except Exception as error:  # whatever it is, the night must end and say why
        return _failed(
            document,
            stage,
            "failed: {}: {}".format(type(error).__name__, " ".join(str(error).split())[:500]),
        )


def _failed(document: Document, stage: str, words: str) -> Document:
    """What a stage that did not end changes: the night is INVALID, or has a note."""
    sentence = "stage {} {}".format(stage, words)
    if stage in HARMLESS:
        return {"notes": document["notes"] + [sentence]}
    return night.invalid(document, sentence)


def doctor(work: night.Work, document: Document) -> Document:
    """Is the machine fit to measure? If not, nothing is measured tonight."""
    found = examine(work, slow=True)
    changes = {"doctor": {"before": found, "after": []}, "swapped": swapped()}
    refused = _refusals(found)
    if refused:
        return night.invalid(
            dict(document, **changes),
            "the machine was not fit to measure before the run: " + refused,
        )
    return changes


def examine(work: night.Work, slow: bool) -> List[Check]:
    """The doctor's checks as JSON; the slow ones only on a real sensor."""
    measure = work.asked.cases[0].measure
    device = choose.open(measure["power"], fake_power=measure["fake_power"] or None)
    try:
        info, seconds = device.info(), work.options["doctor_seconds"]
        if slow and info.reason is None and not info.fake and seconds > 0:
            found = health.examine(device, seconds, True)
        else:
            found = health.quick(info, conditions.snapshot(), device.notes())
    finally:
        device.close()
    return [check._asdict() for check in found]


def cool(work: night.Work, document: Document) -> Document:
    """Waits until the board is cool; a power that is not real needs no cool board."""
    if document["fake"]:
        return {"notes": document["notes"] + ["not waited to cool: the power is not real"]}
    patience = cooling.Patience(60.0 * work.options["max_wait"], work.options["cool_to"])
    ended = cooling.wait(conditions.celsius, patience.with_idle(_idle(work)), work.clock)
    changes = {
        "celsius": {
            "start": ended.celsius,
            "coolest": ended.coolest,
            "waited_s": round(ended.waited_s, 1),
        },
        "notes": document["notes"] + [ended.sentence],
    }
    if not ended.ready:
        return night.invalid(dict(document, celsius=changes["celsius"]), ended.sentence)
    return changes


def _idle(work: night.Work) -> Optional[float]:
    """The coolest that this device was seen at before earlier nights, in C; None if never."""
    seen = [
        ((each.document or {}).get("celsius") or {}).get("coolest")
        for each in store.nights(work.history, work.device)
    ]
    return min((degrees for degrees in seen if degrees is not None), default=None)


def run(work: night.Work, document: Document) -> Document:
    """Runs every case that has no bundle yet, each in a fresh process, and looks again."""
    tally = runner.run(work.asked, work.folder.parent, work.say, MOST_ATTEMPTS)
    found = examine(work, slow=False)
    contexts = sorted({row.context.split("; case ")[0] for row in _rows(work) if row.context})
    changes = dict(
        document,
        doctor=dict(document["doctor"], after=found),
        context=contexts[0] if len(contexts) == 1 else None,
        notes=document["notes"] + _failures(work, tally),
        stage="gate",
    )
    objection = _objection(document, tally, found, contexts)
    return night.invalid(changes, objection) if objection else changes


def _objection(
    document: Document, tally: runner.Tally, checks: List[Check], contexts: List[str]
) -> Optional[str]:
    """Why nothing of what was run may be compared; None if it may."""
    if tally.refused:
        return "case {} cannot be done as asked".format(tally.refused[0])
    if _refusals(checks):
        return "the machine was not fit to measure after the run: " + _refusals(checks)
    pages = (swapped() or 0) - (document["swapped"] or 0)
    if pages > 0 and not document["fake"]:
        return (
            "the machine swapped during the run ({} pages): its joules "
            "are not the network's".format(pages)
        )
    if len(contexts) > 1:
        return "the machine changed during the night: " + " | ".join(contexts)
    return None


def swapped() -> Optional[int]:
    """Pages that went to swap and came back since boot; None if the kernel does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) for line in lines if line.startswith(("pswpin ", "pswpout "))]
    return sum(found) if found else None


def _rows(work: night.Work) -> List[store.Row]:
    """What this night has measured so far."""
    return [
        row
        for row in store.rows(work.history, work.device, work.asked.name)
        if row.night == work.night
    ]


def _failures(work: night.Work, tally: runner.Tally) -> List[str]:
    """Sentences on the cases that were not measured."""
    notes = [
        "case {} failed; its log is {}".format(
            case_id, os.path.join(bundle.open_folder(work.folder, case_id).name, "log")
        )
        for case_id in tally.failed
    ]
    left = [
        suite.case_id(case)
        for case in work.asked.cases
        if not bundle.is_done(work.folder, suite.case_id(case))
    ]
    return notes + (
        ["{} of {} cases were not measured".format(len(left), len(work.asked.cases))]
        if left
        else []
    )


def report(work: night.Work, document: Document) -> Document:
    """Writes the suite's page and the pages of the history."""
    notes = []
    for words in (
        ["report", work.asked.name, "--runs", str(work.folder.parent)],
        ["history", "--history", str(work.history)],
    ):
        code, said = edgejoule(words)
        if code not in (0, 3):  # 3: nothing was measured, which its pages say themselves
            notes.append("'edgejoule {}' failed with exit code {}: {}".format(words[0], code, said))
    return {"notes": document["notes"] + notes}


def edgejoule(words: List[str]) -> Tuple[int, str]:
    """(exit code, last line of its complaints) of one of our own commands.

    In a process of its own: drawing pages needs pandas, and an error in it must not end the night.
    """
    process = subprocess.Popen(
        launch.command("command_line", *words),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=runner.attached(),
    )
    said = process.communicate()[1].decode("utf8", "replace").strip().splitlines()
    return process.returncode, said[-1] if said else "it said nothing"


def prune(work: night.Work, document: Document) -> Document:
    """Removes old traces by the rule of `trace_keeping`; the night is over."""
    keep = work.options["keep_traces"]
    blessed = trace_keeping.blessed(work.history / work.device, work.asked.name)
    nights = store.nights(work.history, work.device, work.asked.name)
    gone = trace_keeping.remove(trace_keeping.prunable(nights, blessed, keep))
    said = (
        [
            "removed {} traces ({:.1f} MB) of {} old nights".format(
                gone.traces, gone.size / 1e6, gone.nights
            )
        ]
        if gone.traces
        else []
    )
    return {"notes": document["notes"] + said}


def _refusals(checks: List[Check]) -> str:
    """What the doctor refuses to measure with, in words; "" if nothing."""
    return "; ".join(
        "{}: {}".format(check["name"], check["found"])
        for check in checks
        if check["verdict"] == "refuse"
    )


DO: Dict[str, Callable[[night.Work, Document], Document]] = {
    "doctor": doctor,
    "cool": cool,
    "run": run,
    "gate": night_verdict.judge,
    "confirm": night_verdict.try_suspects,
    "report": report,
    "prune": prune,
}
