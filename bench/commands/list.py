"""What there is: suites, models, data sets, criteria, recipes with their settings, and runs.

A setting without a value has no default and must be given; `edgejoule list criteria` shows one
kind only. Your own files are listed too: --plugins FOLDER, or SUITE.toml for those of a suite.
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Dict

from edgejoule import plugins
from edgejoule.bench import bundle, grid, suite

SETTINGS = {  # kind: where a suite's settings of it come from
    "models": "build",
    "datasets": "load",
    "initialisations": "initialise",
    "criteria": "scores",
    "saliency": "scores",
    "regularizers": "penalty",
    "recipes": "run",
    "optimisers": "build",
    "schedules": "rate",
}
NAMES = {"devices": "adapters"}  # a kind that people know by another name
KINDS = ["suites"] + list(SETTINGS) + list(NAMES) + ["sections", "runs"]


def arguments(parser: ArgumentParser) -> None:
    """What `edgejoule list` takes."""
    parser.add_argument("kind", nargs="?", choices=KINDS, help="only this kind")
    parser.add_argument("--runs", default="runs", help="folder of run bundles [runs]")
    parser.add_argument(
        "--plugins",
        action="append",
        default=[],
        metavar="FOLDER_OR_SUITE",
        help="list your own files too: a folder of plug-ins, or a suite that names some",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: Namespace) -> int:
    """Exit code 0."""
    for each in args.plugins:
        _use(each)
    found = {kind: _members(kind, args.runs) for kind in ([args.kind] if args.kind else KINDS)}
    if args.json:
        print(json.dumps(found))
        return 0
    for kind, members in found.items():
        print("{}:{}".format(kind, "" if members else " none yet"))
        for name, facts in members.items():
            print("  {:28} {}".format(name, facts).rstrip())
    return 0


def _use(asked: str) -> None:
    if asked.endswith(".toml"):
        suite.read(asked)
    else:
        plugins.use([asked])


def _members(kind: str, runs: str) -> Dict[str, str]:
    if kind == "suites":
        return {path.stem: _question(path) for path in sorted(suite.SUITES.glob("*.toml"))}
    if kind == "runs":
        return _runs(Path(runs))
    kind = NAMES.get(kind, kind)
    return {name: _facts(kind, name) for name in plugins.names(kind)}


def _question(path: Path) -> str:
    """A suite's question; its cases, which may be thousands, are not worked out."""
    return grid.tomllib.loads(path.read_bytes().decode("utf8"))["question"]


def _facts(kind: str, name: str) -> str:
    """The settings of a member, and which folder of the user's it comes from."""
    known = plugins.options(kind, name, SETTINGS[kind]) if kind in SETTINGS else {}
    words = [
        key if value is plugins.REQUIRED else "{}={!r}".format(key, value)
        for key, value in known.items()
    ]
    place = plugins.source(kind, name).path.parent.parent
    return ", ".join(words) + ("  ({})".format(place) if place in plugins.PATH else "")


def _runs(root: Path) -> Dict[str, str]:
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    found = {}
    for folder in folders:
        done = len(list(bundle.scan(folder)))
        opened = len(list(folder.glob(".*.open")))
        found[folder.name] = "{} done".format(done) + (
            ", {} interrupted".format(opened) if opened else ""
        )
    return found
