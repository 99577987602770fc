"""What a history of nights holds, gathered once for all its pages.

history/<device>/<night>/<suite>/  one night of a place, which is a (device, suite)
"""

import math
import os
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import quote

from edgejoule.bench import plugins
from edgejoule.bench.history import store
from edgejoule.reports.figures import svg
from edgejoule.reports.words import plain

METRICS = {metric.name: metric for metric in store.METRICS}
ESTIMATED = "estimated power"
NUMBERS = ("before", "after", "ratio", "low", "high", "nights")  # of a finding
JUDGED = ("PASS", "FAIL", "INCONCLUSIVE", "INVALID")


class Past(NamedTuple):
    """Nights, rows and series of a history; `nights` and `rows` are by place, oldest first."""

    folder: Path
    out: Path
    nights: Dict[Tuple[str, str], List]
    rows: Dict[Tuple[str, str, str], List]  # by device, suite and night
    series: Dict[Tuple[str, str, str, str], List]  # by device, suite, label and metric
    colours: Dict[str, int]

    @property
    def places(self) -> List[Tuple[str, str]]:
        """(device, suite) of every place that has a night, sorted."""
        return sorted(self.nights)

    def labels(self, place) -> List[str]:
        """The methods of a place, dense first, then in the order of their first night."""
        found = {key[2] for key in self.series if key[:2] == place}
        return [label for label in self.colours if label in found]

    def points(self, place, label: str, metric: str) -> List:
        """The points of one method and metric, one per night, oldest first."""
        return self.series.get(place + (label, metric), [])

    def measured(self, night) -> List:
        """The rows of one night."""
        return self.rows.get((night.device, night.suite, night.night), [])

    def fakes(self, place=None) -> List[str]:
        """The distinct powers that were not measured, in words, of one place or of all."""
        return unreal(
            row for key, rows in self.rows.items() for row in rows if place in (None, key[:2])
        )


def gather(folder, out, device: Optional[str] = None, suite: Optional[str] = None) -> Past:
    """Everything under a history folder, or only one device or suite of it.

    Raises:
        ValueError: there is no such history, device or suite; names those there are.
    """
    if not Path(folder).is_dir():
        raise ValueError(
            "no history at {}; 'edgejoule nightly SUITE' makes one, --history names another".format(
                folder
            )
        )
    _check(folder, device, suite)
    nights = {}
    for night in store.nights(folder, device, suite):
        nights.setdefault((night.device, night.suite), []).append(night)
    rows, by_night = store.rows(folder, device, suite), {}
    for row in rows:
        by_night.setdefault((row.device, row.suite, row.night), []).append(row)
    return Past(Path(folder), Path(out), nights, by_night, store.series(rows), _colours(rows))


def unreal(rows) -> List[str]:
    """The distinct powers behind some rows that were not measured: "fake power: 9.5 W"."""
    found = {row.fake for row in rows if row.fake}
    return sorted(
        ESTIMATED if each == "estimate" else "fake power: {}".format(plain(each)) for each in found
    )


def days(nights) -> List[str]:
    """The nights as an axis names them: without the year if they all share it."""
    names = [plain(night.night) for night in nights]
    same = len({name[:4] for name in names}) == 1
    return [name[5:] if same else name for name in names]


def order(night: str):
    """What nights are sorted by: the date, then the number within it."""
    return store.order(night)


def verdict(night) -> Optional[str]:
    """PASS, FAIL, INCONCLUSIVE or INVALID; None for a night that was not judged."""
    found = (night.document or {}).get("verdict")
    return found if isinstance(found, str) and found in JUDGED else None


def findings(night) -> List[Dict]:
    """What the gate found in a night; what is no finding, or no number, is left out."""
    return [
        dict(each, **{name: number(each.get(name)) for name in NUMBERS})
        for each in told(night.document, "findings")
        if isinstance(each, dict)
    ]


def told(document: Optional[Dict], name: str) -> List:
    """A list of a night.json; empty if it is none."""
    found = (document or {}).get(name)
    return found if isinstance(found, list) else []


def number(value):
    """The value if it is a number, else None: a night.json may be anybody's."""
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if known and math.isfinite(value) else None


def link(past: Past, night) -> str:
    """The way from a page to the report of a night, as a relative URL; "" if it has none."""
    page = night.folder / "report" / "index.html"
    return _url(past, page) if page.exists() else ""


def links(past: Past, place) -> Dict[str, str]:
    """Links to the reports of a place's nights, by night."""
    return {night.night: link(past, night) for night in past.nights.get(place, [])}


def commit(text) -> str:
    """A commit as people write it: its first 7 digits."""
    return plain(text)[:7] if text else "unknown"


def _url(past: Past, path: Path) -> str:
    return quote(os.path.relpath(str(path.resolve()), str(past.out.resolve())))


def _colours(rows) -> Dict[str, int]:
    """Number of each method's colour: dense 0, the others by their first night.

    A method that joins later takes the next colour and changes no other.
    """
    first = {}
    for row in sorted(
        (row for row in rows if row.label), key=lambda row: (store.order(row.night), row.label)
    ):
        first.setdefault(row.label, row.label.split(" ")[0] == "dense")
    dense = [label for label, is_dense in first.items() if is_dense]
    others = [label for label, is_dense in first.items() if not is_dense]
    return dict(
        [(label, 0) for label in dense]
        + [(label, 1 + place % (svg.SERIES - 1)) for place, label in enumerate(others)]
    )


def _check(folder, device, suite) -> None:
    """Raises for a device or a suite that no night has."""
    every = store.nights(folder)
    for asked, what, known in (
        (device, "device", {night.device for night in every}),
        (suite, "suite", {night.suite for night in every}),
    ):
        if asked and asked not in known:
            raise ValueError(
                "no nights of a {} called {!r}; {} has: {}.{}".format(
                    what,
                    asked,
                    folder,
                    ", ".join(sorted(known)) or "none",
                    plugins.nearest(asked, known),
                )
            )
