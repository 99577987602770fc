"""Fake power: always labelled, and played as recorded."""

import pytest

from edgejoule.devices.adapters import none, replay
from edgejoule.devices.trace import PowerTrace


def test_watts_given_by_hand_are_an_estimate():
    device = replay.open("9.5")
    assert [sample.watts for sample in device.read()] == [9.5]
    assert device.info().estimate and device.info().fake == "constant 9.5 W"
    assert "9.5 W was given by hand" in device.notes()[0]


def test_a_trace_file_is_played_round_and_round(tmp_path, clock):
    path = tmp_path / "run.trace.json"
    path.write_text(PowerTrace((5.0, 6.0, 7.0), (1.0, 3.0, 1.0), "VDD_IN").to_json())
    device = replay.open(str(path), clock=clock)
    assert device.info().fake == "trace run.trace.json" and not device.info().estimate
    seen = []
    for seconds in (0.0, 0.5, 0.5, 1.25):
        clock.sleep(seconds)
        [sample] = device.read()
        seen.append(sample.watts)
        assert sample.time_s == clock.now()
    assert seen == [1.0, 2.0, 3.0, 1.5]


@pytest.mark.parametrize("source", ["-3", "0", "nan", "inf", "nowhere.json", None])
def test_what_is_neither_watts_nor_trace_is_one_line(source):
    with pytest.raises(ValueError, match="fake power") as caught:
        replay.open(source)
    assert "\n" not in str(caught.value)


def test_a_broken_trace_file_is_named(tmp_path):
    path = tmp_path / "broken.json"
    path.write_text("{nonsense")
    with pytest.raises(ValueError, match="broken.json"):
        replay.open(str(path))
    path.write_text(PowerTrace((1.0,), (1.0,)).to_json())
    with pytest.raises(ValueError, match="two samples"):
        replay.open(str(path))


def test_none_carries_its_reason():
    device = none.open("the sensor is on strike")
    assert device.info().reason == "the sensor is on strike"
    with pytest.raises(RuntimeError, match="on strike"):
        device.read()


@pytest.mark.parametrize(
    "times,sensing",
    [
        ([0.1 * n for n in range(50)], "average"),
        ([0.5 * (n // 2) for n in range(50)], "average"),  # a counter's steps: two samples a jump
        ([0.005 * n for n in range(50)], "instant"),
    ],
)
def test_a_trace_is_sampled_as_finely_as_it_was_recorded(times, sensing):
    """What is finer than the sampling may beat with it; what is not has nothing to beat."""
    device = replay.open(PowerTrace(times, [5.0] * len(times)))
    assert device.info().sensing == sensing
