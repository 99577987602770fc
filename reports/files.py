"""Writes the page and the tables, each file whole or not at all."""

from pathlib import Path
from typing import Dict

from edgejoule.bench import bundle
from edgejoule.reports import export, page, phase_costs, results, tables
from edgejoule.reports.gather import Report


def write(report: Report, out: Path) -> Dict[str, Path]:
    """Paths of what was written: page, markdown, csv, latex, runs.

    Raises:
        ValueError: a file stands where the folder should be.
    """
    both = [results.results(report), phase_costs.phases(report)]
    texts = {
        "page": ("index.html", page.page(report)),
        "markdown": ("table.md", "\n".join(tables.markdown(each) for each in both)),
        "csv": ("table.csv", tables.csv_text(export.methods(report))),
        "latex": ("table.tex", "\n".join(tables.latex(each) for each in both)),
        "runs": ("runs.csv", tables.csv_text(export.runs(report))),
    }
    paths = write_texts(out, dict(texts.values()))
    return {kind: paths[name] for kind, (name, _) in texts.items()}


def write_texts(out: Path, texts: Dict[str, str]) -> Dict[str, Path]:
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
        ) from None
    for name, text in texts.items():
        bundle.write_text(out / name, text)
    return {name: out / name for name in texts}
