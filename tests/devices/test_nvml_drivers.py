"""What a driver, a GPU or a moment does not tell costs that fact, and no sensor."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rigs import gpu_rig

from edgejoule.devices import choose
from edgejoule.devices.adapters import nvml
from edgejoule.devices.vendors import nvml_library

pynvml = pytest.importorskip("pynvml")
ROOT = Path(__file__).resolve().parent.parent.parent
NOT_SUPPORTED = pynvml.NVML_ERROR_NOT_SUPPORTED


def told(device):
    """Everything that the commands ask of a device."""
    info = device.info()
    found = info, device.read(), device.notes(), device.facts()
    device.close()
    return found


@pytest.mark.parametrize("symbol", gpu_rig.OPTIONAL)
def test_no_single_missing_function_costs_the_sensor(gpu, opened, without, symbol):
    without(symbol)
    info, (sample,), notes, facts = told(opened())
    assert sample.watts == pytest.approx(100.0) and info.adapter == "nvml" and info.serial
    assert (sample.joules is None) == (symbol == "nvmlDeviceGetTotalEnergyConsumption")
    assert notes == [] and not any("NVMLError" in str(fact) for fact in facts.values())


@pytest.mark.parametrize(
    "register", ["nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"]
)
def test_a_driver_with_nothing_but_one_register_is_enough(gpu, opened, without, register):
    without(*(set(gpu_rig.OPTIONAL) - {register}))
    info, (sample,), _, facts = told(opened())
    assert (sample.joules is None, sample.watts is None) in ((True, False), (False, True))
    assert info.name == "NVIDIA GPU" and info.serial == "0"
    assert info.limit_watts is None and info.power_mode is None
    assert facts["uuid"] is None and facts["foreign_pids"] == []


def test_a_driver_with_no_register_says_which_function_is_missing(gpu, opened, without):
    without(*gpu_rig.OPTIONAL)
    with pytest.raises(RuntimeError, match="neither energy nor power .*nvmlDeviceGetPowerUsage"):
        opened()


def test_processes_and_throttling_are_found_under_their_older_names(gpu, opened, without, clock):
    gpu.throttle, gpu.processes = 0x40, 2
    without("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetCurrentClocksEventReasons")
    notes = " ".join(told(opened())[2])
    assert "hardware thermal limit" in notes and "4000001" in notes


@pytest.mark.parametrize(
    "words",
    [
        ["devices"],
        ["doctor", "--no-load", "--seconds", "0.2", "--power", "nvml"],
        ["doctor", "--report", "--seconds", "0.1", "--power", "nvml"],
        ["measure", "--power", "nvml", "--", "true"],
        ["watch", "--power", "nvml", "--interval", "0.1", "--seconds", "0.2"],
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_the_commands_live_with_a_driver_older_than_the_binding(old_driver, words):
    done = subprocess.run(
        [sys.executable, str(ROOT / "edgejoule.py")] + words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=old_driver,
        cwd=str(ROOT),
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in out + err and done.returncode in (0, 3), err
    assert "Emulated GPU" in out or "J in" in err, out + err


@pytest.fixture
def old_driver(tmp_path):
    """The environment of a process whose driver lacks functions for real."""
    if not gpu_rig.compiler():
        pytest.skip("no C compiler: the emulated libnvidia-ml.so.1 cannot be built")
    folder = gpu_rig.build(tmp_path, "-DOLD_DRIVER").parent
    gpu_rig.control(tmp_path / "state")
    env = dict(os.environ, LD_LIBRARY_PATH=str(folder), NVML_EMULATOR=str(tmp_path / "state"))
    env.pop("CUDA_VISIBLE_DEVICES", None)
    return env


@pytest.mark.parametrize("power", ["refused", "zero", "full scale"])
def test_a_counter_without_power_is_enough(gpu, measured, opened, power):
    if power == "refused":
        gpu.power_error = gpu.field_error = NOT_SUPPORTED
    else:
        gpu.power_raw = gpu_rig.ZERO if power == "zero" else 0xFFFFFFFF
    assert opened().read()[0].watts is None
    _, reading, _ = measured(6.0)
    assert (reading.source, reading.status, reading.reason) == ("counter", "ok", None)
    assert reading.joules == pytest.approx(100.0 * reading.seconds, rel=0.01)


@pytest.mark.parametrize("power", ["refused", "zero", "full scale"])
def test_power_that_fails_in_a_window_costs_only_the_watts(gpu, measured, power):
    def fail():
        if power == "refused":
            gpu.power_error = gpu.field_error = NOT_SUPPORTED
        else:
            gpu.power_raw = gpu_rig.ZERO if power == "zero" else 0xFFFFFFFF

    _, reading, warnings = measured(4.0, fail, before=2.0)
    assert (reading.source, reading.status, reading.reason) == ("counter", "ok", None)
    assert reading.joules == pytest.approx(100.0 * reading.seconds, rel=0.01)
    assert reading.coverage == 1.0 and reading.peak_watts == pytest.approx(100.0, rel=0.01)
    assert any("power failed at times" in text for text in warnings)


def test_a_counter_that_fails_in_a_window_leaves_power(gpu, measured):
    def fail():
        gpu.energy_error = NOT_SUPPORTED

    _, reading, warnings = measured(4.0, fail, before=2.0)
    assert reading.source == "trace" and reading.status == "degraded"
    assert reading.joules == pytest.approx(100.0 * reading.seconds, rel=0.01)
    assert any("the energy counter failed at times: nvml: Not Supported" in w for w in warnings)


def test_full_scale_is_no_power_and_no_energy(gpu, opened):
    gpu.energy_error = NOT_SUPPORTED
    device = opened()
    gpu.power_raw = 0xFFFFFFFF
    with pytest.raises(RuntimeError, match="0xFFFFFFFF mW.*no value"):
        device.read()


def test_a_gpu_that_is_lost_before_it_is_opened_is_a_reason(gpu, monkeypatch):
    """Also for `auto`, which takes a RuntimeError for the next one's turn."""
    gpu.any_error = pynvml.NVML_ERROR_GPU_IS_LOST
    with pytest.raises(RuntimeError, match="GPU is lost"):
        nvml.open()
    monkeypatch.setattr(choose, "AUTO", ("nvml",))
    assert "GPU is lost" in choose.open().info().reason


def test_a_binding_older_than_the_function_does_not_tell(gpu, opened, monkeypatch):
    for name in ("nvmlDeviceGetFieldValues", "nvmlDeviceGetCurrentClocksEventReasons"):
        monkeypatch.delattr(pynvml, name)
    info, (sample,), _, _ = told(opened())
    assert info.sensing == "counter" and sample.watts == pytest.approx(100.0)


def test_what_must_be_answered_says_what_is_missing(gpu, without):
    library = nvml_library.load()
    without("nvmlDeviceGetCount_v2")
    assert library.told("nvmlDeviceGetCount") is None
    with pytest.raises(RuntimeError, match="do not both know nvmlDeviceGetCount"):
        library.asked("nvmlDeviceGetCount")
    library.close()
