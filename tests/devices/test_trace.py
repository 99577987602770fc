"""The saved form of power over time."""

import json

import pytest

from edgejoule.devices.trace import PowerTrace

TRACE = PowerTrace((10.0, 11.0, 12.0), (1.0, 3.0, 3.0), "VDD_IN")


def test_joules_of_a_window():
    assert TRACE.joules(10.0, 12.0) == pytest.approx(5.0)
    assert TRACE.joules(10.5, 11.0) == pytest.approx(1.25)


def test_a_window_that_is_not_covered_is_unknown_not_zero():
    assert TRACE.joules(9.9, 11.0) is None
    assert TRACE.joules(11.0, 12.1) is None
    assert PowerTrace((), ()).joules(0.0, 1.0) is None


def test_steps_are_integrated_as_steps():
    steps = PowerTrace((0.0, 1.0, 1.0, 2.0), (5.0, 5.0, 9.0, 9.0))
    assert steps.joules(0.0, 2.0) == pytest.approx(14.0)
    assert steps.joules(0.0, 1.0) == pytest.approx(5.0)
    assert steps.joules(1.0, 2.0) == pytest.approx(9.0)


def test_what_is_saved_comes_back():
    again = PowerTrace.from_json(TRACE.to_json())
    assert again == TRACE
    assert json.loads(TRACE.to_json())["schema"] == 1


def test_the_first_format_loads_for_ever():
    text = '{"schema": 1, "rail": null, "times_s": [0, 1], "watts": [2.5, 2.5]}'
    assert PowerTrace.from_json(text).joules(0, 1) == 2.5


@pytest.mark.parametrize(
    "text,told",
    [
        ('{"schema": 9}', "found 9"),
        ("[1, 2]", "found 'list'"),
        ('{"schema": 1, "times_s": [0], "watts": [1, 2]}', "one length"),
        ('{"schema": 1, "times_s": [1, 0], "watts": [1, 2]}', "runs backwards"),
    ],
)
def test_what_is_no_trace_is_told_apart(text, told):
    with pytest.raises(ValueError, match=told):
        PowerTrace.from_json(text)
