"""On a real NVIDIA GPU: the counter's tick, power against counter under load, watts at rest.

Run by `make gpu`. Prints its figures as JSON, and writes them to $GPU_FIGURES if that is set.
"""

import json
import os
import time

import pytest

from edgejoule.devices import several
from edgejoule.devices.adapters import nvml
from edgejoule.devices.energy import window
from edgejoule.devices.meter import Meter

pytestmark = pytest.mark.gpu
LOAD_S, REST_S = 30.0, 10.0
HELD_S = 0.05  # a register of power that is renewed every 0.1 s is on average half of it late


@pytest.fixture(scope="module")
def gpu():
    if not nvml.present():
        pytest.skip("no NVIDIA GPU answers here")
    device = nvml.open()
    yield several.parts(device)[0]  # the one that torch uses
    device.close()


@pytest.fixture(scope="module")
def figures(request):
    found = {}
    yield found
    text = json.dumps(found, indent=1)
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print("\n" + text)
    if os.environ.get("GPU_FIGURES"):
        with open(os.environ["GPU_FIGURES"], "w") as file:
            file.write(text + "\n")


def busy(seconds):
    """Multiply matrices on the GPU that long, a second's work between looks at the clock."""
    torch = pytest.importorskip("torch")
    one = torch.randn(4096, 4096, device="cuda")
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for _ in range(20):
            one = one @ one / 64.0
        torch.cuda.synchronize()


def test_the_gpu_is_told(gpu, figures):
    figures.update(info=gpu.info()._asdict(), facts=gpu.facts())
    assert gpu.facts()["uuid"].startswith("GPU-") and gpu.info().serial == gpu.facts()["uuid"]
    assert gpu.info().limit_watts is not None and gpu.info().sensing == "counter"


def test_the_counter_ticks(gpu, figures):
    update = gpu.info().update_s
    figures["counter_update_s"] = update
    assert 0.001 < update < 0.5


def test_watts_at_rest(gpu, figures):
    with Meter(gpu) as meter:
        rest = meter.idle(REST_S)
    figures["idle_watts"] = rest.watts
    assert 1.0 < rest.watts < 500.0


def test_power_agrees_with_the_counter_under_load(gpu, figures):
    busy(2.0)
    with Meter(gpu) as meter:
        opened = meter.begin("load")
        busy(LOAD_S)
        counted = meter.end("load")
        record = meter.samplers[0].record
    powers = gpu.info()._replace(update_s=None, lag_s=HELD_S, sensing="instant")
    without = record.without_counter()
    traced = window.reading(without, powers, opened.start_s, opened.start_s + counted.seconds)
    figures.update(
        load_seconds=counted.seconds,
        counter_joules=counted.joules,
        power_joules=traced.joules,
        counter_status=counted.status,
        sampler=meter.cost(),
        warnings=meter.warnings(),
        difference_percent=100 * (traced.joules / counted.joules - 1),
    )
    assert counted.source == "counter" and traced.source == "trace"
    assert traced.joules == pytest.approx(counted.joules, rel=0.03)
