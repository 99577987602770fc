"""The library: few names, each documented, each imported when it is first used."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import edgejoule

ROOT = Path(__file__).resolve().parent.parent


def checked():
    """{name: (module, what it is called there)} as a type checker sees it."""
    tree = ast.parse((ROOT / "edgejoule" / "__init__.py").read_text(encoding="utf8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name: (node.module.split(".", 1)[1], alias.name)
        for node in block.body
        for alias in node.names
    }


def test_type_checkers_see_the_names_that_are_there():
    assert checked() == edgejoule.PUBLIC
    assert sorted(edgejoule.__all__) == sorted(list(edgejoule.PUBLIC) + ["__version__"])


@pytest.mark.parametrize("name", sorted(edgejoule.PUBLIC))
def test_each_says_what_it_is(name):
    thing = getattr(edgejoule, name)
    assert len(inspect.getdoc(thing) or "") > 30
    assert name in dir(edgejoule)


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(AttributeError, match="no 'Metre'; it has: Clock, .* shrink"):
        edgejoule.Metre  # noqa: B018 it is the look-up that is tested


def test_a_meter_needs_no_torch():
    code = "import sys; from edgejoule import Meter, Reading; assert 'torch' not in sys.modules"
    subprocess.check_call([sys.executable, "-c", code], cwd=str(ROOT))
