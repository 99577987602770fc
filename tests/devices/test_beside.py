"""A second sensor of the same power, beside the first: told, compared, never added."""

import pytest

from edgejoule.devices import beside, choose
from edgejoule.devices.device import Device
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Sample


class Adapter(Device):
    """A module of devices/adapters and its device, in a test's hands."""

    def __init__(self, watts, reason=None, gain=0.01, **info):
        self.watts, self.closed = watts, 0
        self._info = DeviceInfo(
            **dict({"name": "n", "rail": "R", "scope": "module", "period_s": 0.1}, **info),
            reason=reason,
            gain=gain,
        )

    def open(self, argument=None, clock=None):
        self.argument = argument
        return self

    def info(self):
        return self._info

    def read(self):
        if self.watts is None:
            raise RuntimeError("no value")
        return [Sample(watts=self.watts)]

    def close(self):
        self.closed += 1


@pytest.fixture
def adapters(monkeypatch):
    found = {
        "board": Adapter(10.0, adapter="board"),
        "bench": Adapter(10.1, adapter="bench", scope="board", rail="meter"),
    }
    real = choose.load
    monkeypatch.setattr(choose, "load", lambda name: found.get(name) or real(name))
    return found


def measured(name, clock, seconds=10.0):
    with Meter(name, clock=clock) as meter:
        with meter.window() as opened:
            clock.sleep(seconds)
    return meter, opened.reading


def test_the_joules_are_the_firsts_and_the_witness_is_a_rail(adapters, clock):
    meter, reading = measured("board//bench:/dev/ttyUSB0", clock)
    assert reading.joules == pytest.approx(100.0)
    assert reading.rails == {"bench meter": pytest.approx(101.0)}
    assert (reading.status, reading.reason, meter.warnings()) == ("ok", None, [])
    assert meter.info.adapter == "board" and meter.info.scope == "module"
    assert set(meter.trace().watts) == {10.0}  # not the sum of both
    assert set(meter.cost()) == {"board", "bench"}
    assert adapters["bench"].argument == "/dev/ttyUSB0"
    assert (adapters["board"].closed, adapters["bench"].closed) == (1, 1)


def test_a_difference_beyond_both_error_bars_is_told(adapters, clock):
    adapters["bench"].watts = 11.0
    meter, reading = measured("board//bench", clock)
    assert "bench beside it says 110 J in place of 100 J, further apart than" in reading.reason
    assert "both error bars in 1 of 1 windows, by +10.0% at most" in meter.warnings()[0]
    assert reading.joules == pytest.approx(100.0) and reading.status == "ok"


def test_a_witness_that_fails_costs_nothing_but_itself(adapters, clock):
    meter = Meter("board//bench", clock=clock)
    adapters["bench"].watts = None
    with meter:
        with meter.window() as opened:
            clock.sleep(10.0)
    assert opened.reading.joules == pytest.approx(100.0) and opened.reading.rails == {}
    assert "bench beside it measured nothing" in opened.reading.reason


def test_a_sum_names_its_parts_calibrations(adapters):
    adapters["cpu"] = Adapter(4.0, adapter="cpu", scope="package", calibration="gain 1.1")
    adapters["gpu"] = Adapter(6.0, adapter="gpu", scope="gpu")
    assert choose.open("cpu+gpu").info().calibration == "cpu: gain 1.1"


def test_a_sum_may_have_a_witness(adapters, clock):
    adapters["cpu"] = Adapter(4.0, adapter="cpu", scope="package")
    adapters["gpu"] = Adapter(6.0, adapter="gpu", scope="gpu")
    _, reading = measured("cpu+gpu//bench", clock)
    assert reading.joules == pytest.approx(100.0)
    assert reading.rails["bench meter"] == pytest.approx(101.0)
    assert set(reading.rails) == {"cpu R", "gpu R", "bench meter"}


def test_a_read_of_the_pair_is_the_firsts(adapters):
    device = choose.open("board//bench")
    assert device.read() == [Sample(watts=10.0)] and device.info().adapter == "board"
    device.close()


@pytest.mark.parametrize(
    "name,wanted",
    [
        ("ina3221//external:/dev/ttyUSB0", ("ina3221", "external:/dev/ttyUSB0")),
        ("nvml+rapl//external:tcp:host:5000", ("nvml+rapl", "external:tcp:host:5000")),
        ("external://tmp/meter.csv", ("external://tmp/meter.csv", None)),
        ("ina3221//external:/a//b/c.csv", ("ina3221", "external:/a//b/c.csv")),
        ("auto", ("auto", None)),
    ],
)
def test_two_strokes_divide_a_name(name, wanted):
    assert beside.split(name) == wanted


@pytest.mark.parametrize(
    "name,said",
    [
        ("board//bench+board", "a witness is one sensor"),
        ("//bench", "a witness is one sensor"),
        ("board//none", "nothing to compare"),
        ("board//nvlm", "Did you mean 'nvml'"),
    ],
)
def test_what_cannot_stand_beside(adapters, name, said):
    with pytest.raises(ValueError, match=said):
        choose.open(name)
