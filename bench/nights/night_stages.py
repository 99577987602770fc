"""The stages of a night, in order: each does its work and returns what changes in night.json.

A stage that cannot do its work makes the night INVALID with a sentence; a report that cannot be
written, or a trace that cannot be removed, is only a note. Free of torch.
"""

import os
import subprocess
from pathlib import Path
from typing import Dict

from edgejoule import launch
from edgejoule.bench import bundle, device_lock, runner, suite
from edgejoule.bench.history import store
from edgejoule.bench.nights import cooling, night, night_verdict, trace_keeping
from edgejoule.devices import choose, conditions, health

MOST_ATTEMPTS = 2
HARMLESS = ("report", "prune")  # their failure takes nothing from the numbers


def walk(work: night.Work, document: Dict) -> Dict:
    """Does every stage that is left; the finished document."""
    while document["stage"] != "done":
        stage = document["stage"]
        tries = document["tries"].get(stage, 0) + 1
        document = night.save(work, dict(document, tries={stage: tries}))
        work.say("night {}: {}".format(work.night, stage))
        after = night.STAGES[night.STAGES.index(stage) + 1]
        changes = dict({"stage": after}, **_done(work, document, stage))
        if changes["stage"] == "done":
            changes["finished_utc"] = night.now()
        document = night.save(work, dict(document, **changes))
    return document


def _done(work, document, stage) -> Dict:
    """What a stage changed; a stage that fails, or was killed too often, says so."""
    if stage != "run" and document["tries"][stage] > night.MOST_TRIES:
        return _failed(document, stage, "was interrupted {} times".format(night.MOST_TRIES))
    try:
        return DO[stage](work, document)
    except device_lock.Busy:
        raise
    except Exception as error:  # noqa: B902 the night must end and say why
        return _failed(
            document,
            stage,
            "failed: {}: {}".format(type(error).__name__, " ".join(str(error).split())[:500]),
        )


def _failed(document, stage, words) -> Dict:
    sentence = "stage {} {}".format(stage, words)
    if stage in HARMLESS:
        return {"notes": document["notes"] + [sentence]}
    return night.invalid(document, sentence)


def doctor(work, document) -> Dict:
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


def examine(work, slow: bool):
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


def cool(work, document) -> Dict:
    """Waits until the board is cool; a power that is not real needs no cool board."""
    if document["fake"]:
        return {"notes": document["notes"] + ["not waited to cool: the power is not real"]}
    patience = cooling.Patience(60.0 * work.options["max_wait"], work.options["cool_to"])
    ended = cooling.wait(conditions.celsius, patience.with_idle(_idle(work)))
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


def _idle(work):
    """The coolest that this device was seen at before earlier nights, in C; None if never."""
    seen = [
        ((each.document or {}).get("celsius") or {}).get("coolest")
        for each in store.nights(work.history, work.device)
    ]
    return min((degrees for degrees in seen if degrees is not None), default=None)


def run(work, document) -> Dict:
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
    if tally.refused:
        return night.invalid(changes, "case {} cannot be done as asked".format(tally.refused[0]))
    if _refusals(found):
        return night.invalid(
            changes, "the machine was not fit to measure after the run: " + _refusals(found)
        )
    if not document["fake"] and (swapped() or 0) > (document["swapped"] or 0):
        return night.invalid(
            changes,
            "the machine swapped during the run ({} pages): its joules "
            "are not the network's".format(swapped() - document["swapped"]),
        )
    if len(contexts) > 1:
        return night.invalid(
            changes, "the machine changed during the night: " + " | ".join(contexts)
        )
    return changes


def swapped():
    """Pages that went to swap and came back since boot; None if the kernel does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) for line in lines if line.startswith(("pswpin ", "pswpout "))]
    return sum(found) if found else None


def _rows(work):
    return [
        row
        for row in store.rows(work.history, work.device, work.asked.name)
        if row.night == work.night
    ]


def _failures(work, tally):
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


def report(work, document) -> Dict:
    """Writes the suite's page and the pages of the history."""
    notes = []
    for words in (
        ["report", work.asked.name, "--runs", str(work.folder.parent)],
        ["history", "--history", str(work.history)],
    ):
        code, said = edgejoule(words)
        if code not in (0, 3):
            notes.append("'edgejoule {}' failed with exit code {}: {}".format(words[0], code, said))
    return {"notes": document["notes"] + notes}


def edgejoule(words):
    """(exit code, last line of its complaints) of one of our own commands."""
    process = subprocess.Popen(
        launch.command("command_line", *words),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=runner.die_with_parent,
    )
    said = process.communicate()[1].decode("utf8", "replace").strip().splitlines()
    return process.returncode, said[-1] if said else "it said nothing"


def prune(work, document) -> Dict:
    """Removes old traces by the rule; the night is over."""
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


def _refusals(checks) -> str:
    return "; ".join(
        "{}: {}".format(check["name"], check["found"])
        for check in checks
        if check["verdict"] == "refuse"
    )


DO = {
    "doctor": doctor,
    "cool": cool,
    "run": run,
    "gate": night_verdict.gate,
    "confirm": night_verdict.confirm,
    "report": report,
    "prune": prune,
}
