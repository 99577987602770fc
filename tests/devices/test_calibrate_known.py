"""What is stored of a sensor and how it is applied: formats, merging, corrections, ranges."""

import json
import os

import pytest

from edgejoule.devices import choose, machine
from edgejoule.devices.calibration import known, store
from edgejoule.devices.device import Device
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Sample

INFO = DeviceInfo(
    "x", "board", "VDD_IN", "module", gain=0.03, offset_watts=0.2, lag_s=0.1, step_watts=0.01,
    limit_watts=40.0, period_s=0.1,
)  # fmt: skip
FACTS = {
    "gain": {"value": 1.07, "low": 1.066, "high": 1.074},
    "offset_watts": {"value": -0.4, "low": -0.42, "high": -0.38},
    "lag_s": {"value": 0.42, "low": 0.4, "high": 0.44},
    "range_watts": [3.0, 14.0],
    "found": "2026-11-28",
    "by": "calibrate",
    "against": "external:/dev/ttyUSB0",
}
DOCTORS = {
    "lag_s": {"value": 0.3, "low": 0.2, "high": 0.4},
    "update_s": {"value": 0.02, "low": 0.019, "high": 0.021},
    "found": "2026-11-30",
    "by": "doctor",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    path = tmp_path / "sensors"
    monkeypatch.setenv("EDGEJOULE_SENSORS", str(path))
    return path


class Sensor(Device):
    """Says what a test puts into it."""

    def __init__(self, *samples, **changes):
        self.samples, self._info, self.closed = list(samples), INFO._replace(**changes), False

    def info(self):
        return self._info

    def read(self):
        heard, self.samples = self.samples, []
        return heard

    def notes(self):
        return ["its own note"]

    def close(self):
        self.closed = True


class Named(Sensor):
    """A GPU, with a serial number."""

    def facts(self):
        return {"uuid": "GPU-1", "fans": 2}


def test_nothing_stored_is_an_empty_dictionary_and_the_device_itself():
    device = Sensor()
    assert store.load(INFO) == {} and known.apply(device) is device


def test_what_is_saved_is_loaded_and_applied(folder):
    path = store.save(INFO, FACTS)
    assert os.path.dirname(path) == str(folder)
    loaded = store.load(INFO)
    assert loaded["gain"]["value"] == 1.07 and loaded["range_watts"] == [3.0, 14.0]
    assert store.load(INFO._replace(rail="GPU")) == {}
    assert store.load(INFO._replace(name="another board")) == {}
    assert known.apply(Sensor()).info().calibration == (
        "gain 1.070 (1.066 to 1.074), offset -0.40 W, lag 0.42 s, "
        "against external:/dev/ttyUSB0, 2026-11-28, 3 to 14 W"
    )


def test_the_format_of_the_file():
    path = store.save(INFO, {"gain": FACTS["gain"], "by": "calibrate", "found": "2026-11-28"})
    assert os.path.basename(path) == "x-8723fac6a79b.json"
    with open(path) as file:
        text = file.read()
    assert '"name": "board"' in text  # a reader can tell one sensor's file from another's
    assert json.loads(text) == {
        "schema": 1,
        "sensor": {"adapter": "x", "name": "board", "rail": "VDD_IN", "serial": None},
        "facts": {
            "gain": dict(FACTS["gain"], by="calibrate", found="2026-11-28"),
            "by": "calibrate",
            "found": "2026-11-28",
        },
    }


def test_facts_are_merged_and_a_doctors_guess_displaces_no_comparison():
    store.save(INFO, FACTS)
    store.save(INFO, DOCTORS)
    found = store.load(INFO)
    assert found["lag_s"]["value"] == 0.42 and found["update_s"]["value"] == 0.02
    assert found["gain"]["by"] == "calibrate" and found["update_s"]["by"] == "doctor"
    assert (found["by"], found["found"]) == ("calibrate", "2026-11-28")
    store.save(INFO, dict(FACTS, found="2026-12-01"))
    assert store.load(INFO)["lag_s"]["found"] == store.load(INFO)["found"] == "2026-12-01"


def test_a_doctor_may_be_first_and_better_itself():
    store.save(INFO, dict(DOCTORS, window_s=None))
    info = known.apply(Sensor()).info()
    assert (info.lag_s, info.update_s, info.gain) == (0.3, 0.02, 0.03)
    assert info.calibration == "lag 0.3 s, new every 0.02 s, by doctor, 2026-11-30"
    later = dict(DOCTORS, found="2026-12-01", lag_s={"value": 0.2, "low": 0.1, "high": 0.3})
    store.save(INFO, later)
    assert store.load(INFO)["lag_s"]["value"] == 0.2 and store.load(INFO)["found"] == "2026-12-01"
    store.save(INFO, FACTS)
    assert store.load(INFO)["lag_s"]["value"] == 0.42 and store.load(INFO)["by"] == "calibrate"


@pytest.mark.parametrize(
    "text,said",
    [
        ("{not json", "cannot be read"),
        ("[]", "has schema None, not 1"),
        ('{"schema": 2}', "has schema 2, not 1"),
        ('{"schema": 1}', "lacks its sensor or its facts"),
        ('{"schema": 1, "sensor": {}, "facts": {"gain": 3}}', "no value with an interval"),
        (
            '{"schema": 1, "sensor": {}, "facts": {"gain": {"value": 0, "low": 0, "high": 1}}}',
            "which no sensor has",
        ),
        ('{"schema": 1, "sensor": {}, "facts": {"range_watts": [3]}}', "not [lowest, highest]"),
        ('{"schema": 1, "sensor": {}, "facts": {}}', "is of another sensor"),
    ],
)
def test_a_file_that_is_not_ours_is_one_note(folder, text, said):
    path = store.save(INFO, FACTS)
    with open(path, "w") as file:
        file.write(text)
    assert store.load(INFO) == {}
    device = known.apply(Sensor(Sample(watts=5.0)))
    assert device.read() == [Sample(watts=5.0)] and device.info() == INFO
    own, trouble = device.notes()
    assert path in trouble and said in trouble
    listed = store.listed()[0]
    assert "another sensor" in said or said in listed["trouble"]


def test_a_file_that_may_not_be_read_is_a_note_too(folder):
    os.makedirs(store.path_of(INFO))  # a folder of that name: unreadable for root as well
    [trouble] = store.look(INFO).troubles
    assert "cannot be read" in trouble and "\n" not in trouble


def test_what_is_no_quantity_is_not_saved(folder):
    with pytest.raises(ValueError, match="no value with an interval"):
        store.save(INFO, {"gain": {"value": 1.0, "low": 1.1, "high": 1.2}})
    assert not folder.exists()


def test_the_folder(monkeypatch, tmp_path, folder):
    assert store.home() == str(folder) and "EDGEJOULE_SENSORS" in machine.VARIABLES
    monkeypatch.delenv("EDGEJOULE_SENSORS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert store.home() == str(tmp_path / "edgejoule" / "sensors")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert store.home().endswith(os.path.join(".local", "share", "edgejoule", "sensors"))


def test_two_gpus_of_one_name_have_files_of_their_own(folder):
    store.save(INFO, FACTS, serial="GPU-1")
    assert known.apply(Named()).info().calibration
    assert known.apply(Sensor()).info().calibration is None
    store.save(INFO, DOCTORS)  # without a serial number: of every GPU of the name
    found = known.apply(Named()).info()
    assert (found.lag_s, found.update_s) == (0.42, 0.02)
    with open(store.path_of(INFO, "GPU-1")) as file:
        assert "GPU-1" not in file.read()  # a hash of it, which names nobody


def test_a_boards_serial_number_tells_boards_of_one_home_folder_apart(tmp_path):
    tree = tmp_path / "sys/firmware/devicetree/base"
    tree.mkdir(parents=True)
    (tree / "serial-number").write_text("0322018012345\0")
    assert store.machine_serial(str(tmp_path)) == "0322018012345"
    assert store.machine_serial(str(tmp_path / "none")) is None
    assert store.path_of(INFO, "0322018012345") != store.path_of(INFO)


def test_watts_and_the_totals_own_rail_are_corrected():
    rails = {"VDD_IN": 10.3, "VDD_SYS_GPU": 2.0}
    store.save(INFO, FACTS)
    store.save(INFO._replace(rail="VDD_SYS_DDR"), dict(FACTS, by="calibrate"))
    device = known.apply(
        Sensor(Sample(watts=10.3, rails=rails), Sample(watts=1.74, rails={"VDD_SYS_DDR": 1.74}))
    )
    first, second = device.read()
    assert first.watts == pytest.approx(10.0)
    assert first.rails == {"VDD_IN": pytest.approx(10.0), "VDD_SYS_GPU": 2.0}
    assert second.rails == {"VDD_SYS_DDR": pytest.approx(2.0)}
    assert rails["VDD_IN"] == 10.3  # what the adapter gave is left as it is


def test_the_description_has_what_was_measured():
    store.save(INFO, dict(FACTS, against_gain=0.003))
    info = known.apply(Sensor()).info()
    assert info.gain**2 == pytest.approx((0.002 / 1.07) ** 2 + 0.003**2)
    assert info.offset_watts == pytest.approx(0.01 / 1.07)
    assert info.lag_s == 0.42 and info.step_watts == pytest.approx(0.01 / 1.07)
    assert info.limit_watts == pytest.approx(40.4 / 1.07)
    assert (info.adapter, info.scope, info.period_s) == ("x", "module", 0.1)


def test_a_counter_is_corrected_by_gain_and_by_time():
    store.save(INFO, FACTS)
    device = known.apply(Sensor())
    shown, heard = 500.0, []
    for second in range(5):
        device_samples = [Sample(joules=shown + 10.3 * second, time_s=1000.0 + second)]
        device_samples.append(device_samples[0]._replace(time_s=1000.5 + second))  # it stands
        device.samples[:] = device_samples
        heard += device.read()
    joules = [sample.joules for sample in heard]
    assert joules[0::2] == joules[1::2]  # between ticks the offset's share must not be a tick
    assert joules[8] - joules[0] == pytest.approx(40.0)
    assert device.info().gain < 0.03 and device.notes() == ["its own note"]  # 10 W: in range


def test_outside_the_range_the_error_bar_grows_and_a_note_says_so():
    store.save(INFO, FACTS)
    device = known.apply(Sensor(Sample(watts=1.07 * 12.0 - 0.4)))
    device.read()
    inside = device.info()
    assert device.notes() == ["its own note"]
    device.samples[:] = [Sample(watts=1.07 * 2.7 - 0.4)]  # as far as noise may leave it
    device.read()
    assert device.info() == inside and len(device.notes()) == 1
    device.samples[:] = [Sample(watts=1.07 * 20.05 - 0.4)]  # half a range's width above it
    device.read()
    assert inside.gain < device.info().gain < 0.03
    assert device.info().gain == pytest.approx((inside.gain + 0.03) / 2)
    assert "2.7 to 20.1 W were seen, calibrated was 3 to 14 W" in device.notes()[1]
    device.samples[:] = [Sample(watts=1.07 * 60.0 - 0.4)]
    device.read()
    assert device.info().gain == pytest.approx(0.03)


def test_a_chip_that_averages_otherwise_keeps_its_own_lag():
    store.save(INFO, dict(FACTS, assumed_lag_s=0.42))
    device = known.apply(Sensor(lag_s=0.0))
    assert device.info().lag_s == 0.0
    assert "says a lag of 0 s, and said 0.42 s when it was calibrated" in device.notes()[1]
    assert known.apply(Sensor(lag_s=0.42)).info().lag_s == 0.42


def test_everything_else_passes_through():
    store.save(INFO, FACTS, serial="GPU-1")
    device = known.apply(Named(Sample(), Sample(watts=10.3, time_s=7.0, span_s=0.1)))
    assert device.facts() == {"uuid": "GPU-1", "fans": 2}
    empty, full = device.read()
    assert empty == Sample() and (full.time_s, full.span_s) == (7.0, 0.1)
    assert device.read() == []
    inner = device
    device.close()
    assert inner.closed
    assert not hasattr(device, "no_such_thing")


def test_what_is_not_real_or_not_there_is_never_corrected():
    store.save(INFO, FACTS)
    for change in ({"fake": "5 W"}, {"estimate": True}, {"reason": "none was asked for"}):
        device = Sensor(**change)
        assert known.apply(device) is device


def test_the_chosen_device_is_corrected_unless_it_is_asked_for_raw(monkeypatch, clock):
    class Adapter(Sensor):
        def open(self, clock):
            return self

        def read(self):
            return [Sample(watts=10.3)]

    store.save(INFO, FACTS)
    monkeypatch.setattr(choose, "load", lambda name: Adapter())
    assert choose.open("x").read()[0].watts == pytest.approx(10.0)
    assert choose.open("x", calibrated=False).read()[0].watts == 10.3
    with Meter("x", clock=clock) as meter:
        with meter.window() as opened:
            clock.sleep(10.0)
    assert opened.reading.joules == pytest.approx(100.0)
    assert meter.info.calibration.startswith("gain 1.070")
