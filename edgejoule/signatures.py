"""Settings, read from a file's syntax tree: nothing is imported to learn what can be set.

The keyword-only parameters of a function are its settings. Two kinds of annotation say more:

    cut: Cut = default(mode="inner", scope=fixed("layer"))   a group: the fields of its class
    criterion: Criterion = default("slim")                   another plug-in, chosen by its name

A group's fields are settings with the defaults of its class; what the parameter's own
default says comes before them, and a field inside `fixed(...)` is no setting of that function.
"""

import ast
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

REQUIRED = "required"
GROUP, CHOICE = "Settings", "Choice"  # base classes of the two kinds of annotation
HERE = Path(__file__).resolve().parent


class Parameter(NamedTuple):
    """A keyword-only parameter: the settings it brings, and the class that gathers them."""

    settings: Dict[str, object]  # {name: default}
    base: str  # GROUP, CHOICE, or "" for a plain setting


def parameters(path: Path, function: str) -> Dict[str, Parameter]:
    """{name: parameter} of a file's function, in order; {} where there is no such function.

    Raises:
        ValueError: a default is no literal.
    """
    node = _definition(path, function, ast.FunctionDef)
    if node is None:
        return {}
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults)
    return {arg.arg: _parameter(path, arg, default) for arg, default in pairs}


def options(path: Path, function: str) -> Dict[str, object]:
    """{setting: default} of a file's function, in order; `REQUIRED` where there is no default."""
    found: Dict[str, object] = {}
    for parameter in parameters(path, function).values():
        found.update(parameter.settings)
    return found


def members(path: Path) -> Dict[str, Dict[str, Any]]:
    """{name: what its family says of it} of a file that defines MEMBERS; {} without."""
    return dict(constant(path, "MEMBERS", {}))


def constant(path: Path, name: str, default: Any = None) -> Any:
    """The literal that a file assigns to a name at its top level."""
    for node in _tree(path).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        ):
            return _literal(path, name, node.value)
    return default


def _parameter(path: Path, arg: ast.arg, default: Optional[ast.AST]) -> Parameter:
    place, node = _class_of(path, arg.annotation)
    base = _base(node)
    if node is not None and base == GROUP:
        return Parameter(_fields(place, node, default), GROUP)
    if base == CHOICE and isinstance(default, ast.Call):  # default("slim")
        default = default.args[0]
    value = REQUIRED if default is None else _literal(path, arg.arg, default)
    return Parameter({arg.arg: value}, base)


def _fields(place: Path, node: ast.ClassDef, default: Optional[ast.AST]) -> Dict[str, object]:
    """{field: default} of a group; `default` is the call that a parameter's default makes."""
    given = {each.arg: each.value for each in default.keywords} if default else {}  # type: ignore
    found = {}
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            name, value = each.target.id, given.get(each.target.id, each.value)
            if not _is_fixed(value):
                found[name] = REQUIRED if value is None else _literal(place, name, value)
    return found


def _is_fixed(node: Optional[ast.AST]) -> bool:
    return isinstance(node, ast.Call) and _words(node.func)[-1:] == ["fixed"]


def _tree(path: Path) -> ast.Module:
    return _parsed(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=None)
def _parsed(path: str, changed_ns: int) -> ast.Module:
    """A file is read once: a suite of hundreds of cases asks thousands of times."""
    return ast.parse(Path(path).read_text(encoding="utf8"), path)


def _definition(path: Path, name: str, kind: Any) -> Any:
    found = [node for node in _tree(path).body if isinstance(node, kind) and node.name == name]
    return found[0] if found else None


def _class_of(path: Path, annotation: Optional[ast.AST]) -> Tuple[Path, Optional[ast.ClassDef]]:
    """(file, class) that an annotation names: of the file itself, or imported from a module."""
    words = _words(annotation)
    if len(words) == 1 and _definition(path, words[0], ast.ClassDef):
        return path, _definition(path, words[0], ast.ClassDef)
    for bound, module in _imported(path):
        if words[:1] == [bound]:
            place = _file(module if len(words) == 1 else "{}.{}".format(module, bound))
            if place is not None:
                return place, _definition(place, words[-1], ast.ClassDef)
    return path, None


def _words(node: Optional[ast.AST]) -> List[str]:
    """["settings", "Cut"] of settings.Cut and Optional[settings.Cut]; [] of anything else."""
    if isinstance(node, ast.Subscript) and _words(node.value) == ["Optional"]:
        inner: Any = node.slice  # before Python 3.9 inside an ast.Index
        return _words(getattr(inner, "value", inner) if type(inner).__name__ == "Index" else inner)
    if isinstance(node, ast.Attribute):
        return _words(node.value) + [node.attr]
    return [node.id] if isinstance(node, ast.Name) else []


def _base(node: Optional[ast.ClassDef]) -> str:
    """Which of the two kinds a class is of, "" for neither."""
    for each in node.bases if node is not None else ():
        if _words(each)[-1:] in ([GROUP], [CHOICE]):
            return _words(each)[-1]
    return ""


def _imported(path: Path) -> Iterator[Tuple[str, str]]:
    """(name, module it was taken from) of every `from module import name` of a file."""
    for node in _tree(path).body:
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, node.module


def _file(module: str) -> Optional[Path]:
    """The source of a module; ours is found without importing anything."""
    if module.startswith("edgejoule."):
        path = HERE.joinpath(*module.split(".")[1:]).with_suffix(".py")
        return path if path.is_file() else None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _literal(path: Path, name: str, node: ast.AST) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(
            "{}: the value of {} is no literal; settings are read without running the file".format(
                path, name
            )
        ) from None
