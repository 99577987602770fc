"""A night of one suite on one device: its state on disk, and who goes on after a kill.

`night.json` is written whole, in one step, when a stage ends: its result and the next stage
together. So a stage that was killed is done again and one that ended is not, whatever happened
in between. Every stage can be done again without counting anything twice. Free of torch.

Dates and moments in night.json are of the calendar, for people and for sorting; durations are
measured by the clock that a night is given.
"""

import hashlib
import json
import os
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from edgejoule.bench import bundle, environment, suite
from edgejoule.bench.history import store
from edgejoule.bench.history.store import DOCUMENT
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.reading import DeviceInfo

SCHEMA = 1
STAGES = ("doctor", "cool", "run", "gate", "confirm", "report", "prune", "done")
DIRTY = "the code has uncommitted changes: its commit does not tell what ran"
MOST_TRIES = 3  # of one stage; the run is bounded by the attempts at its cases
# without these nobody can finish a night: another version, or another program, wrote it
NEEDED = ("attempts", "cases", "doctor", "fake", "findings", "notes", "options", "tries")
EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3, "INVALID": 3}


class Work(NamedTuple):
    """What the stages of a night need: the request, the place, who hears of it, and the clock."""

    asked: suite.Suite
    history: Path
    device: str
    night: str
    options: Dict[str, Any]  # of the command line, as night.json keeps them
    say: Callable[[str], None]
    clock: Clock = MACHINE

    @property
    def folder(self) -> Path:
        """The suite's folder of this night."""
        return self.history / self.device / self.night / self.asked.name


def begin(work: Work, info: DeviceInfo) -> Dict:
    """Makes a night's folder and its first night.json; the document."""
    git = environment.git()
    document = {
        "schema": SCHEMA,
        "suite": work.asked.name,
        "device": work.device,
        "night": work.night,
        "stage": STAGES[0],
        "attempts": 0,
        "started_utc": now(),
        "finished_utc": None,
        "commit": git["commit"],
        "dirty": git["dirty"],
        "context": None,
        "verdict": None,
        "fake": info.fake,
        "doctor": {"before": [], "after": []},
        "findings": [],
        "confirmation": None,
        "notes": [DIRTY] if git["dirty"] else [],
        "interruptions": [],
        "tries": {},
        "celsius": None,
        "swapped": None,
        "options": work.options,
        "cases": _ids(work.asked),
        "machine": machine(),
    }
    folder = bundle.folder(work.folder.parent, work.asked.name)
    for parent in list(folder.parents)[:3]:  # night, device, history: their entries are new
        bundle.sync(parent)
    return take(work, document)


def take(work: Work, document: Dict) -> Dict:
    """The document with this process as its owner, on the disk.

    The owner is known by its pid, its start and the boot it belongs to: a pid alone is given to
    another process sooner or later.
    """
    return save(
        work,
        dict(
            document,
            attempts=document["attempts"] + 1,
            boot_id=boot_id(),
            pid=os.getpid(),
            start_ticks=start_ticks(os.getpid()),
        ),
    )


def save(work: Work, document: Dict) -> Dict:
    """Writes night.json whole or not at all; the document. A note said twice is kept once."""
    document = dict(document, notes=sorted(set(document["notes"]), key=document["notes"].index))
    bundle.write_text(work.folder / DOCUMENT, json.dumps(document, indent=1) + "\n")
    return document


def resume(work: Work, document: Dict) -> Dict:
    """Goes on with a night that nobody works on any more; the document.

    A machine that was stopped before everything was measured is examined and cooled again.
    """
    stage = document["stage"]
    entry = {
        "stage": stage,
        "boot_id": document.get("boot_id"),
        "utc": now(),
        "why": "the machine was restarted"
        if document.get("boot_id") != boot_id()
        else "the process was killed",
    }
    work.say("night {}: {} in stage {}; it goes on".format(work.night, entry["why"], stage))
    found = dict(document, interruptions=document.get("interruptions", []) + [entry])
    if stage in ("cool", "run"):
        found["stage"] = "doctor"
    changed = _changed(work, document)
    if changed and stage in STAGES[:4]:
        found = invalid(
            found,
            "it was interrupted in stage {} and {}: two states of the code "
            "are not one night".format(stage, changed),
        )
    return take(work, found)


def invalid(document: Dict, sentence: str) -> Dict:
    """The document of a night that must not be compared, ready for its report."""
    return dict(document, verdict="INVALID", stage="report", notes=document["notes"] + [sentence])


def unfinished(
    history_folder: store.Folder, device: Optional[str] = None, name: Optional[str] = None
) -> List[store.Night]:
    """Nights of this machine that were begun and not finished, in order."""
    return [
        night
        for night in store.nights(history_folder, device, name)
        if is_unfinished(night.document)
    ]


def is_unfinished(document: Optional[Dict]) -> bool:
    """True for a night of this machine that is not done; another board's is left to that board."""
    return (
        document is not None
        and document.get("stage") in STAGES[:-1]
        and document.get("machine") == machine()
        and all(key in document for key in NEEDED)
    )


def is_alive(document: Dict) -> bool:
    """True while the process that works on a night lives; a pid alone may be somebody else's."""
    pid, ticks = document.get("pid"), document.get("start_ticks")
    return (
        document.get("boot_id") == boot_id()
        and pid != os.getpid()
        and ticks is not None
        and start_ticks(pid) == ticks
    )


def _is_night(asked: str) -> bool:
    """True for a day that the calendar has, with or without a number behind it."""
    found = store.NIGHT.match(asked)
    try:
        return found is not None and bool(datetime.strptime(found.group(1), "%Y-%m-%d"))
    except ValueError:
        return False


def name(folder: Path, suite_name: str, asked: Optional[str], again: bool) -> str:
    """The night to do: the one asked for, else today's; `again` takes the next free number.

    Raises:
        ValueError: what was asked for is no name of a night.
    """
    first = asked or date.today().isoformat()
    if not _is_night(first):
        raise ValueError(
            "no night is called {!r}; nights are dates such as 2026-11-21, or 2026-11-21.2".format(
                first
            )
        )
    day, number, found = first.split(".")[0], 2, first
    while again and (folder / found / suite_name / DOCUMENT).exists():
        found, number = "{}.{}".format(day, number), number + 1
    return found


def boot_id() -> Optional[str]:
    """What the kernel calls this boot; None if it does not say."""
    return _text("/proc/sys/kernel/random/boot_id")


def start_ticks(pid: Optional[int]) -> Optional[int]:
    """When a process began, in ticks since boot; None if there is none."""
    text = _text("/proc/{}/stat".format(pid))
    # the second field is the program's name in brackets, and may hold spaces and brackets itself
    fields = text.rsplit(")", 1)[-1].split() if text else []
    return int(fields[19]) if len(fields) > 19 else None


def machine() -> Optional[str]:
    """A number that tells this machine from others and says nothing else about it.

    The machine id itself is a secret (`man machine-id`): only a hash of it may leave the machine.
    """
    text = _text("/etc/machine-id")
    return hashlib.sha256(("edgejoule " + text).encode()).hexdigest()[:8] if text else None


def now() -> str:
    """The time in UTC."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _changed(work: Work, document: Dict) -> Optional[str]:
    """What is another now than when the night began; None if nothing is."""
    commit = environment.git()["commit"]
    if commit != document.get("commit"):
        return "the commit was {} and is {}".format(document.get("commit"), commit)
    if _ids(work.asked) != document.get("cases"):
        return "the suite's cases changed"
    return None


def _ids(asked: suite.Suite) -> List[str]:
    return [suite.case_id(case) for case in asked.cases]


def _text(path: str) -> Optional[str]:
    try:
        return Path(path).read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None
