"""The sensor is chosen by reading it; what fails is told with its reason."""

import pytest

from edgejoule.devices import choose, survey
from edgejoule.devices.clock import MACHINE
from edgejoule.devices.device import Device
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Sample


class Adapter(Device):
    """A module of devices/adapters in a test's hands."""

    def __init__(self, sample=None, opening=None, **info):
        self.sample, self.opening = sample, opening
        self._info = DeviceInfo(
            **dict(
                {"adapter": "x", "name": "x", "rail": "R", "scope": "gpu", "period_s": 0.01}, **info
            )
        )
        self.closed = 0

    def open(self, argument=None, clock=MACHINE):
        self.argument, self.clock = argument, clock
        if self.opening:
            raise self.opening
        return self

    def read(self):
        if self.sample is None:
            raise RuntimeError("x: no value")
        return [self.sample]

    def info(self):
        return self._info

    def close(self):
        self.closed += 1


@pytest.fixture
def adapters(monkeypatch):
    found = {}
    real = choose.load
    monkeypatch.setattr(choose, "load", lambda name: found.get(name) or real(name))
    monkeypatch.setattr(choose, "AUTO", ("first", "second"))
    return found


def test_a_sensor_that_opens_but_gives_no_value_is_passed_over(adapters):
    adapters["first"] = Adapter()
    adapters["second"] = Adapter(Sample(watts=3.0))
    assert choose.open() is adapters["second"]
    assert adapters["first"].closed == 1


def test_none_tells_what_every_sensor_said(adapters):
    adapters["first"] = Adapter()
    adapters["second"] = Adapter(opening=RuntimeError("second: asleep"))
    assert choose.open().info().reason == "x: no value; second: asleep"


def test_a_named_sensor_never_falls_back(adapters):
    adapters["first"] = Adapter()
    with pytest.raises(RuntimeError, match="no value"):
        choose.open("first")


def test_the_argument_follows_the_colon(adapters):
    adapters["first"] = Adapter(Sample(watts=3.0))
    choose.open("first:GPU-4c2f")
    assert adapters["first"].argument == "GPU-4c2f"


def test_a_driver_that_hangs_is_given_up(adapters, clock, monkeypatch):
    monkeypatch.setattr(choose, "OPENING_S", 1.0)
    adapters["first"] = Adapter(Sample(watts=1.0))
    adapters["first"].open = lambda clock: clock.sleep(60)
    adapters["second"] = Adapter(Sample(watts=2.0))
    begun = clock.now()
    assert choose.open(clock=clock).read()[-1].watts == 2.0
    assert clock.now() - begun == pytest.approx(1.0, abs=0.002)
    assert adapters["second"].clock is clock


def test_an_unknown_name_gets_its_neighbour():
    with pytest.raises(ValueError, match="Did you mean 'nvml'"):
        choose.open("nvlm")
    with pytest.raises(ValueError, match="drop one"):
        choose.open("nvml", fake_power=3)


def test_two_sensors_are_added_with_independent_errors(adapters, clock):
    adapters["gpu"] = Adapter(Sample(watts=30.0), adapter="gpu", gain=0.03)
    adapters["cpu"] = Adapter(Sample(watts=40.0), adapter="cpu", scope="package", gain=0.03)
    with Meter("gpu+cpu", clock=clock) as meter:
        with meter.window() as opened:
            clock.sleep(0.1)
        trace = meter.trace()
    reading = opened.reading
    assert reading.joules == pytest.approx(70.0 * reading.seconds)
    assert reading.rails["gpu R"] == pytest.approx(30.0 * reading.seconds)
    assert reading.uncertainty_joules == pytest.approx(2 * 0.03 * 50.0 * reading.seconds)
    assert set(trace.watts) == {70.0} and meter.info.adapter == "gpu+cpu"
    assert (adapters["gpu"].closed, adapters["cpu"].closed) == (1, 1)


def test_a_part_that_is_unknown_makes_the_sum_unknown(adapters, clock):
    adapters["gpu"] = Adapter(Sample(watts=30.0), adapter="gpu")
    adapters["cpu"] = Adapter(Sample(watts=40.0), adapter="cpu")
    device = choose.open("gpu+cpu")
    adapters["cpu"].sample = None
    with Meter(device, clock=clock) as meter:
        with meter.window() as opened:
            clock.sleep(0.05)
    assert opened.reading.joules is None and opened.reading.status == "invalid"
    assert "cpu" in opened.reading.reason


def test_a_sum_is_read_as_what_all_its_parts_tell(adapters):
    adapters["gpu"] = Adapter(Sample(watts=30.0, joules=5.0), adapter="gpu")
    adapters["cpu"] = Adapter(Sample(joules=7.0), adapter="cpu")
    assert choose.open("gpu+cpu").read() == [Sample(watts=None, joules=12.0)]
    adapters["cpu"].read = lambda: [Sample(watts=1.0), Sample(watts=3.0)]
    assert choose.open("gpu+cpu").read() == [Sample(watts=33.0, joules=None)]
    adapters["cpu"].read = list
    assert choose.open("gpu+cpu").read() == [Sample()]


def test_what_would_count_twice_is_refused(adapters):
    adapters["board"] = Adapter(Sample(watts=30.0), adapter="board", scope="module")
    adapters["gpu"] = Adapter(Sample(watts=40.0), adapter="gpu")
    with pytest.raises(ValueError, match="counts twice"):
        choose.open("board+gpu")
    with pytest.raises(ValueError, match="measures nothing"):
        choose.open("gpu+none")
    with pytest.raises(ValueError, match="named twice"):
        choose.open("gpu+gpu")


def test_the_survey_reads_every_sensor(adapters):
    adapters["first"] = Adapter()
    adapters["second"] = Adapter(Sample(watts=3.0, rails={"R": 3.0}))
    bad, good = survey.take()
    assert bad == {"adapter": "first", "reason": "x: no value"}
    assert good["watts"] == 3.0 and good["info"]["rail"] == "R"
    assert adapters["second"].closed == 1


def test_the_survey_has_a_line_for_each_of_several(adapters):
    adapters["first"] = Adapter()
    one, other = Adapter(Sample(watts=3.0)), Adapter()
    adapters["first"].survey = lambda: [
        ("first:1", one),
        ("first:2", "hidden"),
        ("first:3", other),
    ]
    adapters["second"] = Adapter(Sample(watts=4.0))
    found = survey.take()
    assert [each["adapter"] for each in found] == ["first:1", "first:2", "first:3", "second"]
    assert found[0]["watts"] == 3.0 and found[1] == {"adapter": "first:2", "reason": "hidden"}
    assert found[2]["reason"] == "x: no value" and (one.closed, other.closed) == (1, 1)
    assert survey.preferred(found) == "first" and survey.preferred(found[1:3]) is None


def test_what_sleeps_is_passed_over_and_noted(adapters):
    adapters["first"] = Adapter(Sample(watts=3.0))
    adapters["first"].asleep = lambda: "first: asleep"
    adapters["second"] = Adapter(Sample(watts=4.0))
    device = choose.open()
    assert device.read()[-1].watts == 4.0 and not hasattr(adapters["first"], "argument")
    assert device.notes() == ["first: asleep; its joules are not in these"]
    device.close()
    assert adapters["second"].closed == 1
    assert choose.open("first") is adapters["first"], "by name it is woken"
