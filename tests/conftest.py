"""One thread for every test and every process it starts: two that wait for each other on a busy
machine are slower than one, by a lot.
"""

import os

import pytest

os.environ["OMP_NUM_THREADS"] = "1"
# These watch a sensor by the wall clock. A virtual machine that stands still for a third of a
# second makes their windows invalid, as the meter says and should; only a failure that repeats
# is one of ours.
REAL_TIME = {
    "test_alias",
    "test_choose",
    "test_external",
    "test_faults",
    "test_fitness",
    "test_gpu_meter",
    "test_idle",
    "test_ina3221",
    "test_jtop",
    "test_ledger",
    "test_measure",
    "test_meter",
    "test_nvml",
    "test_pytest_plugin",
    "test_record",
}


def pytest_collection_modifyitems(items):
    """Gives tests against the wall clock three more chances, seconds apart."""
    for item in items:
        if item.module.__name__.split(".")[-1] in REAL_TIME:
            item.add_marker(pytest.mark.flaky(reruns=3, reruns_delay=1))
