"""What there is: suites, models, data sets, criteria, recipes with their settings, and runs.

A setting without a value has no default and must be given; `edgejoule list criteria` shows one
kind only.
"""

import json
from pathlib import Path

from edgejoule.bench import bundle, plugins, suite

FOLDERS = {
    "models": ("bench/models", ["build"]),
    "datasets": ("bench/datasets", ["load"]),
    "criteria": ("prune/criteria", ["scores", "penalty"]),
    "saliency": ("prune/saliency", ["scores"]),
    "recipes": ("prune/recipes", ["run"]),
    "devices": ("devices/adapters", []),
}
KINDS = ["suites"] + list(FOLDERS) + ["runs"]


def arguments(parser):
    """What `edgejoule list` takes."""
    parser.add_argument("kind", nargs="?", choices=KINDS, help="only this kind")
    parser.add_argument("--runs", default="runs", help="folder of run bundles [runs]")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args) -> int:
    """Exit code 0."""
    found = {kind: _members(kind, args.runs) for kind in ([args.kind] if args.kind else KINDS)}
    if args.json:
        print(json.dumps(found))
        return 0
    for kind, members in found.items():
        print("{}:{}".format(kind, "" if members else " none yet"))
        for name, facts in members.items():
            print("  {:28} {}".format(name, facts))
    return 0


def _members(kind: str, runs: str):
    if kind == "suites":
        return {
            path.stem: suite.read(str(path)).question
            for path in sorted(suite.SUITES.glob("*.toml"))
        }
    if kind == "runs":
        return _runs(Path(runs))
    folder, functions = FOLDERS[kind]
    return {name: _settings(folder, name, functions) for name in plugins.names(folder)}


def _settings(folder: str, name: str, functions) -> str:
    pairs = [
        pair for function in functions for pair in plugins.options(folder, name, function).items()
    ]
    return ", ".join(
        key if value is plugins.REQUIRED else "{}={!r}".format(key, value) for key, value in pairs
    )


def _runs(root: Path):
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    found = {}
    for folder in folders:
        done = len(list(bundle.scan(folder)))
        opened = len(list(folder.glob(".*.open")))
        found[folder.name] = "{} done".format(done) + (
            ", {} interrupted".format(opened) if opened else ""
        )
    return found
