"""Names become modules here: the file is the registration.

Free of torch, and nothing is imported to learn a name or a setting: settings are the
keyword-only parameters of a module's function, read from its syntax tree.
"""

import ast
import difflib
import importlib
from pathlib import Path
from typing import Dict, List

ROOT = Path(__file__).resolve().parent.parent
REQUIRED = "required"


def names(folder: str) -> List[str]:
    """Sorted names of the modules in a plug-in folder such as "prune/criteria"."""
    return sorted(
        path.stem for path in (ROOT / folder).glob("*.py") if not path.stem.startswith("_")
    )


def nearest(name: str, allowed) -> str:
    """The sentence " Did you mean 'x'?", or "" when nothing is close."""
    close = difflib.get_close_matches(str(name), [str(a) for a in allowed], n=1, cutoff=0.5)
    return " Did you mean {!r}?".format(close[0]) if close else ""


def check(folder: str, name: str) -> str:
    """The name, if the folder has it.

    Raises:
        ValueError: names what the folder has and the nearest neighbour.
    """
    known = names(folder)
    if name not in known:
        raise ValueError(
            "no {} called {!r}; {}/ has: {}.{}".format(
                kind(folder), name, folder, ", ".join(known), nearest(name, known)
            )
        )
    return name


def kind(folder: str) -> str:
    """What a folder's members are called, in the singular."""
    last = folder.split("/")[-1]
    return {"criteria": "criterion"}.get(last, last[:-1] if last.endswith("s") else last)


def load(folder: str, name: str):
    """The module of that name, imported now."""
    check(folder, name)
    return importlib.import_module("edgejoule.{}.{}".format(folder.replace("/", "."), name))


def options(folder: str, name: str, function: str) -> Dict[str, object]:
    """Settings of one function of a plug-in: {name: default}, `REQUIRED` where there is none."""
    node = _function(folder, check(folder, name), function)
    if node is None:
        return {}
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults)
    return {arg.arg: REQUIRED if value is None else ast.literal_eval(value) for arg, value in pairs}


def takes_more(folder: str, name: str, function: str) -> bool:
    """True if the function passes further settings on (`**options`)."""
    node = _function(folder, check(folder, name), function)
    return node is not None and node.args.kwarg is not None


def _function(folder: str, name: str, function: str):
    path = ROOT / folder / (name + ".py")
    tree = ast.parse(path.read_text(encoding="utf8"), str(path))
    found = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    return found[0] if found else None
