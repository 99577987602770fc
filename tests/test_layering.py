"""Imports run one way: devices and prune are leaves, reports reads what needs no torch."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bench", "prune", "devices", "reports")
FLOOR = {
    "launch",
    "members",
    "needs",
    "plugins",
    "signatures",
    "stopping",
    "version",
}  # of edgejoule/ itself; standard library
MAY_IMPORT = {
    "devices": {"devices"} | FLOOR,
    "prune": {"prune"} | FLOOR,
    "bench": {"bench", "prune", "devices"} | FLOOR,
    "reports": {"reports", "bench"} | FLOOR,
}
TORCH_FREE = (
    "bundle",
    "checks",
    "environment",
    "gates.scan",
    "grid",
    "history.night_index",
    "history.night_rows",
    "history.store",
    "manifest",
    "record_shape",
    "records",
    "rounding",
    "rounds",
    "runner",
    "settings",
    "suite",
    "training.lengths",
)
HEAVY = {"torch", "torchvision", "numpy", "pandas", "sklearn", "jtop", "pynvml", "fvcore"}
PLUGINS = ("models", "datasets", "criteria", "saliency", "recipes", "adapters", "sections")


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


def everything():
    return [path for package in PACKAGES + ("tests",) for path in sources(package)]


def name_of(path):
    """The dotted name a file is imported by, without `edgejoule.`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree):
    """Dotted name of every import in a syntax tree, with what is taken from a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                yield node.module + "." + alias.name


def ours(path):
    """What a file imports of this package, without `edgejoule.`."""
    found = imports(ast.parse(path.read_text(encoding="utf8")))
    return {name.split(".", 1)[1] for name in found if name.startswith("edgejoule.")}


def at_import(path):
    """Names imported when the module itself is imported, not inside its functions."""
    tree = ast.parse(path.read_text(encoding="utf8"))
    body = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return {name.split(".")[0] for node in body for name in imports(node)}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package):
    for path in sources(package):
        strangers = {name.split(".")[0] for name in ours(path)} - MAY_IMPORT[package]
        strangers -= {"__version__"}
        assert not strangers, "{} imports {}".format(path.relative_to(ROOT), strangers)


def test_nothing_is_imported_from_the_top_level():
    for path in everything():
        tops = {name.split(".")[0] for name in imports(ast.parse(path.read_text(encoding="utf8")))}
        assert not tops & set(PACKAGES), "{} imports a bare {}".format(path, tops & set(PACKAGES))


def graph():
    """{module: modules of ours that it imports}, imports inside functions included."""
    files = {name_of(path): path for package in PACKAGES for path in sources(package)}
    return {
        name: {
            hit for each in ours(path) for hit in (each, each.rpartition(".")[0]) if hit in files
        }
        - {name}
        for name, path in files.items()
    }


def circle(edges):
    """The modules of a circle of imports, [] if there is none."""
    left = {name: set(edges[name]) for name in edges}
    while True:
        done = {name for name in left if not left[name] & set(left)}
        if not done:
            return sorted(left)
        for name in done:
            del left[name]


def test_no_circle_of_files():
    assert circle({"a": {"b"}, "b": {"a"}}) == ["a", "b"]  # the test can fail
    edges = graph()
    packages = {name for name in edges if (ROOT / name.replace(".", "/")).is_dir()}
    assert not circle({name: edges[name] - packages for name in edges if name not in packages})


def test_no_flat_folder_is_a_crowd():
    for package in PACKAGES:
        for folder in {path.parent for path in sources(package)}:
            files = [path for path in folder.glob("*.py") if path.stem != "__init__"]
            assert folder.name in PLUGINS or len(files) <= 30, "{} holds {} modules".format(
                folder.relative_to(ROOT), len(files)
            )


def test_reports_use_only_what_needs_no_torch():
    allowed = {"bench." + name for name in TORCH_FREE}
    for path in sources("reports"):
        strangers = {name for name in ours(path) if name.startswith("bench")}
        strangers = {name for name in strangers if not _within(name, allowed)}
        assert not strangers, "{} imports {}".format(path.relative_to(ROOT), strangers)


def _within(name, modules):
    """True for a module, or what is taken from one."""
    return name in modules or name.rpartition(".")[0] in modules


def test_the_torch_free_part_of_bench_is_free_of_heavy_modules():
    for name in TORCH_FREE:
        heavy = at_import(ROOT / "bench" / (name.replace(".", "/") + ".py")) & HEAVY
        assert not heavy, "bench/{}.py imports {}".format(name, heavy)


def test_devices_need_only_the_standard_library_to_be_imported():
    for path in sources("devices") + sorted((ROOT / "edgejoule").glob("*.py")):
        assert not at_import(path) & HEAVY, path


@pytest.mark.parametrize("package", PACKAGES)
def test_init_files_hold_only_a_docstring(package):
    for path in sources(package):
        if path.name == "__init__.py":
            tree = ast.parse(path.read_text(encoding="utf8"))
            assert ast.get_docstring(tree), "{} says nothing".format(path)
            assert len(tree.body) == 1, "{} holds code".format(path)


def test_nothing_is_called_a_utility():
    for package in PACKAGES:
        for path in sources(package):
            assert path.stem not in ("utils", "helpers", "common", "manager", "base"), path
