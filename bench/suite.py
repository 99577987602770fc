"""A suite file becomes cases. Free of torch.

question = "Does slimming half the channels halve the joules per epoch?"   # mandatory
model = ["resnet20", "vgg16"]          # a list is an axis of the grid
dataset = "digits"
plugins = ["my_methods"]               # optional: folders of one's own files, beside this one
[train]
epochs = 12
seed = [0, 1]
[[prune]]                              # one table per method
recipe = "dense"
[[prune]]
recipe = "one_shot"
criterion = "slim"
ratio = [0.3, 0.5]
"""

import hashlib
import json
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule import plugins
from edgejoule.bench import grid, settings
from edgejoule.bench.training import quick as short

SUITES = Path(__file__).parent / "suites"
QUICK_EPOCHS = short.EPOCHS
MOST_CASES = 10000  # more are a slip of the pen more often than a wish: a case takes minutes
PLUGIN_KEYS = ("plugins", "import_from")  # folders beside the suite; see `edgejoule.plugins`
WHERE = ("root", "download", "verify", "preload", "label")  # where data lie, how a run is called
ARITHMETIC = ("precision", "memory_format", "compile", "cudnn")  # how a network is computed


class Case(NamedTuple):
    """One run, every setting resolved; each section is a plain dict."""

    model: Dict
    dataset: Dict
    train: Dict
    prune: Dict
    measure: Dict


class Suite(NamedTuple):
    """A question and the cases that answer it, in running order."""

    name: str
    question: str
    note: str
    cases: Tuple[Case, ...]


def find(name: str) -> Path:
    """Path of a suite: a file, or the name of one of ours."""
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        return path
    known = sorted(each.stem for each in SUITES.glob("*.toml"))
    if name not in known:
        raise ValueError(
            "no suite called {!r}; bench/suites/ has: {}.{} A path to a .toml file "
            "works too".format(name, ", ".join(known), plugins.nearest(name, known))
        )
    return SUITES / (name + ".toml")


def read(
    name: str,
    overrides: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    quick: bool = False,
    most: Optional[int] = MOST_CASES,
) -> Suite:
    """The suite of that name or path, with overrides "a.b=c" and sweeps "a.b=x,y" applied.

    A grid of more than `most` cases is refused before any of them is built; None: no limit.

    Raises:
        ValueError: what is wrong, where, and what is allowed.
    """
    path = find(name)
    try:
        tables = grid.tomllib.loads(path.read_bytes().decode("utf8"))
    except (OSError, ValueError) as error:
        raise ValueError("suite {}: cannot be read: {}".format(path, error)) from error
    try:
        _use_plugins(path.parent, tables)
        with settings.remembered():
            return _suite(path.stem, tables, overrides, sweeps, quick, most)
    except ValueError as error:
        raise ValueError("suite {}: {}".format(path.name, error)) from error


def case_id(case: Case) -> str:
    """A readable slug and 8 hex digits of the settings that differ from their defaults.

    A setting at its default is left out, so a new setting never orphans an old run.
    """
    slug = "{}-{}-{}-s{}".format(
        case.model["name"],
        case.dataset["name"],
        _words(case.prune).replace(" ", "-"),
        case.train["seed"],
    )
    safe = "".join(c if c.isalnum() or c in "-._" else "_" for c in slug)
    return "{}-{}".format(safe[:80], hashlib.sha256(_canonical(case).encode()).hexdigest()[:8])


def label(case: Case) -> str:
    """The method in words: "dense", "slim 0.5", "early-bird spline 0.5 compose=full".

    With the arithmetic where it is not the usual one, such as "dense bfloat16": FLOPs and joules
    of another are no repetition.
    """
    return " ".join([_method_words(case)] + _arithmetic_words(case.train))


def _method_words(case: Case) -> str:
    if case.prune.get("label"):
        return case.prune["label"]
    extra = {
        key: value
        for key, value in settings.differing("prune", case.prune).items()
        if key not in ("recipe", "criterion", "saliency", "ratio", "label")
    }
    return " ".join([_words(case.prune)] + ["{}={}".format(*pair) for pair in extra.items()])


def _arithmetic_words(train: Dict) -> List[str]:
    """What computes in another way than by default: "bfloat16", "compiled", "cudnn=benchmark"."""
    changed = settings.differing("train", {k: train[k] for k in ARITHMETIC if k in train})
    words = {"compile": "compiled", "cudnn": "cudnn={}".format(changed.get("cudnn"))}
    return [words.get(key, str(changed[key])) for key in ARITHMETIC if key in changed]


def method(case: Case) -> str:
    """What replicates share: the canonical settings without the seed."""
    return _canonical(case, without=("seed",))


def _use_plugins(folder: Path, tables: Dict) -> None:
    """Lets the names of this suite stand for a user's own files; paths start at the suite."""
    named = {key: tables.pop(key, []) for key in PLUGIN_KEYS}
    for key, value in named.items():
        value = [value] if isinstance(value, str) else value
        if not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            raise ValueError("{} = {!r}; it is a list of folders".format(key, value))
        named[key] = [str(folder / each) for each in value]
    plugins.use(**named)


def _suite(name, tables, overrides, sweeps, quick, most) -> Suite:
    question = tables.pop("question", None)
    note, name = tables.pop("note", ""), tables.pop("name", name)
    if question is not None and not isinstance(question, str):
        raise ValueError("question = {!r}; it must be a sentence in quotes".format(question))
    if question is None or not question.strip():
        raise ValueError(
            'the question is missing; add question = "...", the sentence that the report answers'
        )
    settings.check_known("suite", tables, settings.SECTIONS + PLUGIN_KEYS)
    sections = {key: grid.tables(key, tables.get(key)) for key in settings.SECTIONS}
    for text in overrides:
        grid.override(sections, text)
    for text in sweeps:
        grid.override(sections, text, sweep=True)
    if quick:
        sections["train"] = [_quick(table) for table in sections["train"]]
    _check_size(sections, most)
    points = grid.expand(sections)
    return Suite(
        name, question.strip(), note, _distinct(map(short.shortened, points) if quick else points)
    )


def _check_size(sections: Dict, most: Optional[int]) -> None:
    cases = grid.count(sections)
    if most is not None and cases > most:
        raise ValueError("{} cases; narrow it or say --yes".format(cases))


def _quick(table: Dict) -> Dict:
    table = {key: value for key, value in table.items() if key != "steps"}
    return dict(table, seed=grid.first(table.get("seed", 0)), epochs=QUICK_EPOCHS)


def _distinct(points) -> Tuple[Case, ...]:
    cases: Dict[str, Case] = {}
    for point in points:
        case = Case(**point)
        cases.setdefault(case_id(case), case)
    return tuple(cases.values())


def _words(prune: Dict) -> str:
    recipe = prune["recipe"].replace("_", "-")
    words = [] if recipe == "one-shot" else [recipe]
    words += [str(prune[key]) for key in ("criterion", "saliency") if prune.get(key)]
    return " ".join(
        words + (["{:g}".format(prune["ratio"])] if prune.get("ratio") is not None else [])
    )


def _canonical(case: Case, without=()) -> str:
    sections = {name: _telling(name, table, without) for name, table in case._asdict().items()}
    return json.dumps(sections, sort_keys=True, separators=(",", ":"))


def _telling(section: str, table: Dict, without) -> Dict:
    """Settings that identify a run: those not at their default, and always what is named.

    Where data lie on this machine makes no other run.
    """
    named = {key: table[key] for key in ("criterion", "saliency") if table.get(key)}
    found = dict(settings.differing(section, table), **named)
    return {key: value for key, value in found.items() if key not in tuple(without) + WHERE}
