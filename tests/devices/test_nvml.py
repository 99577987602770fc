"""The real pynvml over an emulated libnvidia-ml: counter, polling, MIG, faults."""

import os
import subprocess
import sys

import pytest
from rigs import gpu_rig, process_state

from edgejoule.devices.adapters import nvml
from edgejoule.devices.meter import Meter
from edgejoule.devices.vendors import cuda_order

pynvml = pytest.importorskip("pynvml")
pytestmark = pytest.mark.skipif(
    not gpu_rig.compiler(), reason="no C compiler: the emulated libnvidia-ml.so.1 cannot be built"
)
PERIODS = 0.32  # three of the emulated register's, and the time to notice


def test_the_counter_gives_the_joules(gpu, measured):
    start, reading, _ = measured(1.5)
    assert reading.source == "counter"
    assert reading.joules == pytest.approx(
        gpu_rig.truth(gpu, start, start + reading.seconds), rel=0.1 / (4 * 1.5) + 0.001
    )
    assert reading.peak_watts == pytest.approx(100.0)


def test_its_update_period_is_measured(gpu, opened):
    gpu.update_s = 0.02
    info = opened().info()
    assert info.update_s == pytest.approx(0.02, abs=0.0011)
    assert info.rail == "energy counter" and info.power_mode == "limit 250 W"


def test_without_a_counter_power_is_polled(gpu, measured):
    gpu.energy_error = pynvml.NVML_ERROR_NOT_SUPPORTED
    start, reading, _ = measured(1.0)
    assert reading.source == "trace"
    assert reading.joules == pytest.approx(100.0 * reading.seconds, rel=1e-3)


def test_a_counter_that_stands_still_is_none(gpu, opened, clock):
    gpu.frozen_s = clock.now()
    info = opened().info()
    assert info.rail == "instantaneous power"


@pytest.mark.parametrize("architecture,lag", [(8, 0.55), (6, 0.05)])
def test_the_generation_fixes_the_average(gpu, opened, architecture, lag):
    gpu.energy_error = gpu.field_error = pynvml.NVML_ERROR_NOT_SUPPORTED
    gpu.architecture = architecture
    assert opened().info().lag_s == pytest.approx(lag)


def test_neither_energy_nor_power_is_a_reason(gpu, opened):
    gpu.energy_error = gpu.field_error = gpu.power_error = pynvml.NVML_ERROR_NOT_SUPPORTED
    with pytest.raises(RuntimeError, match="neither energy nor power .*Not Supported"):
        opened()


def test_zero_watts_is_no_value(gpu, opened):
    gpu.energy_error = pynvml.NVML_ERROR_NOT_SUPPORTED
    device = opened()
    gpu.low_w = 0.0
    with pytest.raises(RuntimeError, match="no GPU draws"):
        device.read()


def test_another_librarys_shutdown_is_survived(measured):
    start, reading, _ = measured(0.7, pynvml.nvmlShutdown, before=0.3)
    assert reading.coverage > 0.95 and reading.joules == pytest.approx(
        100.0 * reading.seconds, rel=0.05
    )


@pytest.mark.parametrize("error,text", [(15, "GPU is lost"), (3, "Not Supported")])
def test_a_gpu_lost_mid_run_leaves_a_reason(gpu, measured, error, text):
    start, reading, warnings = measured(
        PERIODS, lambda: setattr(gpu, "any_error", error), before=0.5
    )
    assert reading.status in ("degraded", "invalid") and text in reading.reason
    assert reading.joules is not None and reading.joules > 0


def test_a_counter_stuck_mid_run_is_replaced_by_power(gpu, measured, clock):
    start, reading, _ = measured(PERIODS, lambda: setattr(gpu, "frozen_s", clock.now()), before=0.5)
    assert reading.source == "trace" and reading.status == "degraded"
    assert reading.joules == pytest.approx(100.0 * reading.seconds, rel=0.01)


def test_a_counter_reset_mid_run_is_seen(gpu, measured):
    start, reading, _ = measured(PERIODS, lambda: setattr(gpu, "lost_j", 90000.0), before=0.6)
    assert reading.status in ("degraded", "invalid") and "counter" in reading.reason
    assert reading.joules == pytest.approx(100.0 * reading.seconds, rel=0.1)


def test_throttling_and_strangers_are_noted(gpu, measured):
    gpu.throttle, gpu.processes = 0x40 | 0x1, 2
    _, _, warnings = measured(0.1)
    assert any("hardware thermal limit" in text for text in warnings)
    assert any("pid 4000000, 4000001" in text for text in warnings)


def test_gpus_are_found_by_uuid_never_by_position(gpu, opened, monkeypatch):
    gpu.devices = 3
    second = "GPU-aaaa0002-0000-0000-0000-000000000000"
    monkeypatch.setattr(cuda_order, "uuids", lambda: [second])
    assert opened().facts()["uuid"] == second
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-aaaa0003")
    assert opened().facts()["uuid"].startswith("GPU-aaaa0003")
    with pytest.raises(RuntimeError, match="no GPU 'GPU-bbbb'; there are: GPU-aaaa0001"):
        opened("GPU-bbbb")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(RuntimeError, match="hides every GPU"):
        opened()


def test_a_mig_instance_is_read_at_its_parent(opened, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1234")
    device = opened()
    assert device.facts()["mig"] is True and "MIG" in device.notes()[0]
    assert device.read()[-1].watts == pytest.approx(100.0)


def test_an_old_driver_without_the_new_calls(tmp_path):
    """Symbols that are missing, not only calls that fail; in a process of its own."""
    folder = gpu_rig.build(tmp_path, "-DOLD_DRIVER").parent
    gpu_rig.control(tmp_path / "state")
    env = dict(os.environ, LD_LIBRARY_PATH=str(folder), NVML_EMULATOR=str(tmp_path / "state"))
    env.pop("CUDA_VISIBLE_DEVICES", None)
    out = subprocess.run(
        [
            sys.executable,
            "-c",
            "from edgejoule.devices.adapters import nvml; d = nvml.open(); "
            "print(d.info().rail, d.read()[-1].watts)",
        ],
        stdout=subprocess.PIPE,
        env=env,
        check=True,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
    )
    assert out.stdout.decode().split("\n")[0] == "power averaged over 1 s 100.0"


def test_using_nvml_changes_nothing_of_the_process(tmp_path):
    folder = gpu_rig.build(tmp_path).parent
    gpu_rig.control(tmp_path / "state")
    env = dict(os.environ, LD_LIBRARY_PATH=str(folder), NVML_EMULATOR=str(tmp_path / "state"))
    said = process_state.after_using("open('nvml')", env=env)
    assert said == "unchanged", said


def test_no_library_is_a_reason(monkeypatch):
    def missing():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    assert not nvml.present()
    with pytest.raises(RuntimeError, match="nvml: "):
        nvml.open()


@pytest.mark.parametrize("register", ["counter", "instant", "average"])
def test_ten_seconds_of_a_square_wave_come_back_within_a_percent(gpu, opened, clock, register):
    """Written watts through the real pynvml: 50 and 250 W, a second each."""
    gpu.low_w, gpu.high_w, gpu.wave_s = 50.0, 250.0, 2.0
    not_there = pynvml.NVML_ERROR_NOT_SUPPORTED
    if register != "counter":
        gpu.energy_error = not_there
    if register == "average":
        gpu.field_error, gpu.average_s = not_there, 1.0
    device = opened()
    with Meter(device, clock=clock) as meter:
        clock.sleep(1.0)
        with meter.window() as window:
            clock.sleep(10.0)
    device.close()
    reading = window.reading
    truth = gpu_rig.truth(gpu, window.start_s, window.start_s + reading.seconds)
    print(
        "nvml {}: {:.2f} J of {:.2f} J, {:+.3f} %".format(
            register, reading.joules, truth, 100 * (reading.joules / truth - 1)
        )
    )
    assert reading.joules == pytest.approx(truth, rel=0.01)
    assert abs(reading.joules - truth) <= reading.uncertainty_joules
