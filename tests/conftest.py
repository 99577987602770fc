"""One thread for every test and every process it starts: two that wait for each other on a busy
machine are slower than one, by a lot.
"""

import os

import pytest

os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture
def clock():
    """A clock of virtual time, for whatever takes one: see `rigs/virtual_clock.py`."""
    from rigs.virtual_clock import virtual_clock

    with virtual_clock() as made:
        yield made
