"""A laptop's GPU that sleeps is not woken by looking; asked for by name it is."""

import io
from contextlib import redirect_stdout

import pytest
from rigs import gpu_rig

from edgejoule.command_line import main
from edgejoule.devices import choose, survey
from edgejoule.devices.adapters import nvml
from edgejoule.devices.device import Device
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors import pci

pytest.importorskip("pynvml")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A /sys in which `gpu_rig.sleeping_gpu` puts GPUs."""
    monkeypatch.setattr(pci, "ROOT", str(tmp_path))
    return tmp_path


class Processor(Device):
    """A module of devices/adapters that answers."""

    def open(self, argument=None, clock=None):
        return self

    def info(self):
        return DeviceInfo("cpu", "cpu", "R", "package", period_s=0.1, sensing="average")

    def read(self):
        return [Sample(watts=5.0)]


@pytest.fixture
def auto(monkeypatch):
    """NVML first, then a processor."""
    real = choose.load
    monkeypatch.setattr(choose, "load", lambda name: Processor() if name == "cpu" else real(name))
    monkeypatch.setattr(choose, "AUTO", ("nvml", "cpu"))


@pytest.mark.parametrize(
    "status,driver,asleep",
    [
        ("suspended", "nvidia", True),
        ("suspending", "nvidia", True),
        ("active", "nvidia", False),
        ("unsupported", "nvidia", False),
        ("suspended", "nouveau", False),  # NVML could not wake it
    ],
)
def test_the_kernel_says_who_sleeps(tree, status, driver, asleep):
    gpu_rig.sleeping_gpu(tree, status=status, driver=driver)
    assert pci.asleep() == (["0000:01:00.0"] if asleep else [])
    assert (nvml.asleep() is not None) == asleep


def test_other_devices_of_the_maker_are_no_gpus(tree):
    gpu_rig.sleeping_gpu(tree)
    (tree / "bus/pci/devices/0000:01:00.0/class").write_text("0x040300\n")  # its sound
    assert pci.asleep() == []
    (tree / "bus/pci/devices/0000:01:00.0/class").write_text("0x030200\n")
    assert pci.asleep() == ["0000:01:00.0"]
    (tree / "bus/pci/devices/0000:01:00.0/vendor").write_text("0x1002\n")
    assert pci.asleep() == []


def test_auto_wakes_nothing_and_says_what_is_missing(gpu, tree, auto, clock):
    gpu_rig.sleeping_gpu(tree)
    device = choose.open(clock=clock)
    assert device.info().adapter == "cpu" and gpu.initialised == gpu.handles == 0
    with Meter(device, clock=clock) as meter:
        with meter.window() as window:
            clock.sleep(6.0)
    assert window.reading.joules == pytest.approx(5.0 * window.reading.seconds)
    (note,) = meter.warnings()
    assert "asleep" in note and "not in these" in note and "--power nvml:0000:01:00.0" in note


def test_auto_with_nothing_else_says_asleep(gpu, tree, monkeypatch):
    monkeypatch.setattr(choose, "AUTO", ("nvml",))
    gpu_rig.sleeping_gpu(tree)
    assert "is asleep" in choose.open().info().reason and gpu.handles == 0


@pytest.mark.parametrize("name", ["nvml", "nvml:0", "nvml:0000:01:00.0", "nvml:GPU-aaaa0001"])
def test_by_name_it_is_woken(gpu, tree, clock, name):
    gpu_rig.sleeping_gpu(tree)
    device = choose.open(name, clock=clock)
    assert device.read()[0].watts == pytest.approx(100.0)
    device.close()


def test_the_commands_list_it_without_waking_it(gpu, tree, auto):
    gpu_rig.follow_machine(gpu)
    gpu_rig.sleeping_gpu(tree)
    out = io.StringIO()
    with redirect_stdout(out):
        assert main(["devices"]) == 0
    assert "nvml:0000:01:00.0 the GPU at 0000:01:00.0 is asleep" in out.getvalue()
    assert "* cpu" in out.getvalue() and gpu.initialised == gpu.handles == 0


def test_one_sleeps_beside_one_that_is_awake(gpu, tree, auto, monkeypatch):
    """Asking for a list of all would wake the sleeper: the other is asked for by its place."""
    gpu_rig.follow_machine(gpu)
    gpu.devices = 2
    gpu_rig.sleeping_gpu(tree)
    gpu_rig.sleeping_gpu(tree, "0000:02:00.0", "active")
    awake, asleep, processor = survey.take()
    assert awake["adapter"] == "nvml:GPU-aaaa"
    assert awake["info"]["serial"].startswith("GPU-aaaa0002")
    assert "asleep" in asleep["reason"] and gpu.handles == 1
    assert survey.preferred([awake, asleep, processor]) == "cpu", "as auto would choose"


def test_one_named_by_its_place_wakes_no_other(gpu, tree, clock):
    gpu.devices = 2
    device = nvml.open("0000:02:00.0", clock)
    assert device.info().serial.startswith("GPU-aaaa0002") and gpu.handles == 1
    device.close()
