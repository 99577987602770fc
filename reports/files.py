"""Writes the page and the tables, each file whole or not at all."""

import os
from pathlib import Path
from typing import Dict
from urllib.parse import quote

from edgejoule.reports import export, page, phase_costs, results, tables


def write(report, out: Path) -> Dict[str, Path]:
    """Paths of what was written: page, markdown, csv, latex, runs.

    Raises:
        ValueError: a file stands where the folder should be.
    """
    both = [results.results(report), phase_costs.phases(report)]
    texts = {
        "page": ("index.html", page.page(report)),
        "markdown": ("table.md", "\n".join(tables.markdown(each) for each in both)),
        "csv": ("table.csv", tables.csv(export.methods(report))),
        "latex": ("table.tex", "\n".join(tables.latex(each) for each in both)),
        "runs": ("runs.csv", tables.csv(export.runs(report))),
    }
    paths = whole(out, dict(texts.values()))
    return {kind: paths[name] for kind, (name, _) in texts.items()}


def whole(out: Path, texts: Dict[str, str]) -> Dict[str, Path]:
    """Writes texts by name into a folder, each whole or not at all; their paths by name.

    Raises:
        ValueError: a file stands where the folder should be.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(
            "the report cannot go to {}: a file of that name is in the way; choose "
            "another folder with --out".format(out)
        )
    return {name: _whole(out / name, text) for name, text in texts.items()}


def link(out: Path, folder: Path) -> str:
    """The way from a page in `out` to the bundles in `folder`, as a relative URL."""
    return quote(os.path.relpath(str(folder.resolve()), str(out.resolve())))


def _whole(path: Path, text: str) -> Path:
    temporary = path.with_name("{}.{}.part".format(path.name, os.getpid()))
    try:
        with open(str(temporary), "w", encoding="utf8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(str(temporary), str(path))
    except OSError:
        if temporary.exists():
            temporary.unlink()
        raise
    return path
