"""The sweep of channel widths: the choice by rule, the cache, and a short real run."""

import json

import pytest

from edgejoule.bench import width_sweep


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "times,step",
    [
        ({1: 1.0, 2: 1.0, 8: 1.0}, 1),
        ({1: 3.0, 2: 2.5, 4: 2.0, 8: 1.4, 16: 1.04, 32: 1.0}, 16),
        ({1: 1.04, 16: 1.0}, 1),
        ({1: 1.3, 8: 1.2, 64: 1.0}, 64),
        ({1: 1.0, 8: 5.0}, 1),
    ],
)
def test_the_smallest_multiple_that_is_about_as_good(times, step):
    assert width_sweep.chosen(times) == step


def test_widths_are_multiples_of_their_step_and_of_nothing_larger():
    for step, widths in width_sweep.WIDTHS.items():
        assert all(width % step == 0 and (width // step) % 2 or step == 64 for width in widths)


def test_a_sweep_is_measured_once_and_then_read(home, monkeypatch):
    monkeypatch.setattr(width_sweep, "measured", lambda device, rounds: {1: 2.0, 16: 1.0})
    assert width_sweep.multiple() == 16
    monkeypatch.setattr(width_sweep, "measured", lambda device, rounds: pytest.fail("again"))
    assert width_sweep.multiple() == 16


@pytest.mark.parametrize(
    "text", ["", "{}", '{"schema": 0, "times": {}}', "[1]", '{"schema": 1, "times": {"a": 1}}']
)
def test_a_broken_cache_is_measured_again(home, monkeypatch, text):
    path = width_sweep.cache("cpu")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    monkeypatch.setattr(width_sweep, "measured", lambda device, rounds: {1: 1.0})
    assert width_sweep.sweep() == {1: 1.0}
    assert json.loads(path.read_text())["times"] == {"1": 1.0}


def test_a_real_sweep_is_relative_to_the_best(home, monkeypatch):
    monkeypatch.setattr(width_sweep, "WIDTHS", {1: (5,), 8: (8,)})
    times = width_sweep.sweep("cpu", rounds=1)
    assert set(times) == {1, 8} and min(times.values()) == 1.0
