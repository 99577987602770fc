"""The report of a suite: 4 methods, 3 seeds, 60 epochs each."""

import json

import pytest
from rigs import bundles

from edgejoule.reports import files, gather


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    return bundles.suite(tmp_path_factory.mktemp("runs"), seeds=range(3), power="module", epochs=60)


def test_report(against, suite, tmp_path):
    written = against(
        lambda: files.write(gather.report(suite, False, "exact", "."), tmp_path / "out"),
        lambda: [json.loads(path.read_text(encoding="utf8")) for path in suite.glob("*/run.json")],
        "parsing its records",
        calls=2,
    )
    assert written["page"].exists()
