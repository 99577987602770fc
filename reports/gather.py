"""Everything a page, a table or a verdict is made of, gathered once from a folder of bundles."""
from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

import pandas

from bench.records import CONVENTIONS
from reports import frames, load, rows
from reports.words import listed, plain


class Power(NamedTuple):
    """Where the joules come from, in words; `label` is "" only for measured or missing ones."""

    label: str  # "fake power", "estimated power" or ""
    words: str
    measured: bool


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
    records: Dict  # by case id

    def of(self, method) -> List:
        """The records of one method, in the order of its seeds."""
        return [self.records[case_id] for case_id in method["case_ids"]]

    @property
    def blocks(self) -> Tuple[str, ...]:
        """Keys of the blocks within which methods may be compared."""
        return tuple(dict.fromkeys(self.methods["block"])) if len(self.methods) else ()

    def block(self, key: str) -> pandas.DataFrame:
        """The methods of one block."""
        return self.methods[self.methods["block"] == key]

    def heading(self, key: str) -> str:
        """A block in words; "" where there is only one."""
        return self.block(key).iloc[0]["setting"] if len(self.blocks) > 1 else ""

    @property
    def cost_words(self) -> str:
        """What `cost` is, for a sentence: "seconds", "joules", "fake joules"."""
        label = self.power.label.split()[:1] if self.cost == "joules" else []
        return " ".join(label + [self.cost])

    def series(self, label: str) -> int:
        """Number of a method's colour: the same in every figure, 0 for dense."""
        labels = list(dict.fromkeys(self.methods["label"]))
        return labels.index(label)


def report(folder: Path, everything: bool = False, convention: str = "exact",
           raw: str = "..") -> Report:
    """The report of one suite's folder.

    Raises:
        ValueError: there is no such convention.
    """
    if convention not in CONVENTIONS:
        raise ValueError("no FLOP convention called {!r}; there are: {}".format(
            convention, ", ".join(CONVENTIONS)))
    bundles = load.read(folder, everything)
    runs = frames.runs(bundles)
    methods = frames.methods(runs)
    known = len(runs) and runs["joules_known"].notna().any()
    return Report(bundles, runs, methods, convention, "joules" if known else "seconds",
                  power(bundles, bool(known)), raw,
                  {run.record.case_id: run.record for run in bundles.runs})


def power(bundles: load.Bundles, known: bool) -> Power:
    """Where a suite's joules come from. One fake run makes the whole report a fake one."""
    devices = [run.record.device for run in bundles.runs]
    for key, label in (("fake", "fake power"), ("estimate", "estimated power")):
        found = list(dict.fromkeys(plain(_source(each)) for each in devices if each.get(key)))
        if found:
            return Power(label, listed(found), known)
    if not known:
        return Power("", "not measured: {}".format(listed(_reasons(bundles)) or "no run"), False)
    return Power("", listed(dict.fromkeys(plain(rail(each)) for each in devices)), True)


def rail(device) -> str:
    """What was measured: "rail VDD_IN (module) of Jetson TX2, mode MAXN"."""
    if not device.get("rail"):
        return "nothing on {}".format(device.get("name"))
    mode = ", mode {}".format(device["power_mode"]) if device.get("power_mode") else ""
    return "rail {} ({}) of {}{}".format(
        device["rail"], device.get("scope"), device.get("name"), mode)


def _source(device) -> str:
    return str(device.get("fake") or device.get("reason") or "a figure given by the user")


def _reasons(bundles):
    return list(dict.fromkeys(
        reason for run in bundles.runs for reason in rows.row(run.record)["reasons"]))
