"""Constants of removed channels: exact without padding, off at borders, exact with a map."""

import pytest
import torch
from torch import nn

from edgejoule import plugins
from edgejoule.bench.zoo import attention, branches, chains
from edgejoule.bench.zoo.examination import scores
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import fold_constants, grouping, select
from edgejoule.prune.parity import parity
from edgejoule.prune.shrink import shrink

resnet20 = plugins.load("models", "resnet20")
vgg16 = plugins.load("models", "vgg16")


def case(model, inputs, mode="coupled"):
    found = grouping.find(model, inputs, mode)
    return found, select.select(scores(model, found, "random"), found, 0.5, scope="layer")


def unpadded(bias):
    torch.manual_seed(0)
    return (
        awake(
            nn.Sequential(
                nn.Conv2d(3, 8, 3, bias=bias),
                nn.BatchNorm2d(8),
                nn.ReLU(),
                nn.Conv2d(8, 6, 3, bias=bias),
                nn.BatchNorm2d(6),
                nn.Sigmoid(),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(6, 4),
            )
        )
        .double()
        .eval()
    )


X = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("bias", [True, False])
def test_without_padding_folding_is_exact(bias):
    model = unpadded(bias)
    found, mask = case(model, X)
    result = fold_constants.fold(model, X, found, mask)
    assert result.exact == ("3", "8") and not result.borders and not result.lost
    assert result.error < 1e-12


def test_dropping_the_constants_moves_the_outputs():
    model = unpadded(True)
    found, mask = case(model, X)
    silent = fold_constants.silenced(model, found, mask)
    assert parity(silent, shrink(model, X, found, mask), X, (False,)) > 0.05


@pytest.mark.parametrize("build", [resnet20.build, vgg16.build])
def test_padding_leaves_an_error_at_the_borders_that_a_map_removes(build):
    torch.manual_seed(0)
    model = awake(build()).double().eval()
    x = torch.randn(1, 3, 32, 32).double()
    found, mask = case(model, x)
    plain, mapped = (
        fold_constants.fold(model, x, found, mask, borders) for borders in (False, True)
    )
    assert plain.borders and plain.error > 1e-6
    assert not mapped.borders and mapped.error < 1e-9
    dropped = parity(
        fold_constants.silenced(model, found, mask), shrink(model, x, found, mask), x, (False,)
    )
    assert plain.error < dropped


def test_a_constant_that_a_gate_moves_is_reported_lost():
    torch.manual_seed(0)
    model = awake(attention.NETS["spatial_gate"].build()).double().eval()
    x = example(attention.NETS["spatial_gate"], 2, torch.float64)
    found, mask = case(model, x)
    result = fold_constants.fold(model, x, found, mask)
    assert "head.fc" in result.lost and result.error > 1e-6


def test_a_layer_without_bias_or_norm_gets_a_bias():
    model = (
        nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=False), nn.Flatten())
        .double()
        .eval()
    )
    found, mask = case(model, X)
    result = fold_constants.fold(model, X, found, mask)
    assert result.model[2].bias is not None and result.error < 1e-12


@pytest.mark.parametrize("name", ["residual", "preact"])
def test_chosen_channels_are_folded_too(name):
    torch.manual_seed(0)
    model = awake(branches.NETS[name].build()).double().eval()
    x = example(branches.NETS[name], 2, torch.float64)
    found, mask = case(model, x, "select")
    assert fold_constants.fold(model, x, found, mask, borders=True).error < 1e-9


def test_nothing_constant_nothing_folded():
    torch.manual_seed(0)
    model = awake(chains.NETS["lenet"].build()).double().eval()
    for module in model.modules():
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
    x = example(chains.NETS["lenet"], 2, torch.float64)
    found, mask = case(model, x)
    result = fold_constants.fold(model, x, found, mask)
    assert result.exact == result.borders == result.lost == () and result.error < 1e-12
