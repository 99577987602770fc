"""`edgejoule report`: what it prints, what it writes, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rigs import bundles

from edgejoule import command_line

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "scipy", "sklearn", "matplotlib"):
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Block())
from edgejoule import command_line
sys.exit(command_line.main(sys.argv[1:]))
"""


def _run(*arguments, **environment):
    done = subprocess.Popen(
        (sys.executable,) + arguments,
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, **environment),
    )
    out, err = done.communicate()
    return done.returncode, out.decode("utf8", "replace"), err.decode("utf8", "replace")


def test_it_prints_table_verdict_and_paths(tmp_path, capsys):
    """And leaves five files beside the bundles."""
    root = bundles.suite(tmp_path)
    assert command_line.main(["report", "quick", "--runs", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(bundles.QUESTION)
    for words in (
        "Results of quick",
        "not measured [a]",
        "Verdict",
        "Warnings",
        str(root / "report" / "index.html"),
    ):
        assert words in out
    assert sorted(each.name for each in (root / "report").iterdir()) == [
        "index.html",
        "runs.csv",
        "table.csv",
        "table.md",
        "table.tex",
    ]


def test_json_is_one_document(tmp_path, capsys):
    """Unknown is null; a set-aside bundle is named."""
    root = bundles.suite(tmp_path)
    (root / bundles.case_id("dense", 1) / "run.json").write_text("{")
    assert command_line.main(["report", "--runs", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["methods"][0]["joules_mean"] is None and document["runs"] == 7
    assert document["set_aside"][0]["case_id"] == bundles.case_id("dense", 1)
    assert document["power"]["measured"] is False
    assert Path(document["files"]["page"]).exists()


def test_nothing_to_report_ends_with_3(tmp_path):
    """Nothing measured is never green."""
    bundles.write(tmp_path, [], missing=[("a", "dense")])
    assert command_line.main(["report", "--runs", str(tmp_path)]) == 3
    assert (tmp_path / "quick" / "report" / "index.html").exists()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["nosuch"], "no runs of a suite called 'nosuch'"),
        (["../.."], "no runs of a suite called '../..'"),
        (["/"], "no runs of a suite called '/'"),
        (["quick", "--convention", "flops"], "exact, paper, fvcore"),
        (["quick", "--out", "{file}"], "a file of that name is in the way"),
        (["quick", "--out", "{file}/deeper"], "a file of that name is in the way"),
        (["quick", "--runs", "{file}"], "is a file"),
    ],
)
def test_bad_requests_are_one_line_and_4(tmp_path, capsys, arguments, words):
    """No traceback."""
    bundles.suite(tmp_path, methods=bundles.METHODS[:1])
    (tmp_path / "file").write_text("")
    given = [each.format(file=tmp_path / "file") for each in arguments]
    assert command_line.main(["report", "--runs", str(tmp_path)] + given) == 4
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1 and err.startswith("edgejoule: ")


def test_links_lead_from_the_page_to_the_bundles(tmp_path):
    """Also when the page is written elsewhere."""
    root = bundles.suite(tmp_path / "runs", methods=bundles.METHODS[:1])
    out = tmp_path / "else where"
    assert command_line.main(["report", str(root), "--out", str(out)]) == 0
    made = (out / "index.html").read_text(encoding="utf8")
    assert 'href="../runs/quick/{}/run.json"'.format(bundles.case_id("dense", 0)) in made


def test_a_second_report_changes_no_byte_and_leaves_no_scrap(tmp_path):
    """Whole or not at all, and the same every time."""
    root = bundles.suite(tmp_path, power="module")
    seen = []
    for _ in range(2):
        assert command_line.main(["report", "--runs", str(tmp_path)]) == 0
        seen.append({each.name: each.read_bytes() for each in (root / "report").iterdir()})
    assert seen[0] == seen[1] and len(seen[0]) == 5


def test_a_write_that_fails_keeps_the_old_file(tmp_path, monkeypatch):
    """A full disk must not cost the report that was there."""
    root = bundles.suite(tmp_path, methods=bundles.METHODS[:1])
    command_line.main(["report", "--runs", str(tmp_path)])
    before = (root / "report" / "index.html").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert command_line.main(["report", "--runs", str(tmp_path)]) == 4
    assert (root / "report" / "index.html").read_bytes() == before
    assert not [each for each in (root / "report").iterdir() if each.name.endswith(".part")]


def test_it_needs_no_torch(tmp_path):
    """A laptop reports what a board measured."""
    bundles.suite(tmp_path, methods=bundles.METHODS[:2])
    code, out, err = _run("-c", BLOCKED, "report", "--runs", str(tmp_path))
    assert (code, err) == (0, "") and "Verdict" in out


def test_it_prints_on_a_terminal_that_knows_only_ascii(tmp_path):
    """A board over ssh without a locale."""
    bundles.suite(tmp_path, methods=bundles.METHODS[:2])
    code, out, err = _run(
        "edgejoule.py", "report", "--runs", str(tmp_path), PYTHONIOENCODING="ascii"
    )
    assert (code, err) == (0, "") and "98.05 +- 0.07" in out
