"""Published result tables, as data: `references/<paper>.toml` and one CSV per table.

A CSV has a row per published row and only what was printed, digit by digit. The TOML says what
its columns are, which numbers contradict others (`errata`, each with its proof), and by which
settings a run of ours answers to a row: `models`, `datasets` and `methods` translate the printed
names, `match` says which column is which setting ("run.round": which round of a run), `settings`
what else the training and the method were given, `recipe` and `recipes` how it was trained
(`training_recipes`). A name of a model or method may stand for settings of other sections too, by
dotted names ("train.optimiser"). A table's own entries go before its paper's.
"""

import csv
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from edgejoule import plugins
from edgejoule.bench.grid import tomllib
from edgejoule.reports.papers import training_recipes
from edgejoule.reports.papers.training_recipes import Recipe, Told

FOLDER = Path(__file__).resolve().parent.parent / "references"
TRAINED = ("model", "train")  # the sections that say how a network is trained
PAPERS = ("spline", "snipit", "masks", "survey")


class Column(NamedTuple):
    """A printed column: its unit, plausible range, and the quantity of our runs beside it.

    `spread` is the column of what is printed after a ±.
    """

    name: str
    header: str
    unit: str
    range: Tuple[float, ...]  # (low, high), or () if nothing is known to be implausible
    ours: Optional[str]
    spread: Optional[str]


class Erratum(NamedTuple):
    """Rows (column -> value or values; nothing: all) whose `columns` contradict something."""

    where: Dict
    columns: Tuple[str, ...]
    reason: str


class Reference(NamedTuple):
    """One published table; `rows` hold the printed text by column."""

    key: str
    paper: str
    short: str
    number: str
    title: str
    block: Tuple[str, ...]  # columns that head a block of rows
    keys: Tuple[str, ...]  # columns that tell rows of a block apart
    columns: Tuple[Column, ...]
    rows: Tuple[Dict[str, str], ...]
    errata: Tuple[Erratum, ...]
    notes: Tuple[str, ...]
    names: Dict[str, Dict]  # models, datasets, methods: printed name -> ours
    match: Dict[str, str]  # column -> setting that must equal it
    settings: Dict  # setting of the method -> what the paper used
    recipes: Tuple[Told, ...]  # how rows were trained, the later ones over the earlier ones

    @property
    def name(self) -> str:
        """The table as a reader calls it."""
        return "Table {}".format(self.number)


def read(names: Iterable[str] = ()) -> List[Reference]:
    """The tables of these names, each a table's or a paper's; all without a name.

    Raises:
        ValueError: names what there is and the nearest neighbour.
    """
    names = list(names)
    tables = [table for paper in PAPERS for table in _paper(paper)]
    known = PAPERS + tuple(table.key for table in tables)
    for name in names:
        if name not in known:
            raise ValueError(
                "no published table called {!r}; there are: {}.{}".format(
                    name, ", ".join(known), plugins.nearest(name, known)
                )
            )
    return [
        table
        for table in tables
        if not names or table.key in names or table.key.split("_")[0] in names
    ]


def reasons(reference: Reference, row: Mapping[str, Any], column: str) -> List[str]:
    """Why a printed number is not to be trusted, if there is a reason."""
    return [
        each.reason
        for each in reference.errata
        if column in each.columns and selects(each.where, row)
    ]


def selects(where: Dict[str, Any], row: Mapping[str, Any]) -> bool:
    """True if every column named has the value, or one of the values."""
    return all(
        any(_same(row.get(column, ""), value) for value in _listed(values))
        for column, values in where.items()
    )


def rule(reference: Reference, row: Dict[str, str]) -> Optional[Dict[str, Any]]:
    """The settings that a run of ours must have to answer to a row; None if none can.

    Keys are those of a suite, such as "prune.ratio".
    """
    names = reference.names
    model = names["models"].get(row["model"])
    dataset = names["datasets"].get(row.get("dataset", ""))
    method = names["methods"].get(row.get("method", ""))
    if not model or not dataset or method is None:
        return None
    wanted: Dict[str, Any] = {"dataset.name": dataset}
    wanted.update(_dotted("model", {"name": model} if isinstance(model, str) else model))
    wanted.update(_dotted("prune", method))
    wanted.update(
        (setting, number(row[column], "%" if column.endswith("sparsity") else ""))
        for column, setting in reference.match.items()
        if row[column]
    )
    return wanted


def given(reference: Reference, wanted: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """The settings that a row's training and method had, those that tell it apart included."""
    own = {key: value for key, value in (wanted or {}).items() if key.split(".")[0] in TRAINED}
    return dict(reference.settings, **own)


def _dotted(section: str, table: Mapping[str, Any]) -> Dict[str, Any]:
    """What a printed name stands for, by dotted names; those of `section` are given bare."""
    return {
        key if "." in key else "{}.{}".format(section, key): each for key, each in table.items()
    }


def recipe(reference: Reference, row: Mapping[str, Any]) -> Recipe:
    """How the paper trained a row: every field of `training_recipes`, "not told" where unknown."""
    found: Recipe = dict.fromkeys(training_recipes.FIELDS, training_recipes.NOT_TOLD)
    for each in reference.recipes:
        if selects(each.where, row):
            found.update(each.fields)
    return found


def heading(reference: Reference, row: Mapping[str, Any]) -> str:
    """What heads a row's block: "VGG-16 on CIFAR-10"."""
    words = [row[name] for name in reference.block]
    if reference.block == ("table",):
        return "Table {}".format(*words)
    return " on ".join(words)


def number(text: str, unit: str = "") -> float:
    """The value of a printed number; per cent become a fraction, whole numbers stay whole."""
    if unit == "%":
        return round(float(text) / 100, 9)  # 1.1 / 100 is 0.011000000000000001
    return int(text) if text.isdigit() else float(text)


@lru_cache(maxsize=None)
def _paper(name: str) -> Tuple[Reference, ...]:
    paper = tomllib.loads((FOLDER / (name + ".toml")).read_bytes().decode("utf8"))
    return tuple(_table(paper, key, table) for key, table in paper["tables"].items())


def _table(paper: Dict, key: str, table: Dict) -> Reference:
    with open(str(FOLDER / (key + ".csv")), newline="", encoding="utf8") as file:
        rows = tuple(dict(row) for row in csv.DictReader(file))
    keys = tuple(table.get("keys", ("method", "ratio")))
    names = {
        part: dict(paper[part], **table.get(part, {})) for part in ("models", "datasets", "methods")
    }
    return Reference(
        key,
        paper["paper"],
        paper["short"],
        table["number"],
        table["title"],
        tuple(table.get("block", ("model", "dataset"))),
        keys,
        tuple(_column(paper["columns"][name], name, table) for name in table["columns"]),
        rows,
        tuple(
            Erratum(each["where"], tuple(each["columns"]), each["reason"])
            for each in table.get("errata", ())
        ),
        tuple(table.get("notes", ())),
        names,
        table.get("match", {"ratio": "prune.ratio"}),
        dict(paper.get("settings", {}), **table.get("settings", {})),
        _recipes(paper, key, table),
    )


def _recipes(paper: Dict, key: str, table: Dict) -> Tuple[Told, ...]:
    """What the paper says of all rows, then of some, then the table of all, then of some."""
    found: List[Told] = []
    for source in (paper, table):
        found.append(Told({}, source.get("recipe", {})))
        found += [
            Told(each.get("where", {}), {k: v for k, v in each.items() if k != "where"})
            for each in source.get("recipes", ())
        ]
    training_recipes.check(key, tuple(found))
    return tuple(found)


def _column(column: Dict, name: str, table: Dict) -> Column:
    return Column(
        name,
        column["header"],
        table.get("units", {}).get(name, column["unit"]),
        tuple(table.get("ranges", {}).get(name, column.get("range", ()))),
        column.get("ours"),
        table.get("spreads", {}).get(name),
    )


def _listed(values: Any) -> List:
    return values if isinstance(values, list) else [values]


def _same(text: str, value: Any) -> bool:
    if isinstance(value, str):
        return text == value
    return bool(text) and abs(float(text) - value) < 1e-9
