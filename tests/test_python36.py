"""The oldest interpreter, Python 3.6, must be able to read and run every module."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    sorted(
        path
        for folder in ("bench", "prune", "devices", "reports", "tests")
        for path in (ROOT / folder).rglob("*.py")
    )
    + sorted((ROOT / "edgejoule").glob("*.py"))
    + [ROOT / "edgejoule.py"]
)
TOO_NEW = {
    "nullcontext",
    "cached_property",
    "Protocol",
    "TypedDict",
    "Literal",
    "fmean",
    "NormalDist",
    "fromisoformat",
    "perf_counter_ns",
    "monotonic_ns",
    "time_ns",
    "removeprefix",
    "removesuffix",
    "missing_ok",
    "dirs_exist_ok",
    "capture_output",
    "is_relative_to",
    "with_stem",
    "bit_count",
    "pairwise",
    "quantiles",
}
TOO_NEW_IN_MATH = {"prod", "comb", "isqrt", "perm", "dist"}
SUBSCRIPTED = {"list", "dict", "tuple", "set", "frozenset", "type"}


def reports(tree):
    """Sentences about what Python 3.6 lacks in a syntax tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            yield node.lineno, "from __future__ import"
        names = [getattr(node, field, None) for field in ("attr", "arg", "id")]
        for name in TOO_NEW.intersection(n for n in names if isinstance(n, str)):
            yield getattr(node, "lineno", 0), name
        if (
            isinstance(node, ast.Attribute)
            and getattr(node.value, "id", "") == "math"
            and node.attr in TOO_NEW_IN_MATH
        ):
            yield node.lineno, "math." + node.attr
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") in SUBSCRIPTED:
            yield node.lineno, "{}[...]".format(node.value.id)
        if (
            isinstance(node, ast.Call)
            and getattr(getattr(node.func, "value", None), "id", "") == "subprocess"
            and any(each.arg == "text" for each in node.keywords)
        ):
            yield node.lineno, "subprocess text="


@pytest.mark.skipif(
    sys.version_info < (3, 8),
    reason="needs ast feature_version; here the real interpreter is the older one",
)
@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_it_parses_as_python_3_6(path):
    ast.parse(path.read_text(encoding="utf8"), str(path), feature_version=(3, 6))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_it_uses_nothing_newer(path):
    found = [
        "line {}: {}".format(*each)
        for each in reports(ast.parse(path.read_text(encoding="utf8")))
        if path.name != "test_python36.py"
    ]
    assert not found, found


def test_the_deny_list_catches_what_it_lists():
    bad = ast.parse("import math\nx: list[int] = []\nmath.prod(x)\nrun(capture_output=True)\n")
    assert {name for _, name in reports(bad)} == {"list[...]", "math.prod", "capture_output"}
