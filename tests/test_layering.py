"""Imports run one way: devices and prune are leaves, reports reads what needs no torch."""
import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bench", "prune", "devices", "reports")
MAY_IMPORT = {
    "devices": {"devices"}, "prune": {"prune"}, "bench": {"bench", "prune", "devices", "edgejoule"},
    "reports": {"reports", "bench"},
}
TORCH_FREE = ("bundle", "checks", "environment", "gates.scan", "grid", "history", "history_index",
              "history_rows", "plugins", "records", "runner", "settings", "suite")
HEAVY = {"torch", "torchvision", "numpy", "pandas", "sklearn", "jtop", "pynvml", "fvcore"}


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


def imports(tree):
    """(top-level name, whole name) of every import in a syntax tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0], alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                yield node.module.split(".")[0], node.module + "." + alias.name


def at_import(path):
    """Names imported when the module itself is imported, not inside its functions."""
    tree = ast.parse(path.read_text(encoding="utf8"))
    body = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return {top for node in body for top, _ in imports(node)}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package):
    for path in sources(package):
        tops = {top for top, _ in imports(ast.parse(path.read_text(encoding="utf8")))}
        strangers = (tops & set(PACKAGES + ("edgejoule",))) - MAY_IMPORT[package]
        assert not strangers, "{} imports {}".format(path.relative_to(ROOT), strangers)


def test_reports_use_only_what_needs_no_torch():
    allowed = {"bench." + name for name in TORCH_FREE}
    for path in sources("reports"):
        whole = {name for top, name in imports(ast.parse(path.read_text(encoding="utf8")))
                 if top == "bench"}
        strangers = {name for name in whole if not _within(name, allowed)}
        assert not strangers, "{} imports {}".format(path.relative_to(ROOT), strangers)


def _within(name, modules):
    """True for a module, or what is taken from one."""
    return name in modules or name.rpartition(".")[0] in modules


def test_the_torch_free_part_of_bench_is_free_of_heavy_modules():
    for name in TORCH_FREE:
        heavy = at_import(ROOT / "bench" / (name.replace(".", "/") + ".py")) & HEAVY
        assert not heavy, "bench/{}.py imports {}".format(name, heavy)


def test_devices_need_only_the_standard_library_to_be_imported():
    for path in sources("devices"):
        assert not at_import(path) & HEAVY, path


@pytest.mark.parametrize("package", PACKAGES)
def test_init_files_hold_only_a_docstring(package):
    for path in sources(package):
        if path.name == "__init__.py":
            tree = ast.parse(path.read_text(encoding="utf8"))
            assert ast.get_docstring(tree), "{} says nothing".format(path)
            assert len(tree.body) == 1, "{} holds code".format(path)


def test_module_names_are_unique_outside_plugin_folders():
    folders = [ROOT / package for package in PACKAGES]
    names = [path.stem for folder in folders for path in folder.glob("*.py")
             if path.stem != "__init__"]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)


def test_nothing_is_called_a_utility():
    for package in PACKAGES:
        for path in sources(package):
            assert path.stem not in ("utils", "helpers", "common", "manager", "base"), path
