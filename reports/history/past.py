"""What a history of nights holds, gathered once for all its pages.

history/<device>/<night>/<suite>/  one night of a place, which is a (device, suite)
"""

import math
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

from edgejoule import plugins
from edgejoule.bench.history import store
from edgejoule.reports import markup, sources
from edgejoule.reports.figures import svg
from edgejoule.reports.words import plain

METRICS = {metric.name: metric for metric in store.METRICS}
OF_POWER = ("joules", "watts")  # metrics that a fake power makes fake
NUMBERS = ("before", "after", "ratio", "low", "high", "nights")  # of a finding
JUDGED = ("PASS", "FAIL", "INCONCLUSIVE", "INVALID")

Place = Tuple[str, str]  # (device, suite)


class Past(NamedTuple):
    """Nights, rows and series of a history; `nights` and `rows` are by place, oldest first."""

    folder: Path
    out: Path
    nights: Dict[Place, List[store.Night]]
    rows: Dict[Tuple[str, str, str], List[store.Row]]  # by device, suite and night
    series: Dict[Tuple[str, str, str, str], List[store.Point]]  # by place, label and metric
    colours: Dict[str, int]  # number of every method's colour; dense is 0

    @property
    def places(self) -> List[Place]:
        """Every place that has a night, sorted."""
        return sorted(self.nights)

    def labels(self, place: Place) -> List[str]:
        """The methods of a place, dense first, then in the order of their first night."""
        found = {key[2] for key in self.series if key[:2] == place}
        return [label for label in self.colours if label in found]

    def points(self, place: Place, label: str, metric: str) -> List[store.Point]:
        """The points of one method and metric, one per night, oldest first."""
        return self.series.get((place[0], place[1], label, metric), [])

    def measured(self, night: store.Night) -> List[store.Row]:
        """The rows of one night."""
        return self.rows.get((night.device, night.suite, night.night), [])

    def fakes(self, place: Optional[Place] = None) -> List[str]:
        """The distinct powers that were not measured, in words, of one place or of all."""
        return unreal(
            row for key, rows in self.rows.items() for row in rows if place in (None, key[:2])
        )

    def power_label(self, place: Place, metric: str) -> str:
        """What a title adds to a metric whose power was not measured: "fake power"; else ""."""
        found = self.fakes(place) if metric in OF_POWER else []
        return sources.label_of(found[0]) if found else ""


def gather(
    folder: Union[str, Path],
    out: Union[str, Path],
    device: Optional[str] = None,
    suite: Optional[str] = None,
) -> Past:
    """Everything under a history folder, or only one device or suite of it.

    `out` is the folder of the pages, from which their links lead on.

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
    nights: Dict[Place, List[store.Night]] = {}
    for night in store.nights(folder, device, suite):
        nights.setdefault((night.device, night.suite), []).append(night)
    rows = store.rows(folder, device, suite)
    by_night: Dict[Tuple[str, str, str], List[store.Row]] = {}
    for row in rows:
        by_night.setdefault((row.device, row.suite, row.night), []).append(row)
    return Past(Path(folder), Path(out), nights, by_night, store.series(rows), _colours(rows))


def unreal(rows: Iterable[store.Row]) -> List[str]:
    """The distinct powers behind some rows that were not measured: "fake power: 9.5 W"."""
    found = {row.fake for row in rows if row.fake}
    return sorted(
        sources.ESTIMATED if each == "estimate" else "{}: {}".format(sources.FAKE, plain(each))
        for each in found
    )


def days(nights: List[store.Night]) -> List[str]:
    """The nights as an axis names them: without the year if they all share it."""
    names = [plain(night.night) for night in nights]
    same = len({name[:4] for name in names}) == 1  # the year
    return [name[5:] if same else name for name in names]


def verdict(night: store.Night) -> Optional[str]:
    """PASS, FAIL, INCONCLUSIVE or INVALID; None for a night that was not judged."""
    found = (night.document or {}).get("verdict")
    return found if isinstance(found, str) and found in JUDGED else None


def findings(night: store.Night) -> List[Dict[str, Any]]:
    """What the gate found in a night; an entry that is no table is left out.

    Each has all of `NUMBERS`, None where it holds something else than a number.
    """
    return [
        dict(each, **{name: number(each.get(name)) for name in NUMBERS})
        for each in entries(night.document, "findings")
        if isinstance(each, dict)
    ]


def entries(document: Optional[Dict], name: str) -> List:
    """The list of that name in a night.json; empty if there is none or it is no list."""
    found = (document or {}).get(name)
    return found if isinstance(found, list) else []


def number(value: Any) -> Optional[float]:
    """The value if it is a finite number, else None: a night.json may be edited by hand."""
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if known and math.isfinite(value) else None


def link(history: Past, night: store.Night) -> str:
    """The way from a page to the report of a night, as a relative URL; "" if it has none."""
    page = night.folder / "report" / "index.html"
    return markup.link(history.out, page) if page.exists() else ""


def links(history: Past, place: Place) -> Dict[str, str]:
    """Links to the reports of a place's nights, by night."""
    return {night.night: link(history, night) for night in history.nights.get(place, [])}


def commit(text: Any) -> str:
    """A commit as people write it: its first 7 digits."""
    return plain(text)[:7] if text else "unknown"


def _colours(rows: List[store.Row]) -> Dict[str, int]:
    """Number of each method's colour: dense 0, the others by their first night.

    A method that joins later takes the next colour and changes no other.
    """
    first: Dict[str, bool] = {}  # label -> is it dense, in the order of first nights
    for row in sorted(
        (row for row in rows if row.label), key=lambda row: (store.order(row.night), row.label)
    ):
        # a label begins with its recipe, and dense training is one
        first.setdefault(row.label, row.label.split(" ")[0] == "dense")
    dense = [label for label, is_dense in first.items() if is_dense]
    others = [label for label, is_dense in first.items() if not is_dense]
    return dict(
        [(label, 0) for label in dense]
        + [(label, 1 + place % (svg.SERIES - 1)) for place, label in enumerate(others)]
    )


def _check(folder: Union[str, Path], device: Optional[str], suite: Optional[str]) -> None:
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
