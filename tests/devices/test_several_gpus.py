"""Several GPUs: all that CUDA would use are measured, added, and told apart by UUID."""

import io
import json
from contextlib import redirect_stdout

import pytest
from rigs import gpu_rig

from edgejoule.command_line import main
from edgejoule.devices import choose, doctor_report, health, survey
from edgejoule.devices.adapters import nvml
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Reading, Sample
from edgejoule.devices.several import Several, labels, total
from edgejoule.devices.vendors import cuda_order, gpus

pynvml = pytest.importorskip("pynvml")
UUID = "GPU-aaaa000{}-0000-0000-0000-000000000000"


@pytest.fixture
def three(gpu):
    """Three GPUs of 100, 150 and 200 W."""
    gpu.devices, gpu.spread = 3, 0.5
    return gpu


def serials(device):
    parts = device.devices if isinstance(device, Several) else [device]
    return [part.info().serial for part in parts]


@pytest.fixture
def window(clock):
    """(start, reading) of so many seconds of a device of that name."""

    def measure(name, seconds=6.0):
        with Meter(choose.open(name, clock=clock), clock=clock) as meter:
            clock.sleep(0.5)
            with meter.window() as opened:
                clock.sleep(seconds)
            cost = meter.cost()
        meter.device.close()
        return opened.start_s, opened.reading, cost

    return measure


def test_all_gpus_are_measured_and_added(three, window):
    start, reading, cost = window("nvml")
    ends = start + reading.seconds
    truths = [gpu_rig.truth(three, start, ends, i) for i in range(3)]
    assert reading.joules == pytest.approx(sum(truths), rel=0.005)
    assert reading.joules == pytest.approx(sum(reading.rails.values()))
    assert [reading.rails[name] for name in sorted(reading.rails)] == pytest.approx(
        truths, rel=0.005
    )
    assert sorted(reading.rails) == ["nvml GPU-aaaa000{}".format(i) for i in (1, 2, 3)]
    assert reading.peak_watts is None and (reading.source, reading.status) == ("counter", "ok")
    assert len(cost) == 3, "each GPU's cost is told"


def test_the_sum_describes_itself_shortly(three, opened):
    device = opened()
    info = device.info()
    assert (info.adapter, info.name, info.scope) == ("nvml", "3 x Emulated GPU", "gpu")
    assert info.rail == "3 x energy counter" and info.sensing == "counter"
    assert info.limit_watts == pytest.approx(900.0)
    assert device.facts()["nvml GPU-aaaa0002"]["uuid"] == UUID.format(2)
    device.close()
    assert three.initialised == 0, "NVML is given back as often as it was taken"


@pytest.mark.parametrize(
    "visible,asked,found",
    [
        (None, [], [1, 2, 3]),
        (None, [3, 1], [3, 1]),  # CUDA's own order, the fastest first
        ("0,2", [3, 2], [3, 2]),  # CUDA knows what its indices mean
        ("0,2", [], [1, 3]),
        ("2", [], [3]),
        ("1,-1,0", [], [2]),
        ("1,,0", [], [2]),
        ("0,7,1", [], [1]),
        ("GPU-aaaa0003,GPU-aaaa0001", [], [3, 1]),
        ("GPU-aaaa0003-0000, GPU-aaaa0001", [], [3, 1]),
        ("GPU-aaaa0003,GPU-bbbb,GPU-aaaa0001", [], [3]),
        ("MIG-2a/1/0,MIG-2b", [], [2]),
        ("MIG-2,MIG-3", [], [2, 3]),
    ],
)
def test_what_cuda_would_use_is_measured(three, opened, monkeypatch, visible, asked, found):
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(cuda_order, "uuids", lambda: [UUID.format(i) for i in asked])
    device = opened()
    assert serials(device) == [UUID.format(i) for i in found]
    device.close()


def test_a_mig_instance_that_cuda_calls_a_gpu_is_its_parent(three, opened, monkeypatch):
    monkeypatch.setattr(cuda_order, "uuids", lambda: ["GPU-2bbb"])
    device = opened()
    assert serials(device) == [UUID.format(2)] and "MIG" in device.notes()[0]
    device.close()


def test_gpus_of_one_model_can_be_named(three, window):
    start, reading, _ = window("nvml:0+nvml:2")
    assert sorted(reading.rails) == ["nvml GPU-aaaa0001", "nvml GPU-aaaa0003"]
    assert reading.joules == pytest.approx(300.0 * reading.seconds, rel=0.005)


@pytest.mark.parametrize(
    "name,serial",
    [
        ("nvml:1", 2),
        ("nvml:GPU-aaaa0003", 3),
        ("nvml:00000000:02:00.0", 2),
        ("nvml:0000:02:00.0", 2),
        ("nvml:03:00.0", 3),
    ],
)
def test_one_is_named_by_index_uuid_or_place(three, clock, name, serial):
    device = choose.open(name, clock=clock)
    assert serials(device) == [UUID.format(serial)]
    device.close()


def test_names_that_mean_none_several_or_one_twice_are_refused(three, clock):
    with pytest.raises(RuntimeError, match="more than one GPU 'GPU-aaaa'; there are: GPU-aaaa0001"):
        choose.open("nvml:GPU-aaaa", clock=clock)
    with pytest.raises(RuntimeError, match="no GPU '7'; there are: GPU-aaaa0001.*, GPU-aaaa0002"):
        choose.open("nvml:7", clock=clock)
    for name in ("nvml:0+nvml:GPU-aaaa0001", "nvml+nvml:0"):
        with pytest.raises(ValueError, match="named twice"):
            choose.open(name, clock=clock)


def test_one_gpu_that_fails_is_named_and_never_left_out(three, opened):
    three.failing, three.any_error = 2, pynvml.NVML_ERROR_GPU_IS_LOST
    with pytest.raises(RuntimeError, match="^nvml:1: GPU is lost"):
        opened()
    assert three.initialised == 0
    three.any_error, three.energy_error, three.power_error = 0, 3, 3
    three.field_error = 3
    with pytest.raises(RuntimeError, match="nvml:GPU-aaaa0002: .*neither energy nor power"):
        opened()
    device = opened("0")  # the others are not held up
    assert device.read()[0].watts == pytest.approx(100.0)
    device.close()


def test_one_gpu_that_is_lost_in_a_window_makes_the_sum_doubtful(three, opened, clock):
    device = opened()
    with Meter(device, clock=clock) as meter:
        with meter.window() as window:
            clock.sleep(5.0)
            three.failing, three.any_error = 3, pynvml.NVML_ERROR_GPU_IS_LOST
            clock.sleep(1.0)
    device.close()
    assert window.reading.status in ("degraded", "invalid")
    assert "nvml GPU-aaaa0003: " in window.reading.reason
    assert "GPU-aaaa0001" not in window.reading.reason


def test_notes_say_which_gpu_they_are_of(three, opened):
    three.throttle = 0x40
    device = opened()
    device.read()
    assert "nvml:GPU-aaaa0002: the GPU was slowed by: hardware thermal limit" in device.notes()
    device.close()


def test_gpus_and_processor_are_added_with_a_rail_each():
    infos = [
        DeviceInfo("nvml", "A", "energy counter", "gpu", serial=UUID.format(1)),
        DeviceInfo("nvml", "A", "energy counter", "gpu", serial=UUID.format(2)),
        DeviceInfo("rapl", "CPU", "package-0+dram-0", "package"),
        DeviceInfo("external", "meter", "power", "board"),
        DeviceInfo("external", "meter", "power", "board"),
    ]
    rails = [{}, {}, {"package-0": 3.0, "dram-0": 1.0}, {}, {}]
    readings = [Reading(1.0, 4.0, 0.1, status="ok", coverage=1.0, rails=each) for each in rails]
    found = total(list(zip(infos, readings)))
    assert found.joules == 20.0 and found.peak_watts is None
    assert found.rails == {
        "nvml GPU-aaaa0001": 4.0,
        "nvml GPU-aaaa0002": 4.0,
        "rapl package-0": 3.0,
        "rapl dram-0": 1.0,
        "external power": 4.0,
        "external 2 power": 4.0,
    }
    assert labels(infos[:1]) == ["nvml"] and len(set(labels(infos))) == 5


def test_two_superchips_are_added_but_nothing_they_hold(gpu, clock):
    gpu.devices, gpu.name = 2, b"NVIDIA GH200 480GB"
    device = nvml.open(clock=clock)
    assert device.info().scope == "module" and len(device.devices) == 2
    device.close()


@pytest.mark.parametrize(
    "others,beginning",
    [
        ([], "GPU-4c2f"),
        (["GPU-4c2e0000-1"], "GPU-4c2f"),
        (["GPU-4c2f0001-1"], "GPU-4c2f0000"),
        (["GPU-4c2f0000-2"], "GPU-4c2f0000-1"),
    ],
)
def test_a_uuid_is_as_short_as_the_others_allow(others, beginning):
    assert gpus.short("GPU-4c2f0000-1", ["GPU-4c2f0000-1"] + others) == beginning
    assert gpus.short("00000000:01:00.0", others) == "00000000:01:00.0"


@pytest.fixture
def only_nvml(monkeypatch):
    monkeypatch.setattr(choose, "AUTO", ("nvml",))


def printed(*words):
    out = io.StringIO()
    with redirect_stdout(out):
        assert main(list(words)) == 0
    return out.getvalue()


def test_each_gpu_has_a_line_of_its_own(three, only_nvml, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2")
    gpu_rig.follow_machine(three)
    found = json.loads(printed("devices", "--json"))
    assert found["chosen"] == "nvml"
    names = [each["adapter"] for each in found["sensors"]]
    assert names == ["nvml:GPU-aaaa000{}".format(i) for i in (1, 2, 3)]
    lines = printed("devices").splitlines()
    assert len(lines) == 3 and lines[0].startswith("* nvml:GPU-aaaa0001 Emulated GPU: energy ")
    assert "150.00 W" not in lines[1] and "hidden by CUDA_VISIBLE_DEVICES" in lines[1]
    assert "200.00 W now, a counter, renewed every" in lines[2]


def test_one_gpu_keeps_the_adapters_name(gpu, only_nvml):
    gpu_rig.follow_machine(gpu)
    (found,) = survey.take()
    assert found["adapter"] == "nvml" and found["info"]["serial"] == UUID.format(1)


def test_the_reports_examination_is_of_all_gpus(three, only_nvml):
    gpu_rig.follow_machine(three)
    seen = []
    found = doctor_report.make(
        "auto",
        None,
        lambda device: [seen.append(device.info().name), health.Check("x", "ok", "y")][1:],
        15.0,
    )
    assert seen == ["3 x Emulated GPU"] and len(found["sensors"]) == 3
    assert UUID.format(1) not in json.dumps(found), "serials are shortened for strangers"


def test_an_untold_part_leaves_the_sums_limit_untold():
    class Part:
        def __init__(self, limit):
            self.limit = limit

        def info(self):
            return DeviceInfo("x", str(self.limit), scope="gpu", limit_watts=self.limit)

        def read(self):
            return [Sample(watts=1.0)]

    assert Several([Part(300.0), Part(200.0)]).info().limit_watts == 500.0
    assert Several([Part(300.0), Part(None)]).info().limit_watts is None
