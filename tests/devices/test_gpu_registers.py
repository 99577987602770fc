"""What a GPU's registers are: of which generation, scope, and limit; how often they are read."""

import pytest
from rigs import gpu_rig

from edgejoule.devices.commands import devices
from edgejoule.devices.meter import Meter
from edgejoule.devices.vendors import gpu_generations

pynvml = pytest.importorskip("pynvml")
NOT_SUPPORTED = pynvml.NVML_ERROR_NOT_SUPPORTED
PASCAL, VOLTA, TURING, AMPERE, ADA, HOPPER = 4, 5, 6, 7, 8, 9
TABLE = [  # of arXiv 2312.02741: sensing, seconds between updates, seconds that a value sees
    (3, "Tesla K80", "average", 0.02, None),
    (PASCAL, "GeForce GTX 1080 Ti", "instant", 0.02, 0.01),
    (VOLTA, "Tesla V100-SXM2-16GB", "instant", 0.02, 0.01),
    (TURING, "Tesla T4", "average", 0.1, 0.1),
    (AMPERE, "NVIDIA GeForce RTX 3090", "average", 0.1, 0.1),
    (AMPERE, "NVIDIA RTX A1000", "average", 0.1, 0.1),
    (AMPERE, "NVIDIA A100-SXM4-40GB", "instant", 0.1, 0.025),
    (ADA, "NVIDIA GeForce RTX 4090", "instant", 0.1, None),
    (HOPPER, "NVIDIA H100 80GB HBM3", "instant", 0.1, 0.025),
    (HOPPER, "NVIDIA GH200 480GB", "instant", 0.1, 0.02),
    (99, "NVIDIA of the future", "instant", 0.1, None),
]
# as nvmlDeviceGetPowerUsage tells it: a second's average since Ampere, but of the chip GA100
AVERAGED = [
    ("NVIDIA RTX A1000", True),
    ("NVIDIA RTX A3000 Laptop GPU", True),
    ("NVIDIA A10", True),
    ("NVIDIA A40", True),
    ("NVIDIA A100-SXM4-80GB", False),
    ("NVIDIA A100 80GB PCIe", False),
    ("GRID A100X-10C", False),
    ("NVIDIA A30", False),
    ("A800-SXM4-80GB", False),
]


@pytest.fixture
def power_alone(gpu):
    gpu.energy_error = NOT_SUPPORTED
    return gpu


def first(opened):
    device = opened()
    info = device.info()
    device.close()
    return info


@pytest.mark.parametrize("generation,name,sensing,update,window", TABLE)
def test_each_generation_is_sensed_as_it_was_measured(
    power_alone, opened, generation, name, sensing, update, window
):
    power_alone.architecture, power_alone.name = generation, name.encode()
    info = first(opened)
    assert (info.sensing, info.update_s, info.window_s) == (sensing, update, window)
    assert info.rail.startswith("instantaneous power") and info.period_s == 0.05


@pytest.mark.parametrize("name,averaged", AVERAGED)
def test_products_are_told_by_whole_words(power_alone, opened, name, averaged):
    power_alone.field_error = NOT_SUPPORTED
    power_alone.architecture, power_alone.name = AMPERE, name.encode()
    info = first(opened)
    assert info.sensing == ("average" if averaged else "instant")
    assert (info.window_s == 1.0) == averaged and (info.lag_s == 0.55) == averaged
    assert info.rail == ("power averaged over 1 s" if averaged else "power")


def test_before_ampere_power_is_what_it_is_now(power_alone, opened):
    power_alone.field_error, power_alone.architecture = NOT_SUPPORTED, VOLTA
    info = first(opened)
    assert (info.rail, info.sensing, info.window_s) == ("power", "instant", 0.01)
    assert info.lag_s == pytest.approx(0.01)


def test_a_counter_is_sensed_as_one(gpu, opened):
    info = first(opened)
    assert (info.sensing, info.window_s, info.step_watts) == ("counter", None, None)
    assert info.update_s == pytest.approx(0.1, abs=0.002)


@pytest.mark.parametrize(
    "name,scopes,counts,rail,scope",
    [
        ("Emulated GPU", 1, True, "energy counter", "gpu"),
        ("Emulated GPU", 3, True, "energy counter", "gpu"),
        ("Emulated GPU", 3, False, "instantaneous power", "gpu"),
        ("Emulated GPU", 2, True, "energy counter of the module", "module"),
        ("Emulated GPU", 2, False, "instantaneous power of the module", "module"),
        ("NVIDIA GH200 480GB", 3, True, "energy counter of the module", "module"),
        ("NVIDIA GH200 480GB", 2, True, "energy counter of the module", "module"),
        ("NVIDIA GH200 480GB", 3, False, "instantaneous power of the module", "module"),
        ("NVIDIA GH200 480GB", 1, False, "instantaneous power", "gpu"),
        ("NVIDIA H200", 1, True, "energy counter", "gpu"),
    ],
)
def test_the_scope_is_told(gpu, opened, name, scopes, counts, rail, scope):
    gpu.name, gpu.scopes = name.encode(), scopes
    gpu.energy_error = 0 if counts else NOT_SUPPORTED
    info = first(opened)
    assert (info.rail, info.scope) == (rail, scope)


def test_the_limit_is_the_boards_not_the_one_that_is_set(gpu, opened, without):
    gpu.limit_mw, gpu.max_mw = 120000, 450000
    info = first(opened)
    assert (info.limit_watts, info.power_mode) == (450.0, "limit 120 W")
    without("nvmlDeviceGetPowerManagementLimitConstraints")
    assert first(opened).limit_watts == 120.0, "the default limit, which the emulator sets so"
    gpu.max_mw = gpu.limit_mw = 0xFFFFFFFF
    without()
    info = first(opened)
    assert info.limit_watts is None and info.power_mode is None


@pytest.mark.parametrize(
    "update,period", [(0.0, 0.02), (0.004, 0.02), (0.02, 0.02), (0.1, 0.025), (0.4, 0.1)]
)
def test_a_counter_is_never_polled_faster_than_50_hz(gpu, opened, update, period):
    gpu.update_s = update
    assert first(opened).period_s == pytest.approx(period, rel=0.05)


@pytest.mark.parametrize("update", [0.0, 0.005, 0.02, 0.033])
def test_the_floor_costs_no_accuracy_that_counts(gpu, opened, clock, update):
    """A square wave of 50 and 250 W, windows of 5 s at moments that fit nothing."""
    gpu.update_s = update
    gpu.low_w, gpu.high_w, gpu.wave_s = 50.0, 250.0, 0.7
    device = opened()
    errors = []
    with Meter(device, clock=clock) as meter:
        for i in range(8):
            clock.sleep(0.31831 * (1 + i % 3))
            with meter.window() as window:
                clock.sleep(5.0 + 0.0917 * i)
            start, found = window.start_s, window.reading
            truth = gpu_rig.truth(gpu, start, start + found.seconds)
            errors.append(abs(found.joules / truth - 1))
            assert abs(found.joules - truth) <= found.uncertainty_joules
        reads = meter.cost()["nvml"]["reads"]
        seconds = meter.cost()["nvml"]["seconds"]
    device.close()
    assert max(errors) <= 0.012
    assert reads / seconds < 60.0, "50 a second, and a stray one in ten"


@pytest.mark.parametrize(
    "info,words",
    [
        (dict(sensing="counter", update_s=0.02), "a counter, renewed every 20 ms"),
        (dict(sensing="counter", update_s=None), "a counter"),
        (dict(sensing="average", window_s=1.0), "averages over 1 s, every 0.05 s"),
        (dict(sensing="average", window_s=None), "averages over 0.42 s, every 0.05 s"),
        (dict(sensing="instant"), "snapshots, dithered every 0.05 s"),
    ],
)
def test_how_it_is_sensed_is_said_in_words(info, words):
    assert devices.sensing(dict(dict(period_s=0.05, lag_s=0.42, window_s=None), **info)) == words


def test_a_generation_that_is_not_told_is_older_than_averages():
    assert gpu_generations.usage(None, "NVIDIA RTX A1000").sensing == "instant"
