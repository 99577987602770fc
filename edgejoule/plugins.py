"""Names become modules here: the file is the registration.

A model, a data set, a criterion, ... is one file in the folder of its kind. A user's own files
count as much as ours: `PATH` holds folders that mirror the kinds (`my_methods/criteria/x.py`),
and a dotted name ("my_package.nets:build") is looked up as Python looks up modules. Standard
library only: every package may ask here, and nothing is imported to learn a name or a setting.
"""

import difflib
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional

from edgejoule import signatures
from edgejoule.members import Member, Renamed

ROOT = Path(__file__).resolve().parent.parent  # of a clone; the package itself where installed


class Kind(NamedTuple):
    """What a folder's members are: where ours lie, and what each of them must define."""

    singular: str
    folder: str
    defines: tuple  # the first is what "module:function" stands for


KINDS = {
    "models": Kind("model", "bench/models", ("build",)),
    "datasets": Kind(
        "dataset", "bench/datasets", ("load", "CLASSES", "INPUT_SHAPE", "TRAIN_IMAGES")
    ),
    "criteria": Kind("criterion", "prune/criteria", ("scores", "SCOPE", "BATCHES")),
    "saliency": Kind("saliency", "prune/saliency", ("scores", "SCOPE", "BATCHES", "AXIS")),
    "regularizers": Kind("regularizer", "prune/regularizers", ("penalty",)),
    "recipes": Kind("recipe", "prune/recipes", ("run",)),
    "initialisations": Kind("initialisation", "bench/initialisations", ("initialise", "TRAINS")),
    "optimisers": Kind("optimiser", "bench/optimisers", ("build",)),
    "schedules": Kind("schedule", "bench/schedules", ("rate", "EVERY")),
    "adapters": Kind("adapter", "devices/adapters", ("open", "present")),
    "sections": Kind("section", "reports/sections", ("render", "TITLE", "ORDER")),
}
REQUIRED = signatures.REQUIRED
PATH: List[Path] = []  # folders of users, in the order in which they were named; see `use`
IMPORT_FROM: List[Path] = []  # where dotted names are looked up besides Python's own places


class Source(NamedTuple):
    """Where the code behind a name is."""

    module: str  # dotted
    path: Path
    member: Optional[str] = None  # of a family, a file with MEMBERS
    function: Optional[str] = None  # that stands for the kind's own, from "module:function"


def use(plugins: Iterable[str] = (), import_from: Iterable[str] = ()) -> None:
    """From now on, in this process, these folders are searched too, and dotted names there.

    Raises:
        ValueError: a folder is missing, or holds none of the kinds.
    """
    for folder in map(Path, plugins):
        if not any((folder / kind).is_dir() for kind in KINDS):
            raise ValueError(
                "plugins: {} {}; a folder of plug-ins holds folders called {}".format(
                    folder,
                    "holds none of them" if folder.is_dir() else "is no folder",
                    ", ".join(KINDS),
                )
            )
        if folder.resolve() not in PATH:
            PATH.append(folder.resolve())
        _importable(folder.resolve().parent)
    for folder in map(Path, import_from):
        if not folder.is_dir():
            raise ValueError("import_from: {} is no folder".format(folder))
        if folder.resolve() not in IMPORT_FROM:
            IMPORT_FROM.append(folder.resolve())
        _importable(folder.resolve())


def used() -> Dict[str, List[str]]:
    """What `use` was given so far, for another process: `use(**used())`; {} for nothing."""
    found = {"plugins": PATH, "import_from": IMPORT_FROM}
    return {key: [str(each) for each in folders] for key, folders in found.items() if folders}


def digests() -> Dict[str, str]:
    """{folder of plug-ins: 16 hex digits of its files}, for the record of a run."""
    return {str(folder): _digest(folder) for folder in PATH}


def names(kind: str) -> List[str]:
    """Sorted names of the members of a kind, ours and those of users' folders."""
    return sorted(_sources(kind))


def nearest(name: str, allowed: Iterable) -> str:
    """The sentence " Did you mean 'x'?", or "" when nothing is close."""
    close = difflib.get_close_matches(str(name), [str(a) for a in allowed], n=1, cutoff=0.5)
    return " Did you mean {!r}?".format(close[0]) if close else ""


def check(kind: str, name: str) -> str:
    """The name, if it is one of the kind.

    Raises:
        ValueError: names what there is and the nearest neighbour.
    """
    source(kind, name)
    return name


def source(kind: str, name: str) -> Source:
    """Where the code behind a name is; nothing is imported but the packages of a dotted name."""
    if is_dotted(name):
        return _dotted(kind, name)
    known = _sources(kind)
    if name not in known:
        raise ValueError(
            "no {} called {!r}; {}/ has: {}.{}".format(
                KINDS[kind].singular,
                name,
                KINDS[kind].folder,
                ", ".join(sorted(known)),
                nearest(name, known),
            )
        )
    return known[name]


def load(kind: str, name: str) -> Any:
    """What a name stands for, imported now: a module, or a member of a family like one.

    Raises:
        ValueError: there is no such name, its file cannot be imported, or lacks a definition.
    """
    found = source(kind, name)
    module = _imported(found)
    if found.member is not None:
        return Member(module, found.member)
    if found.function is not None:
        module = Renamed(module, KINDS[kind].defines[0], found.function)
    needed = KINDS[kind].defines[:1] if found.function else KINDS[kind].defines
    for each in needed:
        if not hasattr(module, each):
            raise ValueError(
                "{} defines no {}, which a {} must; {}/ shows how".format(
                    found.path, each, KINDS[kind].singular, KINDS[kind].folder
                )
            )
    return module


def options(kind: str, name: str, function: str) -> Dict[str, object]:
    """Settings of one function of a member: {name: default}, `REQUIRED` where there is none."""
    found = source(kind, name)
    asked = found.function if function == KINDS[kind].defines[0] else None
    known = signatures.options(found.path, asked or function)
    if found.member is not None:
        changed = signatures.members(found.path)[found.member]
        known.update({key: changed[key] for key in known if key in changed})
    return known


def choices(kind: str, name: str, function: str) -> List[str]:
    """The settings of a member's function that choose another plug-in, such as "criterion"."""
    known = signatures.parameters(source(kind, name).path, function)
    return [key for key, each in known.items() if each.base == signatures.CHOICE]


def constant(kind: str, name: str, what: str, default: object = None) -> object:
    """The literal that a member's file gives a name such as "REGULARIZER"."""
    return signatures.constant(source(kind, name).path, what, default)


def is_dotted(name: str) -> bool:
    """True for "package.module" and "package.module:function"."""
    return "." in name or ":" in name


def _sources(kind: str) -> Dict[str, Source]:
    """{name: source} of a kind's files, ours first.

    Raises:
        ValueError: two files give the same name.
    """
    ours = ROOT / KINDS[kind].folder
    found: Dict[str, Source] = {}
    for folder, package in [(ours, "edgejoule." + KINDS[kind].folder.replace("/", "."))] + [
        (each / kind, "{}.{}".format(each.name, kind)) for each in PATH
    ]:
        for path in sorted(folder.glob("[!_]*.py")):
            for name, each in _names_in(path, "{}.{}".format(package, path.stem)).items():
                if name in found:
                    raise ValueError(
                        "two {} are called {!r}: {} and {}; rename one".format(
                            kind, name, found[name].path, each.path
                        )
                    )
                found[name] = each
    return found


def _names_in(path: Path, module: str) -> Dict[str, Source]:
    family = signatures.members(path)
    if not family:
        return {path.stem: Source(module, path)}
    return {name: Source(module, path, member=name) for name in family}


def _dotted(kind: str, name: str) -> Source:
    module, _, function = name.partition(":")
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:  # of the package that it would lie in
        spec = None
    except (ImportError, ValueError) as error:
        raise ValueError("{} {!r}: {}".format(KINDS[kind].singular, name, error)) from error
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise ValueError(
            "{} {!r}: there is no module {!r}; a suite's `import_from` names the folder to look "
            "in".format(KINDS[kind].singular, name, module)
        )
    return Source(module, Path(spec.origin), function=function or None)


def _imported(found: Source) -> Any:
    try:
        module = importlib.import_module(found.module)
    except ImportError as error:
        raise ValueError("{} cannot be imported: {}".format(found.path, error)) from error
    loaded = Path(str(module.__file__)).resolve()
    if loaded != found.path.resolve():  # a package of the folder's name stands elsewhere
        raise ValueError(
            "{} would be imported from {}; give the folder of plug-ins a name of its own".format(
                found.module, loaded
            )
        )
    return module


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        whole.update(str(path.relative_to(folder)).encode("utf8") + b"\0" + path.read_bytes())
    return whole.hexdigest()[:16]


def _importable(folder: Path) -> None:
    """Puts a folder at the end of the search path: it can hide nothing that was there before."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()
