"""pytest-benchmark with joules: the fixture `joules_benchmark` and a gate on what it measured.

A regression is a failed test; what could not be judged is an error and exit code 3. Until the
fixture or an option of ours is used nothing heavy is imported and nothing is done.
"""

from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Dict, Generator, List

import pytest

from edgejoule.bench.joules import joule_watch

if TYPE_CHECKING:
    from edgejoule.bench.joules.tap_timer import Tap

FIXTURE = "joules_benchmark"
TAP: pytest.StashKey["Tap"] = pytest.StashKey()  # of a test
USED: pytest.StashKey[Any] = pytest.StashKey()  # the fixture of pytest-benchmark that it used
MARKER = (
    "joules(floor, seconds, watts, flops): limits of this test, such as floor='3%', and "
    "the FLOPs of one call"
)
WITHOUT = (
    "joules: {} uses joules_benchmark, which needs pytest-benchmark; install it, and take "
    "'-p no:benchmark' away if that is asked for"
)
OPTIONS = (
    ("device", dict(metavar="NAME", help="the sensor, as for `edgejoule measure --power`")),
    ("fake-power", dict(metavar="WATTS_OR_TRACE", help="play this instead of a sensor; labelled")),
    (
        "compare-fail",
        dict(
            metavar="LIMIT",
            action="append",
            help="fail a test that costs more than its blessed "
            "baseline: 5%%, or joules:5%%,seconds:8%%,watts; a metric alone takes its floor from "
            "edgejoule.toml; may be repeated",
        ),
    ),
    ("baseline", dict(metavar="NAME", help="which blessed baseline; default: blessed")),
    ("bless", dict(action="store_true", help="make this run the baseline of the tests it ran")),
    (
        "storage",
        dict(
            metavar="FOLDER", help="where baselines and runs are kept; default: .benchmarks/joules"
        ),
    ),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds our options."""
    group = parser.getgroup("joules", "joules of benchmarks")
    for name, settings in OPTIONS:
        group.addoption("--joules-" + name, **settings)


def pytest_configure(config: pytest.Config) -> None:
    """Checks our options before anything runs."""
    config.addinivalue_line("markers", MARKER)
    watch = config.stash[joule_watch.KEY] = joule_watch.Watch(config)
    config.pluginmanager.register(watch, "edgejoule-watch")
    names = ["joules_" + name.replace("-", "_") for name, _ in OPTIONS]
    if any(config.getoption(name, None) for name in names):
        _understood("joules", watch.joules)


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """Checks the settings of our markers before anything runs."""
    for item in items:
        for marker in item.iter_markers("joules"):
            _understood("joules: " + item.nodeid, partial(_check, marker))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuses to run tests of ours without pytest-benchmark, whose fixture ours is."""
    ours = [item.nodeid for item in session.items if _is_ours(item)]
    if ours and session.config.getoption("benchmark_timer", None) is None:
        raise pytest.UsageError(WITHOUT.format(ours[0]))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Gives the benchmark of this test our timer, through its public marker.

    First of all plugins: pytest-benchmark reads the marker when its fixture is set up.
    """
    if _is_ours(item):
        closest = item.get_closest_marker("benchmark")
        settings = dict(closest.kwargs) if closest else {}
        timer = settings.get("timer") or _default_timer(item.config)
        tap = _watch(item).joules().tap(timer)
        item.stash[TAP] = settings["timer"] = tap
        item.add_marker(pytest.mark.benchmark(**settings), append=False)


@pytest.fixture
def joules_benchmark(request: pytest.FixtureRequest, benchmark: Any) -> Any:
    """pytest-benchmark's `benchmark`, measured in joules too; `.flops` takes those of a call.

    What must be awaited is refused: its rounds would last as long as making a coroutine does.
    """
    if TAP not in request.node.stash:
        pytest.fail(
            "joules_benchmark must be an argument of the test; it cannot be had through "
            "getfixturevalue",
            pytrace=False,
        )
    benchmark.flops = _settings(request.node).get("flops")
    request.node.stash[USED] = benchmark
    from edgejoule.bench.joules import joule_fixture  # a session without us does not pay for it

    return joule_fixture.JouleFixture(benchmark)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, Any, None]:
    """Judges a test when its call is over; what could not be judged shows at its teardown.

    There pytest counts an error, not a failure: the test itself is not to blame.
    """
    outcome = yield
    if not _is_ours(item):
        return
    report, watch = outcome.get_result(), _watch(item)
    if hasattr(item.config, "workerinput"):  # of xdist: its neighbours draw power too
        report.joules_elsewhere = True
    elif call.when == "call" and report.passed and not hasattr(report, "wasxfail"):
        benchmark = item.stash[USED]
        watch.joules().take(item.nodeid, item.stash[TAP], benchmark, _settings(item))
        item.user_properties += watch.properties(item.nodeid)
        watch.fail(report, "failed")
    elif call.when == "teardown" and report.passed:
        watch.fail(report, "error")


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: Dict[str, Any]
) -> None:
    """Says which sensor the joules are from, if any were measured."""
    found = config.stash[joule_watch.KEY].device()
    if found:
        machine_info["edgejoule"] = found


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_benchmark_compare_machine_info(
    machine_info: Dict[str, Any], compared_benchmark: Dict[str, Any]
) -> None:
    """Takes a saved run's sensor over as long as this run has opened none.

    Else pytest-benchmark would warn of another machine.
    """
    saved = compared_benchmark["machine_info"]
    if "edgejoule" in saved:
        machine_info.setdefault("edgejoule", saved["edgejoule"])


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(output_json: Dict[str, Any]) -> None:
    """Puts statistics of the joules beside those of the seconds."""
    for each in output_json["benchmarks"]:
        if each["extra_info"].get("joules"):
            from edgejoule.bench.joules import tap_timer

            each["stats_joules"] = tap_timer.summary(each["extra_info"]["joules"])


def _is_ours(item: pytest.Item) -> bool:
    return FIXTURE in getattr(item, "fixturenames", ())


def _watch(item: pytest.Item) -> joule_watch.Watch:
    return item.config.stash[joule_watch.KEY]


def _settings(item: pytest.Item) -> Dict[str, Any]:
    """Settings of the closest `joules` marker."""
    marker = item.get_closest_marker("joules")
    return dict(marker.kwargs) if marker else {}


def _check(marker: pytest.Mark) -> None:
    from edgejoule.bench.joules import joule_gate

    joule_gate.check_marker(marker.args, dict(marker.kwargs))


def _default_timer(config: pytest.Config) -> Callable[[], float]:
    """The timer that pytest-benchmark would take."""
    from pytest_benchmark.utils import load_timer

    return load_timer(config.getoption("benchmark_timer")).target


def _understood(whose: str, function: Callable[[], Any]) -> None:
    """Runs it; what a user wrote wrongly ends pytest with one line and exit code 4."""
    try:
        function()
    except ValueError as error:
        raise pytest.UsageError("{}: {}".format(whose, error)) from None
