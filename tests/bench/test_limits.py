"""Thresholds: defaults below the file below the suite, and every slip is one line."""

import pytest

from edgejoule.bench import grid
from edgejoule.bench.gates import limits

FILE = """
[gate]
z = 4
demand = ["joules"]
[gate.floors]
joules = 0.02
[gate.suites.quick]
longest = 5
[gate.suites.quick.floors]
seconds = 0.1
"""


def read(tmp_path, text, suite=None):
    path = tmp_path / "edgejoule.toml"
    path.write_text(text)
    return limits.read(path, suite)


def test_what_the_file_does_not_say_is_the_default(tmp_path):
    found = read(tmp_path, FILE)
    assert found.z == 4 and found.demand == ("joules",) and found.floors["joules"] == 0.02
    assert found.floors["seconds"] == 0.05 and found.before == 28 and found.longest == 7
    assert read(tmp_path, "[nightly]\nx = 1\n")._replace(source="defaults") == limits.Thresholds()


def test_a_suite_overrides_the_rest(tmp_path):
    quick, other = read(tmp_path, FILE, "quick"), read(tmp_path, FILE, "other")
    assert quick.longest == 5 and quick.floors == dict(other.floors, seconds=0.1)
    assert other.longest == 7 and quick.z == other.z == 4


@pytest.mark.parametrize(
    "text,said",
    [
        ("[gate]\nzz = 4", "Did you mean 'z'?"),
        ("[gate]\ndemand = 3", "no list of metrics"),
        ("[gate.floors]\njoule = 0.1", "Did you mean 'joules'"),
        ("[gate.floors]\nflops = 0.1", "no setting 'flops'"),
        ("[gate]\nz = 0", "number above 0"),
        ("[gate]\npairs = 2.5", "whole number"),
        ("[gate]\nz = true", "number above 0"),
        ("[gate]\nshortest = 9", "more than longest"),
        ("gate = 3", "is no table"),
        ("[gate]\nfloors = 0.1", "is no table"),
        ('[gate]\ndemand = ["watt"]', "Did you mean 'watts'"),
        ("[gate.suites.quick]\nzed = 3", "gate.suites.quick has no setting 'zed'"),
        ("[gate", "thresholds "),
        ("[gate]\nsource = 'x'", "no setting 'source'"),
    ],
)
def test_a_slip_is_named(tmp_path, text, said):
    with pytest.raises(ValueError) as error:
        read(tmp_path, text)
    assert said in str(error.value) and "edgejoule.toml" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="no-such.toml"):
        limits.read(tmp_path / "no-such.toml")


def test_no_file_means_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(limits.plugins, "ROOT", tmp_path)
    assert limits.read() == limits.Thresholds()
    (tmp_path / "edgejoule.toml").write_text("[gate]\nz = 5\n")
    assert limits.read().z == 5


def test_what_is_printed_reads_back(tmp_path):
    found = read(tmp_path, FILE, "quick")
    text = "\n".join(limits.lines(found))
    assert grid.tomllib.loads(text)["gate"]["floors"] == found.floors
    assert read(tmp_path, text) == found
