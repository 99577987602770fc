"""The emulated GPU, for every test that asks for one."""

import ctypes
from functools import partial

import pytest
from rigs import gpu_rig, training_loop

from edgejoule.devices.adapters import nvml
from edgejoule.devices.meter import Meter
from edgejoule.devices.vendors import cuda_order


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory):
    """The emulated libnvidia-ml.so.1, loaded."""
    if not gpu_rig.compiler():
        pytest.skip("no C compiler: the emulated libnvidia-ml.so.1 cannot be built")
    return ctypes.CDLL(str(gpu_rig.build(tmp_path_factory.mktemp("nvml"))))


@pytest.fixture
def without(nvml_library, monkeypatch):
    """`without(*symbols)`: from now on pynvml's library lacks them."""
    pynvml = pytest.importorskip("pynvml")

    def lack(*missing):
        monkeypatch.setattr(pynvml, "nvmlLib", gpu_rig.Without(nvml_library, *missing))
        # where pynvml keeps what it has found; it offers no other way to make it look again
        pynvml._nvmlGetFunctionPointer_cache.clear()

    yield lack
    pynvml._nvmlGetFunctionPointer_cache.clear()


@pytest.fixture
def gpu(without, tmp_path, clock, monkeypatch):
    """The state of a fresh emulated GPU, which the real pynvml now talks to."""
    monkeypatch.setenv("NVML_EMULATOR", str(tmp_path / "state"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(cuda_order, "uuids", list)
    without()
    return gpu_rig.control(tmp_path / "state", clock)


@pytest.fixture
def opened(gpu, clock):
    """Opens the GPU on the test's clock."""
    return partial(nvml.open, clock=clock)


@pytest.fixture
def measured(opened, clock):
    """(start, reading, warnings) of a window round training, `during()` in it."""

    def measure(seconds, during=lambda: None, before=0.0):
        device = opened()
        with Meter(device, clock=clock) as meter:
            start_s = clock.now()
            reading, _ = training_loop.measured(meter, before, during, seconds)
            warnings = meter.warnings()
        device.close()
        return start_s, reading, warnings

    return measure
