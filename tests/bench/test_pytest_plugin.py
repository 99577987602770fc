"""The pytest plugin, in real sessions: a regression fails, and goes on failing until it is blessed;
what could not be judged is never green. The sessions sleep, so several run at once.
"""

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import pytest
from rigs import gpu_rig, plugin_rig
from rigs.plugin_rig import GATE, LONG, NVML, SHORT, Project

pytestmark = pytest.mark.skipif(
    not gpu_rig.compiler() or not importlib.util.find_spec("pynvml"),
    reason="the emulated libnvidia-ml.so.1 needs a C compiler and pynvml",
)
NAME = "test_nap.py::test_nap"
DYING = """
import os, time
import gpu_rig, mmap, ctypes
from pathlib import Path

def lose_the_gpu():
    with open(os.environ["NVML_EMULATOR"], "r+b") as file:
        gpu_rig.Control.from_buffer(mmap.mmap(file.fileno(), 0)).any_error = 15

def test_nap(joules_benchmark):
    joules_benchmark.pedantic(time.sleep, args=(0.42,), rounds=2, setup=lose_the_gpu)
"""
PLAIN = """
import sys

def test_sum(benchmark):
    assert benchmark(sum, (1, 2)) == 3

def test_what_was_imported():
    ours = {name[10:] for name in sys.modules if name.startswith("edgejoule.")}
    assert ours == {"bench", "bench.joules", "bench.joules.joule_watch", "bench.pytest_plugin",
                    "version"}, ours
    assert "numpy" not in sys.modules and "torch" not in sys.modules
"""
FORMS = """
import pytest

def test_call(joules_benchmark):
    assert joules_benchmark(max, 1, 2) == 2

def test_decorated(joules_benchmark):
    @joules_benchmark
    def result():
        return 7
    assert result == 7

def test_pedantic_setup(joules_benchmark):
    joules_benchmark.group, joules_benchmark.extra_info["mine"] = "a group", 1
    assert joules_benchmark.pedantic(
        lambda x: x, setup=lambda: ((5,), {}), rounds=3, warmup_rounds=2) == 5

@pytest.mark.benchmark(max_time=0.01, timer=__import__("time").process_time)
def test_own_timer(joules_benchmark):
    joules_benchmark(sum, range(1000))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """{name of a scenario: the future of what its sessions gave}."""
    library = gpu_rig.build(tmp_path_factory.mktemp("nvml"))
    with ThreadPoolExecutor(5) as pool:

        def make(name, text=LONG, after=None):
            folder = tmp_path_factory.getbasetemp() / "plugin" / name
            return Project(folder, library, text, after and after.result()[0])

        night = pool.submit(first_night, make)
        found = {each.__name__: pool.submit(each, make) for each in ALONE}
        found.update({each.__name__: pool.submit(each, make, night) for each in AFTERWARDS})
        yield dict(found, first_night=night)


def first_night(make):
    """The project, the session that measured and blessed it at 100 W, and its document."""
    here = make("first_night")
    return (here,) + plugin_rig.blessed(here)


def worse(make, night):
    """Twelve percent more watts, that night and the next."""
    here = make("worse", after=night)
    return [here.pytest(*NVML, *GATE, watts=112.0), here.pytest(*NVML, *GATE, watts=112.0)]


def mended(make, night):
    """Twelve percent more watts, blessed, and the night after."""
    here = make("mended", after=night)
    return [
        here.pytest(*NVML, *GATE, "--joules-bless", watts=112.0),
        here.pytest(*NVML, *GATE, watts=112.0),
    ]


def equal(make, night):
    return make("equal", after=night).pytest(*NVML, *GATE)


def renamed(make, night):
    here = make("renamed", after=night)
    here.edit(
        lambda entries: {
            "test_nap.py::test_doze": entries[NAME],
            "elsewhere/test_x.py::test_y": entries[NAME],
        }
    )
    return (
        here.pytest(*NVML, *GATE, "test_nap.py"),
        here.pytest(*NVML, "--joules-bless", "test_nap.py"),
        here.entries(),
    )


def context(make, night):
    return make("context", after=night).pytest(*NVML, *GATE, limit_mw=200000)


def dead(make, night):
    return make("dead", SHORT, night).pytest(*NVML, *GATE, any_error=999)


def dying(make, night):
    here = make("dying", DYING, night)
    here.file("gpu_rig.py", (plugin_rig.ROOT / "tests/rigs/gpu_rig.py").read_text())
    return here.pytest(*NVML, *GATE)


def no_baseline(make):
    return make("no_baseline", SHORT).pytest("--joules-compare-fail", "seconds:50%", *NVML)


def too_short(make):
    return make("too_short", SHORT).pytest(*NVML, *GATE)


def forms(make):
    return make("forms", FORMS).pytest("--joules-fake-power", "10", "--benchmark-max-time=0.01")


def plain(make):
    return make("plain", PLAIN).pytest("--benchmark-max-time=0.01")


def xdist(make):
    here = make("xdist", SHORT)
    here.file(
        "conftest.py",
        "def pytest_addoption(parser):\n    parser.addoption('--dist', default='no')\n",
    )
    return here.pytest("--dist=load", *GATE)


def bad_limit(make):
    return make("bad_limit", SHORT).pytest("--joules-compare-fail", "jouls:5%")


def bad_device(make):
    return make("bad_device", SHORT).pytest("--joules-device", "nvlm")


AFTERWARDS = (worse, mended, equal, renamed, context, dead, dying)
ALONE = (no_baseline, too_short, forms, plain, xdist, bad_limit, bad_device)


def test_joules_are_in_the_saved_document(runs):
    _, run, document = runs["first_night"].result()
    benchmark = document["benchmarks"][0]
    found = benchmark["extra_info"]
    assert run.code == 0, run.said
    assert found["joules_status"] == "ok" and found["joules_source"] == "counter"
    assert found["watts"] == pytest.approx(100.0, rel=0.03)
    for joules in found["joules"]:
        assert joules == pytest.approx(100.0 * plugin_rig.ROUND_S, rel=0.2)
    assert found["flops_per_joule"] == pytest.approx(1e9 / benchmark["stats_joules"]["median"])
    assert 0 < found["uncertainty_joules"] < 20
    assert document["machine_info"]["edgejoule"]["device"] == "Emulated GPU"
    assert document["machine_info"]["edgejoule"]["power mode"] == "limit 250 W"


def test_a_blessed_test_is_stored_by_device(runs):
    entry = runs["first_night"].result()[0].entries()[NAME]
    assert entry["flops"] == 1e9 and entry["context"]["rail"] == "energy counter"
    assert len(entry["joules"]) >= 6 and entry["when_utc"].endswith("Z")


def test_equal_power_passes(runs):
    run = runs["equal"].result()
    assert run.code == 0, run.said
    assert run.counts() == (0, 0) and "0 regressed, 0 better, 1 unchanged" in run.said


def test_twelve_percent_more_watts_fail(runs):
    run = runs["worse"].result()[0]
    assert run.code == 1, run.said
    assert run.counts() == (1, 0) and "joules FAIL: watts x1.1" in run.junit
    assert "REGRESSED" in run.said and "Traceback" not in run.said


def test_the_second_night_after_a_regression_still_fails(runs):
    run = runs["worse"].result()[1]
    assert run.code == 1 and run.counts() == (1, 0), run.said


def test_blessing_mends_it(runs):
    blessing, after = runs["mended"].result()
    assert blessing.code == 0 and "1 of 1 blessed" in blessing.said, blessing.said
    assert "watts x1.1" in blessing.said and blessing.counts() == (0, 0)
    assert after.code == 0 and after.counts() == (0, 0), after.said


def test_a_renamed_test_is_never_green(runs):
    """Both names are told: the new one has no baseline, the old one did not run."""
    run, blessing, entries = runs["renamed"].result()
    assert run.code == 3 and run.counts() == (0, 2), run.said
    assert "the baseline has no such test" in run.junit
    assert 'name="test_doze"' in run.junit and "did not find it" in run.junit
    assert "elsewhere" not in run.said
    assert blessing.code == 0, blessing.said
    assert sorted(entries) == ["elsewhere/test_x.py::test_y", NAME]


def test_another_context_is_not_compared(runs):
    run = runs["context"].result()
    assert run.code == 3 and run.counts() == (0, 1), run.said
    assert "power mode 'limit 250 W' -> 'limit 200 W'" in run.said


def test_a_dead_sensor_is_never_green(runs):
    run = runs["dead"].result()
    assert run.code == 3 and run.counts() == (0, 1), run.said
    assert "no power sensor: nvml: " in run.junit


def test_a_sensor_that_dies_meanwhile_is_never_green(runs):
    run = runs["dying"].result()
    assert run.code == 3 and run.counts() == (0, 1), run.said
    assert "GPU is lost" in run.said


def test_a_missing_baseline_is_never_green(runs):
    run = runs["no_baseline"].result()
    assert run.code == 3 and run.counts() == (0, 1), run.said
    assert "no baseline 'blessed' for this device, emulated-gpu-nvml" in run.said


def test_rounds_too_short_are_said_in_words(runs):
    run = runs["too_short"].result()
    assert run.code == 3 and run.counts() == (0, 1), run.said
    assert "too short for this sensor" in run.said and "iterations=" in run.said


def test_every_call_form_works(runs):
    run = runs["forms"].result()
    assert run.code == 0 and "4 passed" in run.said, run.said
    assert "NOT REAL POWER: constant 10 W was played" in run.said


def test_plain_benchmarks_cost_nothing(runs):
    run = runs["plain"].result()
    assert run.code == 0 and "joules" not in run.said, run.said


def test_xdist_is_said_in_one_line(runs):
    run = runs["xdist"].result()
    assert run.code == 3 and run.said.count("xdist is active: benchmarks are off") == 1, run.said


@pytest.mark.parametrize(
    "scenario,told",
    [("bad_limit", "Did you mean 'joules'?"), ("bad_device", "Did you mean 'nvml'?")],
)
def test_a_bad_option_is_one_line(runs, scenario, told):
    run = runs[scenario].result()
    assert run.code == 4, run.said
    assert len(run.said.strip().splitlines()) == 1 and told in run.said
