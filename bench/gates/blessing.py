"""Which night is the baseline of a device's suite, who said so and why. Free of torch.

    history/<device>/blessed.json    {suite: {night, commit, by, when_utc, why, previous}}

A baseline is never simply the latest night: a regression would become normal by happening twice.
"""

import getpass
import json
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Dict, List, Optional

from edgejoule.bench import bundle, records
from edgejoule.bench.history import store

FILE = "blessed.json"


def read(folder: store.Folder, device: str) -> Dict[str, Dict]:
    """{suite: blessing} of a device; {} if nothing was blessed.

    Raises:
        ValueError: the file is there and cannot be read; no baseline is guessed.
    """
    path = Path(folder) / device / FILE
    try:
        found = json.loads(path.read_bytes().decode("utf8"))
        if not all(isinstance(each.get("night"), str) for each in found.values()):
            raise ValueError("an entry has no night")
        return found
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(
            "{} cannot be read ({}); mend it, or remove it and bless again".format(path, error)
        ) from None


def bless(
    folder: store.Folder, night: store.Night, commit: Optional[str], why: str, by: str
) -> Dict:
    """Makes a night the baseline of its suite and returns the blessing.

    The one before is kept in it for `undo`.

    Raises:
        ValueError: no reason was given.
    """
    if not why.strip():
        raise ValueError('a baseline needs a reason; say --why "..."')
    known = read(folder, night.device)
    made = {
        "night": night.night,
        "commit": commit,
        "by": by,
        "when_utc": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "why": why.strip(),
        "previous": known.get(night.suite),  # with its own "previous": all can be taken back
    }
    known[night.suite] = made
    _write(folder, night.device, known)
    return made


def undo(folder: store.Folder, device: str, suite: str) -> Optional[Dict]:
    """Takes the last blessing back; the baseline that holds now, None if none does.

    Raises:
        ValueError: nothing was blessed.
    """
    known = read(folder, device)
    if suite not in known:
        raise ValueError("nothing was blessed for suite {!r} on {}".format(suite, device))
    before = known.pop(suite).get("previous")
    if before:
        known[suite] = before
    _write(folder, device, known)
    return before


def objections(folder: store.Folder, night: store.Night) -> List[str]:
    """Sentences about why a night should not be a baseline; empty if nothing speaks against it."""
    rows = [
        row for row in store.rows(folder, night.device, night.suite) if row.night == night.night
    ]
    document = night.document or {}
    found: List[str] = []
    reasons = {row.reason or "" for row in rows}
    beside = sorted(each for each in reasons if each.startswith(records.INCOMPARABLE))
    found += beside
    if not beside and not any(row.metrics.get("seconds") is not None for row in rows):
        found.append("it measured nothing")
    if document.get("verdict") == "INVALID":
        found.append("it is invalid")
    if document.get("stage", "done") != "done":
        found.append("it has not ended (stage {})".format(document["stage"]))
    fakes = sorted({row.fake for row in rows if row.fake})
    if fakes:
        found.append("its power is not real: {}".format(", ".join(fakes)))
    return found


def person() -> str:
    """Who is asking: git's user.name, else the login name."""
    try:
        name = (
            subprocess.check_output(("git", "config", "user.name"), stderr=subprocess.DEVNULL)
            .decode()
            .strip()
        )
    except (OSError, subprocess.CalledProcessError):
        name = ""
    try:
        return name or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        return "unknown"


def _write(folder: store.Folder, device: str, known: Dict) -> None:
    bundle.write_text(
        Path(folder) / device / FILE, json.dumps(known, indent=1, sort_keys=True) + "\n"
    )
