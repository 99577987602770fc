"""Old traces go by the stated rule; records never go."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from rigs import bundles

from edgejoule.bench.commands import nightly
from edgejoule.bench.history import store
from edgejoule.bench.nights import trace_keeping

ROOT = Path(__file__).resolve().parent.parent.parent
FIRST = date(2026, 3, 20)


def some(count, **documents):
    """Nights of one device and suite; a keyword n12={...} changes the document of night 12."""
    nights = []
    for number in range(count):
        document = dict(
            {"stage": "done", "verdict": "PASS", "findings": []},
            **documents.get("n{}".format(number), {}),
        )
        name = (FIRST + timedelta(number)).isoformat()
        nights.append(store.Night("board", name, "quick", Path(name), document))
    return nights


def gone(nights, blessed=(), keep=28):
    found = {night.night for night in trace_keeping.prunable(nights, set(blessed), keep)}
    return {number for number, night in enumerate(nights) if night.night in found}


def test_the_last_nights_are_kept_whole():
    assert gone(some(28)) == set() and gone(some(29)) == set()
    assert gone(some(60), keep=60) == set() and gone(some(30)) == {1}


def test_then_the_first_of_every_month():
    nights = some(100)
    kept = [nights[number].night for number in range(72) if number not in gone(nights)]
    assert kept == ["2026-03-20", "2026-04-01", "2026-05-01"]
    assert gone(nights, keep=0) >= {99} and 0 not in gone(nights, keep=0)


def test_blessed_invalid_unfinished_and_step_nights_are_kept():
    step = {"since": {"night": some(9)[8].night}, "until": {"night": some(8)[7].night}}
    nights = some(
        60,
        n3={"verdict": "INVALID"},
        n5={"stage": "run", "verdict": None},
        n40={"findings": [step], "verdict": "FAIL"},
        n10={"verdict": "INCONCLUSIVE"},
    )
    found = gone(nights, blessed=[nights[20].night])
    assert found.isdisjoint({3, 5, 7, 8, 20}) and {1, 2, 4, 6, 9, 10, 19, 21} <= found


def test_a_night_that_cannot_be_read_is_kept():
    nights = some(60)
    nights[4] = nights[4]._replace(document=None)
    assert 4 not in gone(nights) and 3 in gone(nights)


@pytest.mark.parametrize("text", ["{", "[]", '{"quick": 3}'])
def test_nothing_goes_while_the_blessed_cannot_be_read(tmp_path, text):
    (tmp_path / "blessed.json").write_text(text)
    with pytest.raises(ValueError, match="no trace is removed"):
        trace_keeping.blessed(tmp_path, "quick")


def test_the_blessed_night(tmp_path):
    assert trace_keeping.blessed(tmp_path, "quick") == set()
    (tmp_path / "blessed.json").write_text(json.dumps({"quick": {"night": "2026-04-02"}}))
    assert trace_keeping.blessed(tmp_path, "quick") == {"2026-04-02"}
    assert trace_keeping.blessed(tmp_path, "other") == set()


def test_only_traces_are_removed_and_twice_is_once(tmp_path):
    root = bundles.suite(tmp_path, seeds=(0,))
    for path in root.glob("*/run.json"):
        (path.parent / "trace.json").write_text("{}")
    (root / ".open").mkdir()
    (root / ".open" / "trace.json").write_text("{}")
    before = {path for path in root.rglob("*") if path.name != "trace.json"}
    night = store.Night("board", "2026-03-20", "quick", root, {})
    assert trace_keeping.remove([night]) == (4, 1, 8)
    assert trace_keeping.remove([night]) == (0, 0, 0)
    assert {path for path in root.rglob("*") if path.name != "trace.json"} == before
    assert (root / ".open" / "trace.json").exists()


def test_the_rule_is_told():
    guide = (ROOT / "docs" / "how-to" / "nightly.md").read_text(encoding="utf8")
    for text in (nightly.__doc__, guide):
        told = " ".join(text.split())
        for words in (
            "last 28 nights",
            "first night of every month",
            "both sides of a step",
            "blessed and invalid nights",
            "never removed",
        ):
            assert words in told, words
    assert trace_keeping.KEEP == 28
