"""The pytest plugin, in real sessions.

A regression fails, and goes on failing until it is blessed; what could not be judged is never
green.
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
SECONDS = ("--joules-compare-fail", "seconds:30%")  # the way out that is named
DYING = """
import os
from rigs import gpu_rig
from edgejoule.devices.clock import MACHINE

def lose_the_gpu():
    gpu_rig.shared(os.environ["NVML_EMULATOR"]).any_error = 15

def test_nap(joules_benchmark):
    joules_benchmark.pedantic(MACHINE.sleep, args=(0.42,), rounds=2, setup=lose_the_gpu)
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
AWAITED = """
import asyncio
import functools

async def job():
    await asyncio.sleep(0.01)

class Job:
    async def __call__(self):
        await asyncio.sleep(0.01)

async def numbers():
    yield 1

def test_function(joules_benchmark):
    joules_benchmark(job)

def test_partial(joules_benchmark):
    joules_benchmark.pedantic(functools.partial(job), rounds=3)

def test_object(joules_benchmark):
    joules_benchmark(Job())

def test_numbers(joules_benchmark):
    joules_benchmark(numbers)

def test_result(joules_benchmark):
    joules_benchmark.pedantic(lambda: job(), rounds=3)

def test_awaited(joules_benchmark):
    async def body():
        await joules_benchmark(job)
    asyncio.run(body()) if hasattr(asyncio, "run") else (
        asyncio.new_event_loop().run_until_complete(body()))
"""
SPOILT = """
import shutil

def test_spoils_the_storage(joules_benchmark):
    joules_benchmark(sum, range(1000))
    shutil.rmtree("kept")
    open("kept", "w").close()
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """{name of a scenario: the future of what its sessions gave}."""
    library = gpu_rig.build(tmp_path_factory.mktemp("nvml"))
    with ThreadPoolExecutor(5) as pool:

        def make(name, text=LONG, after=None, virtual=True):
            folder = tmp_path_factory.getbasetemp() / "plugin" / name
            return Project(folder, library, text, after and after.result()[0], virtual)

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
    return make("dying", DYING, night).pytest(*NVML, *GATE)


def no_baseline(make):
    return make("no_baseline", SHORT).pytest("--joules-compare-fail", "seconds:50%", *NVML)


def too_short(make):
    return make("too_short", SHORT).pytest(*NVML, *GATE)


def real_time(make):
    """The session that measures 100 W, by the clocks that a user's session goes by."""
    here = make("real_time", virtual=False)
    return plugin_rig.blessed(here)


def forms(make):
    return make("forms", FORMS, virtual=False).pytest(
        "--joules-fake-power", "10", "--benchmark-max-time=0.01"
    )


def plain(make):
    return make("plain", PLAIN, virtual=False).pytest("--benchmark-max-time=0.01")


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


def awaited(make):
    return make("awaited", AWAITED, virtual=False).pytest("--joules-fake-power", "10")


def no_benchmark(make):
    here = make("no_benchmark", SHORT, virtual=False)
    here.file("test_other.py", "def test_other():\n    pass\n")
    words = ("-p", "no:benchmark", *GATE)
    return [
        here.pytest(*words, benchmark=False),
        here.pytest(*words, "test_other.py", benchmark=False),
    ]


def bad_storage(make):
    here = make("bad_storage", SHORT)
    here.file("in_the_way", "")
    return here.pytest("--joules-storage", "in_the_way/x", "--joules-bless")


def spoilt_storage(make):
    here = make("spoilt_storage", SPOILT, virtual=False)
    return here.pytest("--joules-storage", "kept", "--joules-fake-power", "10")


def no_sensor(make):
    here = make("no_sensor", SHORT)
    return [
        here.pytest(*NVML, "--joules-bless", any_error=999),
        here.pytest(*NVML, "--joules-bless", *SECONDS, any_error=999),
        here.pytest(*NVML, *SECONDS, any_error=999),
    ]


AFTERWARDS = (worse, mended, equal, renamed, context, dead, dying)
ALONE = (no_baseline, too_short, real_time, forms, plain, xdist, bad_limit, bad_device)
ALONE += (awaited, no_benchmark, bad_storage, spoilt_storage, no_sensor)


def test_joules_are_in_the_saved_document(runs):
    _, run, document = runs["first_night"].result()
    benchmark = document["benchmarks"][0]
    found = benchmark["extra_info"]
    assert run.code == 0, run.said
    assert found["joules_status"] == "ok" and found["joules_source"] == "counter"
    assert found["watts"] == pytest.approx(100.0, rel=1e-4)
    assert len(found["joules"]) == plugin_rig.ROUNDS
    for joules in found["joules"]:
        assert joules == pytest.approx(100.0 * plugin_rig.ROUND_S, rel=1e-3)
    assert found["flops_per_joule"] == pytest.approx(1e9 / benchmark["stats_joules"]["median"])
    assert 0 < found["uncertainty_joules"] < 20
    assert document["machine_info"]["edgejoule"]["device"] == "Emulated GPU"
    assert document["machine_info"]["edgejoule"]["power mode"] == "limit 250 W"


def test_a_blessed_test_is_stored_by_device(runs):
    entry = runs["first_night"].result()[0].entries()[NAME]
    assert entry["flops"] == 1e9 and entry["context"]["rail"] == "energy counter"
    assert len(entry["joules"]) >= 6 and entry["when_utc"].endswith("Z")


def test_rounds_in_real_time_are_measured_or_told(runs):
    """A machine that stands still costs a round its joules, never a wrong number of them."""
    _, document = runs["real_time"].result()
    benchmark = document["benchmarks"][0]
    found, seconds = benchmark["extra_info"], benchmark["stats"]["data"]
    if found["joules_status"] != "ok":
        assert "of 8 rounds not measured" in found["joules_reason"], found
        return
    assert found["joules_source"] == "counter" and found["watts"] == pytest.approx(100.0, rel=0.03)
    assert len(found["joules"]) == 8 or "rounds not measured" in found["joules_reason"]
    whole = 100.0 * max(seconds) * 1.05
    assert all(100.0 * plugin_rig.ROUND_S * 0.95 <= joules <= whole for joules in found["joules"])


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


def test_what_must_be_awaited_is_refused(runs):
    """Its rounds lasted 6 microseconds, of a coroutine that sleeps for 10 ms."""
    run = runs["awaited"].result()
    assert run.code == 1 and run.counts() == (6, 0), run.said
    twice = 2  # XML has every sentence as a message and as a text
    assert run.junit.count("which is a coroutine function: the rounds") == 5 * twice
    assert run.junit.count("which returns something to be awaited: the rounds") == 1 * twice
    assert "measured " not in run.said and "Traceback" not in run.said


def test_without_pytest_benchmark_there_is_one_line(runs):
    ours, another = runs["no_benchmark"].result()
    told = [line for line in ours.said.splitlines() if "joules" in line]
    assert ours.code == 4 and len(told) == 1 and "needs pytest-benchmark" in told[0], ours.said
    assert "Traceback" not in ours.said
    assert another.code == 3 and "1 passed" in another.said, another.said


def test_a_storage_that_cannot_be_written_is_refused_before_anything_runs(runs):
    run = runs["bad_storage"].result()
    assert run.code == 4 and len(run.said.strip().splitlines()) == 1, run.said
    assert "in_the_way/x cannot be written: Not a directory" in run.said


def test_a_storage_that_is_lost_meanwhile_costs_no_figures(runs):
    run = runs["spoilt_storage"].result()
    assert run.code == 4 and "Traceback" not in run.said, run.said
    assert "1 passed" in run.said and "s a call" in run.said
    assert "kept cannot be written: " in run.said.splitlines()[-2], run.said


def test_without_a_sensor_the_way_out_is_named_and_leads_out(runs):
    blessing, seconds, judged = runs["no_sensor"].result()
    assert blessing.code == 3, blessing.said
    assert "judge seconds: --joules-compare-fail seconds:30%" in blessing.said
    assert "judge seconds: --joules-compare-fail seconds:30%" in blessing.junit
    assert seconds.code == 0 and "1 of 1 blessed" in seconds.said, seconds.said
    assert "judge seconds" not in seconds.said
    assert judged.code == 0 and "1 unchanged" in judged.said, judged.said
