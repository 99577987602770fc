"""Sixty small CNNs of timm in three modes: cut exactly or left whole by name, never wrong."""

import collections

import pytest
from rigs import foreign_operators, timm_networks
from rigs.timm_networks import QUICK, SLOW

from edgejoule.bench.zoo import examination
from edgejoule.prune import grouping

foreign_operators.needed("timm")

NETWORKS = [pytest.param(name) for name in QUICK] + [
    pytest.param(name, marks=pytest.mark.slow) for name in SLOW
]


@pytest.fixture(scope="module")
def tally():
    """How many networks and modes came out how; told at the end (`pytest -s` shows it)."""
    counts = collections.Counter()
    yield counts
    print("\n" + ", ".join("{} {}".format(counts[v], v) for v in timm_networks.VERDICTS))


def test_the_list_holds_sixty_different_networks():
    assert len(set(QUICK + SLOW)) == len(QUICK + SLOW) == 60


@pytest.mark.parametrize("mode", grouping.MODES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_cut_exactly_or_left_whole_by_name(name, mode, tally):
    verdict, sentence = timm_networks.examined(name, mode)
    tally[verdict] += 1
    assert verdict in ("cut", "left whole"), sentence


def test_a_ghostnets_functional_dropout_leaves_its_training_provable():
    model, x = timm_networks.built("ghostnet_050")
    assert model.drop_rate > 0  # its forward calls F.dropout itself: no layer tells of it
    found = grouping.find(model, x)
    assert "conv_head" in {group.name for group in found}  # the channels that it drops
    case = examination.cut(model, x, found, 0.5, "random")
    assert timm_networks.compared(case, x).verdict == "cut"
