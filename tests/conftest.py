"""What holds for every test: one thread of arithmetic, and virtual time for whoever asks."""

import os

import pytest
from rigs.virtual_clock import virtual_clock

# Also for the processes that tests start: two threads that wait for each other on a busy machine
# are slower than one, by a lot.
os.environ["OMP_NUM_THREADS"] = "1"
# A folder that is not there: what somebody calibrated on this machine must not move a test.
os.environ["EDGEJOULE_SENSORS"] = os.path.join(os.path.dirname(__file__), "no-calibrations")


@pytest.fixture
def clock():
    """A clock of virtual time, for whatever takes one: see `rigs/virtual_clock.py`."""
    with virtual_clock() as made:
        yield made
