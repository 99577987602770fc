"""What every module keeps to: annotated functions, and tests that reach no private names."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bench", "prune", "devices", "reports")
NAMED_TUPLE = {"_replace", "_asdict", "_fields", "_make"}  # public in all but spelling
FOREIGN = {"os", "nn", "pynvml", "model", "module", "norm"}  # torch's own hooks, os._exit, ...


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


def public_functions(package):
    """(path, syntax node) of every function and method without a leading underscore."""
    for path in sources(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield path, node


def annotated(node):
    """True if the result and every parameter say what they are."""
    given = node.args.args + node.args.kwonlyargs
    given += [each for each in (node.args.vararg, node.args.kwarg) if each]
    given = [each for each in given if each.arg not in ("self", "cls")]
    return node.returns is not None and all(each.annotation for each in given)


@pytest.mark.parametrize("package", PACKAGES)
def test_public_functions_are_annotated(package):
    bare = [
        "{}:{} {}".format(path.relative_to(ROOT), node.lineno, node.name)
        for path, node in public_functions(package)
        if not annotated(node)
    ]
    whole = len(list(public_functions(package)))
    assert len(bare) <= 0.05 * whole, "{} of {}: {}".format(len(bare), whole, "\n".join(bare))


def reached(tree):
    """Private names that a test takes from somebody else."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _private(node.attr):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.attr if root.attr in FOREIGN else root.value
            if not (isinstance(root, ast.Name) and root.id in FOREIGN | {"self", "cls"}):
                yield node.attr if not isinstance(root, str) else None
        elif isinstance(node, ast.ImportFrom):
            yield from (each.name for each in node.names if _private(each.name))


def _private(name):
    return name.startswith("_") and not name.startswith("__") and name not in NAMED_TUPLE


def test_tests_reach_no_private_names():
    for path in sources("tests"):
        names = [each for each in reached(ast.parse(path.read_text(encoding="utf8"))) if each]
        assert not names, "{} reaches {}".format(path.relative_to(ROOT), ", ".join(names))
