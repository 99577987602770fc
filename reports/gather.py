"""Everything a page, a table or a verdict is made of, gathered once from a folder of bundles."""

from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

import pandas

from edgejoule.bench.records import CONVENTIONS, RunRecord
from edgejoule.reports import frames, load, rows, surroundings
from edgejoule.reports.figures import svg
from edgejoule.reports.sources import Power, power


class Report(NamedTuple):
    """A suite's bundles and their frames; `cost` is what ratios are taken of.

    `raw` leads from the page to the folder of the bundles, as a relative URL.
    """

    bundles: load.Bundles
    runs: pandas.DataFrame
    methods: pandas.DataFrame
    convention: str
    cost: str  # "joules", or "seconds" where no joule is known
    power: Power
    raw: str
    records: Dict[str, RunRecord]  # by case id
    parts: Dict[str, rows.Parts]  # rows of each record, by case id
    surroundings: Tuple[
        List[Tuple[str, str]], List[Tuple[str, str]]
    ]  # what the runs share, and what differs between them
    settings: Dict[str, str]  # each block in words
    colours: Dict[str, int]  # of every label that is not dense alone

    def of(self, method: Mapping[str, Any]) -> List[RunRecord]:
        """The records of one method, in the order of its seeds."""
        return [self.records[case_id] for case_id in method["case_ids"]]

    @property
    def blocks(self) -> Tuple[str, ...]:
        """Keys of the blocks within which methods may be compared."""
        return tuple(self.settings)

    def block(self, key: str) -> pandas.DataFrame:
        """The methods of one block."""
        return self.methods[self.methods["block"] == key]

    def heading(self, key: str) -> str:
        """A block in words; "" where there is only one."""
        return self.settings[key] if len(self.settings) > 1 else ""

    @property
    def judged(self) -> str:
        """What the verdict compares: the cost, but "seconds" where the joules were not measured.

        Fake and estimated joules are a fixed power times the seconds: nothing follows from them.
        """
        return "seconds" if self.power.label else self.cost

    def series(self, label: str) -> int:
        """Number of a method's colour and mark, the same in every figure; 0 is dense alone."""
        return self.colours.get(label, 0)


def report(
    folder: Path, everything: bool = False, convention: str = "exact", raw: str = ".."
) -> Report:
    """The report of one suite's folder.

    Raises:
        ValueError: there is no such convention.
    """
    if convention not in CONVENTIONS:
        raise ValueError(
            "no FLOP convention called {!r}; there are: {}".format(
                convention, ", ".join(CONVENTIONS)
            )
        )
    bundles = load.read(folder, everything)
    runs = frames.runs(bundles)
    methods = frames.methods(runs)
    # one known joule decides: a mixture of joules and seconds could not be compared
    known = len(runs) and runs["joules_known"].notna().any()
    return Report(
        bundles,
        runs,
        methods,
        convention,
        "joules" if known else "seconds",
        power(bundles, bool(known)),
        raw,
        {run.record.case_id: run.record for run in bundles.runs},
        {run.record.case_id: run.parts for run in bundles.runs},
        surroundings.shared_and_differing(bundles),
        *_names(methods),
    )


def _names(methods: pandas.DataFrame) -> Tuple[Dict[str, str], Dict[str, int]]:
    """(each block in words, the number of the colour of each label that is not dense)."""
    if not len(methods):
        return {}, {}
    cut = dict.fromkeys(methods["label"][~methods["dense"]])  # colour 0 is left to dense training
    return (
        dict(zip(methods["block"], methods["setting"])),
        {label: 1 + place % (svg.SERIES - 1) for place, label in enumerate(cut)},
    )
