"""Masks: what they count, what they refuse, and that a masked channel emits nothing."""

import pytest
import torch
from torch import nn

from edgejoule.bench.zoo.net import awake
from edgejoule.prune import grouping
from edgejoule.prune.mask import Mask, leaving, masked


def flags(text):
    return torch.tensor([letter == "1" for letter in text])


def test_counts_and_ratio():
    mask = Mask({"a": flags("1101"), "b": flags("0001")}, ["one note"])
    assert (mask.kept, mask.channels, mask.ratio) == (4, 8, 0.5)
    assert mask.notes == ("one note",)
    assert Mask().ratio == 0.0


def test_distance_is_the_share_that_differs():
    one, two = Mask({"a": flags("1100")}), Mask({"a": flags("1010")})
    assert one.distance(two) == two.distance(one) == 0.5
    assert one.distance(one) == 0.0


def test_distance_over_different_groups_is_an_error():
    with pytest.raises(ValueError, match="'b'"):
        Mask({"a": flags("1")}).distance(Mask({"a": flags("1"), "b": flags("1")}))


@pytest.mark.parametrize("value", [torch.ones(3), [True, False], torch.ones(1, 3).bool()])
def test_only_bool_vectors_are_masks(value):
    with pytest.raises(ValueError, match="needs a bool tensor"):
        Mask({"a": value})


def net():
    torch.manual_seed(0)
    return awake(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3))
    )


def test_a_masked_channel_is_zero_everywhere():
    model, x = net().eval(), torch.randn(2, 3, 8, 8)
    found = grouping.find(model, x)
    silent = masked(model, found, Mask({"0": flags("1001")}))
    with torch.no_grad():
        assert silent[:3](x)[:, [1, 2]].abs().max() == 0
        assert torch.equal(silent[:3](x)[:, [0, 3]], model[:3](x)[:, [0, 3]])
    assert silent[1].running_mean[1:3].abs().max() == 0
    assert silent[3].weight[:, 1:3].abs().max() == 0
    assert model[1].bias.abs().min() > 0


def test_a_mask_that_keeps_all_changes_nothing():
    model, x = net().eval(), torch.randn(2, 3, 8, 8)
    found = grouping.find(model, x)
    assert not leaving(found, Mask({"0": flags("1111")}))
    assert torch.equal(masked(model, found, Mask({"0": flags("1111")}))(x), model(x))


def test_names_and_sizes_must_fit():
    found = grouping.find(net(), torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="no group called 'z'; the model has: 0"):
        leaving(found, Mask({"z": flags("10")}))
    with pytest.raises(ValueError, match="has 4 channels, the mask 2"):
        leaving(found, Mask({"0": flags("10")}))
