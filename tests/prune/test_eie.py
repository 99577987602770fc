"""The model of EIE against published figures, hand-made columns and a naive storage."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from edgejoule.prune.compression import eie, runs


def naive(flags, elements):
    """Entries by element and column, one weight after the other."""
    rows, columns = flags.shape
    found = np.zeros((elements, columns), int)
    for element in range(elements):
        for column in range(columns):
            zeros = 0
            for row in range(element, rows, elements):
                if not flags[row, column]:
                    zeros += 1
                    continue
                while zeros > 15:
                    found[element, column] += 1
                    zeros -= 16
                found[element, column] += 1
                zeros = 0
    return found


def test_a_column_with_a_long_run():
    column = np.array([0, 0, 1, 2] + [0] * 18 + [3])
    zeros, real = runs.encode(np.flatnonzero(column), eie.RUN_BITS)
    assert zeros.tolist() == [2, 0, 15, 2] and real.tolist() == [True, True, False, True]
    assert eie.stored(column[:, None] != 0, 1).tolist() == [[4]]


def test_loads_of_four_elements():
    rows = np.array([1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0], bool)[:, None]
    assert eie.stored(rows, 4)[:, 0].tolist() == [3, 0, 0, 1]
    found = eie.layer(rows, np.array([True]), 4)
    assert found.efficiency == pytest.approx(1 / 3)
    assert (found.cycles_least, found.cycles_most, found.macs) == (1, 3, 4)
    assert found.bits == 8 * 4 + 16 * 4 * 2


@settings(max_examples=60, deadline=None)
@given(
    strategies.integers(1, 70),
    strategies.integers(1, 4),
    strategies.integers(1, 5),
    strategies.integers(0, 2**31),
)
def test_storage_by_a_loop(rows, columns, elements, seed):
    rng = np.random.RandomState(seed)
    flags = rng.rand(rows, columns) < rng.choice([0.03, 0.1, 0.5])
    assert (eie.stored(flags, elements) == naive(flags, elements)).all()
    active = rng.rand(columns) < 0.5
    found = eie.layer(flags, active, elements)
    busy = naive(flags, elements)[:, active]
    assert found.cycles_least == pytest.approx(busy.sum() / elements)
    assert found.cycles_most == busy.max(axis=0).sum() >= found.cycles_least
    assert found.macs == flags[:, active].sum() and 0 < found.efficiency <= 1
    assert found.fillers == found.entries - flags.sum() >= 0


def test_published_figures_of_the_design():
    operations, watts = 2 * eie.ELEMENTS * eie.CLOCK_HZ, eie.ELEMENTS * eie.ELEMENT_WATTS
    assert operations == pytest.approx(102.4e9)
    assert watts == pytest.approx(0.586, abs=5e-4)
    assert round(1 / 12.2e-6) == 81967  # frames/s of FC7 at its actual time


@pytest.mark.parametrize(
    "density, expected",
    [(0.04, 1.0850836), (0.09, 0.2839236), (0.11, 0.1833862), (0.25, 0.0101241)],
)
def test_expected_fillers(density, expected):
    assert eie.fillers_per_weight(density) == pytest.approx(expected, abs=5e-8)


def test_fillers_of_a_long_random_column_are_as_expected():
    flags = np.random.RandomState(0).rand(200000, 1) < 0.09
    found = eie.layer(flags, np.array([True]), 1)
    assert found.fillers / flags.sum() == pytest.approx(eie.fillers_per_weight(0.09), rel=0.03)


def test_fc6_of_alexnet_is_near_the_published_time():
    """4096 rows, 9216 columns, weights 9 %, activations 35 %: 28.1 us by the paper's own model."""
    rng = np.random.RandomState(1)
    flags, active = rng.rand(4096, 9216) < 0.09, np.arange(9216) < round(0.35 * 9216)
    found = eie.layer(flags, active)
    assert found.dense_macs == 37748736
    assert found.macs == pytest.approx(1189085, rel=5e-3)
    assert found.macs / eie.ELEMENTS / eie.CLOCK_HZ == pytest.approx(23.22e-6, rel=5e-3)
    assert found.fillers / flags.sum() == pytest.approx(0.1928, abs=2e-3)
    assert found.seconds_least == pytest.approx(27.7e-6, rel=5e-3)
    assert found.seconds_most > found.seconds_least


def test_joules_are_the_sum_of_three_terms_and_say_that_they_are_modelled():
    flags = np.ones((2, 3), bool)
    found = eie.layer(flags, np.array([True, True, False]), 2)
    assert found.joules == pytest.approx((4 * 8 / 32 * 5 + 4 * 3.2 + 4 * 16 / 32 * 5) * 1e-12)
    assert found.dense_joules == pytest.approx((6 * 640 + 6 * 4.6 + 5 * 5) * 1e-12)
    said = eie.facts(found)
    assert said["kind"] == "modelled, not measured" and said["joules"] == found.joules
    assert said["constants"]["picojoules"]["dram"] / said["constants"]["picojoules"]["sram"] == 128


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="they are .rows, columns."):
        eie.layer(np.ones((2, 3), bool), np.ones(2, bool))


def test_a_matrix_without_weights_needs_no_cycle():
    found = eie.layer(np.zeros((4, 2), bool), np.ones(2, bool), 2)
    assert (found.entries, found.cycles_most, found.efficiency) == (0, 0, 1.0)
