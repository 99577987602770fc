"""Benchmarks of ourselves, each beside a reference run in turns with it. `make benchmarks`.

Seconds are the processor's, so that other programs on the machine count less. What is saved:
pytest-benchmark's document, and a run per device that later nights are gated against.
"""

import sys
import time
from pathlib import Path

import pytest

from edgejoule.bench.races.kernel_race import Contest, race

pytest_plugins = ["edgejoule.bench.pytest_plugin"]
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
ROUNDS = 8
RATIOS, SAID = {}, {}


def pytest_collection_modifyitems(items):
    """The processor's clock for every benchmark here."""
    for item in items:
        item.add_marker(pytest.mark.benchmark(timer=time.process_time, warmup=False))


@pytest.fixture
def against(joules_benchmark, request):
    """A function: measures `ours`, and its speed over the reference's, run in turns with it.

    `calls` of ours make a round of a tenth of a second.
    """

    def measured(ours, reference, name, calls):
        result = joules_benchmark.pedantic(ours, rounds=ROUNDS, iterations=calls, warmup_rounds=1)
        few = max(calls // 32, 1)
        many = [lambda one=one: [one() for _ in range(few)] for one in (ours, reference)]
        raced = race(
            Contest(
                request.node.name, "calls/s", few, (("ours", many[0]), (name, many[1])), "ours"
            ),
            rounds=5,
        )
        RATIOS[request.node.name] = (name, raced[1].ratio)
        joules_benchmark.extra_info.update(reference=name, speed_over_reference=raced[1].ratio)
        return result

    return measured


@pytest.fixture
def said(request):
    """A function: puts a sentence of this test under the table."""
    return lambda sentence: SAID.update({request.node.name: sentence})


def pytest_terminal_summary(terminalreporter):
    """Our speed over each reference's, and what tests said."""
    if RATIOS:
        terminalreporter.section("ours over the reference, processor seconds")
    for test, (name, ratio) in sorted(RATIOS.items()):
        terminalreporter.write_line("{:32} {:9.3g} x the speed of {}".format(test, ratio, name))
    if SAID:
        terminalreporter.section("shares of the whole, processor seconds")
    for test, sentence in sorted(SAID.items()):
        terminalreporter.write_line("{}: {}".format(test, sentence))
