"""The nights of every device: which there are, what each measured, how a number went on.

    history/<device>/<night>/<suite>/   a runs folder of one suite, with night.json beside it
    history/index.sqlite                a cache of rows; the bundles are the truth

Free of torch. A device is named by its board and its sensor, a night by its local date, a
second one of the same date `2026-11-21.2`.
"""

import hashlib
import json
import os
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from edgejoule.bench import manifest
from edgejoule.bench.history import night_index, night_rows
from edgejoule.bench.history.night_index import Folder, Place
from edgejoule.bench.suite import Case, method

NIGHT = re.compile(r"^(\d{4}-\d\d-\d\d)(?:\.(\d+))?$")
DOCUMENT = "night.json"
REGRESSION = "regression"  # the kind of finding in night.json that fails a night
ABSENT = ("missing", "not measured", "invalid")  # those without which there is no PASS
VOID = "invalid night"  # status of the rows of a night that must not be compared
MIXED = "several contexts in one night"


class Metric(NamedTuple):
    """A number that nights are compared by; `floor` is the smallest change worth an alarm.

    The floor is a share of the value, for accuracy an absolute fraction. Exact metrics are
    counted, not measured: any change is a change of the work.
    """

    name: str
    unit: str
    better: str  # "less" or "more"
    floor: float
    exact: bool


METRICS = (
    Metric("joules", "J", "less", 0.03, False),
    Metric("seconds", "s", "less", 0.05, False),
    Metric("watts", "W", "less", 0.03, False),
    Metric("accuracy", "fraction", "more", 0.01, False),
    Metric("flops", "FLOP", "less", 0.0, True),
    Metric("params", "count", "less", 0.0, True),
    Metric("macs", "forward MACs", "less", 0.0, True),
)


class Night(NamedTuple):
    """One suite of one night; `document` is its night.json, None if that cannot be read."""

    device: str
    night: str
    suite: str
    folder: Path
    document: Optional[Dict]


class Row(NamedTuple):
    """One bundle. `asked` is how many seeds the night asked for under this label.

    `status` is that of the energy readings (`devices.reading.STATUSES`), "broken"
    for a bundle that cannot be read, `VOID` for one of an invalid night.
    """

    device: str
    night: str
    suite: str
    case_id: str
    label: str
    seed: Optional[int]
    method: str
    commit: Optional[str]
    context: str
    started_utc: Optional[str]
    fake: Optional[str]
    status: str
    metrics: Dict[str, Optional[float]]
    reason: Optional[str]
    asked: Optional[int] = None
    dirty: Optional[bool] = None


class Point(NamedTuple):
    """One night of a series: the mean over its seeds, None if one of them is unknown."""

    night: str
    commit: Optional[str]
    value: Optional[float]
    n: int
    context: str


def device_slug(info: Dict) -> str:
    """The folder name of a device, such as "jetson-tx2-ina3221", from its `DeviceInfo`."""
    words = "{} {}".format(info.get("name") or "unknown", info.get("adapter") or "none")
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:80].strip("-") or "unknown"


def order(night: str) -> Tuple[str, int]:
    """What nights are sorted by: the date, then the number within it."""
    found = NIGHT.match(night)
    return (found.group(1), int(found.group(2) or 1)) if found else (night, 0)


def nights(
    history: Folder, device: Optional[str] = None, suite: Optional[str] = None
) -> List[Night]:
    """Every night there is, sorted by device, suite and night."""
    found = [
        Night(path.parent.parent.name, path.parent.name, path.name, path, document(path))
        for path in _folders(Path(history), device, suite)
    ]
    return sorted(found, key=lambda each: (each.device, each.suite, order(each.night)))


def document(folder: Path) -> Optional[Dict]:
    """The night.json of a folder; None if there is none or it cannot be read."""
    try:
        found = json.loads((Path(folder) / DOCUMENT).read_bytes().decode("utf8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def asked(folder: Path) -> List[Tuple[str, str]]:
    """(case id, label) of every case that a night asked for; [] if suite.json does not say."""
    try:
        found = json.loads((Path(folder) / "suite.json").read_bytes().decode("utf8"))
        return distinct([(str(case["case_id"]), str(case["label"])) for case in found["cases"]])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def distinct(cases: List[Tuple[str, str]]) -> List[Tuple[str, str]]:
    """(case id, label), the label with its model and data set where a suite has several.

    A case id begins with both, and neither has a hyphen: "resnet20-digits-slim-0.5-s0-3f2a9c1e".
    """
    parts = [case_id.split("-") + [""] for case_id, _ in cases]
    varied = [place for place in (0, 1) if len({part[place] for part in parts}) > 1]
    return [
        (case_id, " ".join([part[place] for place in varied] + [label]))
        for (case_id, label), part in zip(cases, parts)
    ]


def rows(history: Folder, device: Optional[str] = None, suite: Optional[str] = None) -> List[Row]:
    """Every bundle of these nights, sorted by device, suite, night and case."""
    found = nights(history, device, suite)
    places = [_bundles(night) for night in found]
    known = night_index.facts(history, [place for some in places for place in some])
    short: Dict[str, Tuple[str, str]] = {}  # nights repeat their cases: each is read once
    made: List[Row] = []
    for night, some in zip(found, places):
        labels = dict(asked(night.folder))
        counts = Counter(labels.values())
        made += [_row(night, place, known[place.path], labels, counts, short) for place in some]
    return made


def series(rows: List[Row]) -> Dict[Tuple[str, str, str, str], List[Point]]:
    """{(device, suite, label, metric): its nights in order}; broken bundles have no series.

    Only points of one context are comparable: another begins a new series.
    """
    nightly: Dict[Tuple[str, str, str], Dict[str, List[Row]]] = {}
    for row in rows:
        if row.label:
            nightly.setdefault((row.device, row.suite, row.label), {}).setdefault(
                row.night, []
            ).append(row)
    return {
        key + (metric.name,): [
            _point(night, by_night[night], metric.name) for night in sorted(by_night, key=order)
        ]
        for key, by_night in nightly.items()
        for metric in METRICS
    }


def _point(night: str, rows: List[Row], metric: str) -> Point:
    """The mean over a method's seeds, if all that were asked for are there and alike."""
    commits, contexts = {row.commit for row in rows}, {row.context for row in rows if row.context}
    values = [row.metrics.get(metric) for row in rows if row.status not in (VOID, "broken")]
    known = [value for value in values if value is not None]
    whole = len(known) == (rows[0].asked or len(rows)) == len(rows) and len(contexts) == 1
    return Point(
        night,
        commits.pop() if len(commits) == 1 else None,
        sum(known) / len(known) if whole else None,
        len(known),
        contexts.pop() if len(contexts) == 1 else MIXED if contexts else "",
    )


def _row(
    night: Night,
    place: Place,
    facts: night_rows.Facts,
    labels: Dict[str, str],
    counts: Dict[str, int],
    short: Dict[str, Tuple[str, str]],
) -> Row:
    """One bundle; `labels` by case id and how often each was asked for, `short` a cache."""
    case_id = place.path.rsplit("/", 1)[-1]
    label = labels.get(case_id) or facts.label
    void = (night.document or {}).get("verdict") == "INVALID" and facts.status != "broken"
    case = short.get(facts.case) or short.setdefault(facts.case, _method(facts.case))
    context = "{}; case {}".format(facts.machine, case[1]) if facts.machine else ""
    if counts.get(label, 1) > 1:  # a mean over other seeds is another number
        context += "; {} seeds".format(counts[label])
    return Row(
        night.device,
        night.night,
        night.suite,
        case_id,
        label,
        facts.seed,
        case[0],
        facts.commit,
        context,
        facts.started_utc,
        facts.fake,
        VOID if void else facts.status,
        facts.metrics,
        facts.reason,
        counts.get(label),
        facts.dirty,
    )


def _method(text: str) -> Tuple[str, str]:
    """(the canonical settings without those at their defaults, 8 hex digits of them)."""
    try:
        canonical = method(Case(**json.loads(text)))
    except (ValueError, KeyError, TypeError, AttributeError):  # of a method that there is no more
        canonical = text
    return canonical, hashlib.sha256(canonical.encode("utf8")).hexdigest()[:8]


def _folders(history: Path, device: Optional[str], suite: Optional[str]) -> List[Path]:
    devices = [history / device] if device else _inside(history)
    found = [
        folder
        for each in devices
        for night in _inside(each)
        if NIGHT.match(night.name)
        for folder in ([night / suite] if suite else _inside(night))
    ]
    return [
        folder
        for folder in found
        if (folder / DOCUMENT).is_file() or (folder / "suite.json").is_file()
    ]


def _inside(folder: Path) -> List[Path]:
    """Folders in a folder, but hidden ones; [] if it is none or may not be read."""
    try:
        return [
            Path(each.path)
            for each in os.scandir(str(folder))
            if each.is_dir() and not each.name.startswith(".")
        ]
    except OSError:
        return []


def _bundles(night: Night) -> List[Place]:
    """Finished bundles, readable or not, in name order."""
    found, prefix = [], "/".join((night.device, night.night, night.suite))
    for path in _inside(night.folder):
        try:
            stamp = _stamp(path)
        except OSError:
            continue
        if ".corrupt" not in path.name:
            found.append(Place("{}/{}".format(prefix, path.name), stamp))
    return sorted(found)


def _stamp(path: Path) -> str:
    """What a bundle looks like from outside; another one if a file was changed or taken away."""
    files = [os.stat(str(path / "run.json")), os.stat(str(path))]
    with suppress(FileNotFoundError):  # of a bundle from before there were manifests
        files.append(os.stat(str(path / manifest.NAME)))
    return ";".join("{}:{}".format(each.st_size, each.st_mtime_ns) for each in files)
