"""Ten thousand bundles: pages over 250 nights, cold and warm, and the report of one suite.

    python -m pytest -m slow tests/benchmarks/test_report_speed.py

The bound is 10 s; what is printed are the processor's seconds, and on a quiet machine the wall's.
"""

import pytest
from rigs import bundles, histories
from rigs.pages import write_history

from edgejoule.reports import files, gather

pytestmark = pytest.mark.slow
NIGHTS, METHODS, SEEDS, EPOCHS = 250, 20, 20, 8
ROUNDS = 3


def cut(count):
    """(label, prune section) of dense training and `count` - 1 methods that cut."""
    return bundles.METHODS[:1] + tuple(
        (
            "slim {:g}".format(each / count),
            {"recipe": "one_shot", "criterion": "slim", "ratio": each / count},
        )
        for each in range(1, count)
    )


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """250 nights of 20 methods with 2 seeds."""
    return histories.make(
        tmp_path_factory.mktemp("speed") / "history",
        NIGHTS,
        cut(METHODS),
        (0, 1),
        histories.step(200, 1.05, "slim 0.5"),
        epochs=EPOCHS,
    )


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """One suite of 500 methods with 20 seeds."""
    return bundles.suite(
        tmp_path_factory.mktemp("speed"), range(SEEDS), "module", cut(NIGHTS * 2), epochs=EPOCHS
    )


def test_pages_of_a_history_without_an_index(joules_benchmark, history):
    """Every bundle is read."""

    def forget():
        if (history / "index.sqlite").exists():
            (history / "index.sqlite").unlink()

    written = joules_benchmark.pedantic(write_history, (history,), setup=forget, rounds=ROUNDS)
    assert "slim 0.5" in written["trends.html"].read_text(encoding="utf8")


def test_pages_of_a_history_with_its_index(joules_benchmark, history):
    """No bundle is read but those of the last two nights."""
    write_history(history)
    written = joules_benchmark.pedantic(write_history, (history,), rounds=ROUNDS)
    assert sum(path.stat().st_size for path in written.values()) < 10e6


def test_report_of_one_suite(joules_benchmark, suite, tmp_path):
    """Every bundle is read and checked; the page stays light."""
    written = joules_benchmark.pedantic(
        lambda: files.write(gather.report(suite), tmp_path / "out"), rounds=ROUNDS
    )
    assert written["page"].stat().st_size < 3e6
    assert len(written["runs"].read_text(encoding="utf8").splitlines()) == 1 + 10000
