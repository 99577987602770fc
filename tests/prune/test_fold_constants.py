"""Constants of removed channels: exact without padding, off at borders, exact with a map."""

import pytest
import torch
from torch import nn

from edgejoule import plugins
from edgejoule.bench.zoo import attention, branches, chains, oddities, sequences, splits
from edgejoule.bench.zoo.examination import scores
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import grouping, select
from edgejoule.prune.fold_constants import fold_constants
from edgejoule.prune.mask import masked, silenced
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
    result = fold_constants(model, X, found, mask)
    assert result.exact == ("3", "8") and not result.borders and not result.lost
    assert result.error < 1e-12


def test_dropping_the_constants_moves_the_outputs():
    model = unpadded(True)
    found, mask = case(model, X)
    silent = silenced(model, found, mask)
    assert parity(silent, shrink(model, X, found, mask), X, (False,)) > 0.05


@pytest.mark.parametrize("build", [resnet20.build, vgg16.build])
def test_padding_leaves_an_error_at_the_borders_that_a_map_removes(build):
    torch.manual_seed(0)
    model = awake(build()).double().eval()
    x = torch.randn(1, 3, 32, 32).double()
    found, mask = case(model, x)
    plain, mapped = (fold_constants(model, x, found, mask, borders) for borders in (False, True))
    assert plain.borders and plain.error > 1e-6
    assert not mapped.borders and mapped.error < 1e-9
    dropped = parity(silenced(model, found, mask), shrink(model, x, found, mask), x, (False,))
    assert plain.error < dropped


def test_a_constant_that_a_gate_moves_is_reported_lost():
    torch.manual_seed(0)
    model = awake(attention.NETS["spatial_gate"].build()).double().eval()
    x = example(attention.NETS["spatial_gate"], 2, torch.float64)
    found, mask = case(model, x)
    result = fold_constants(model, x, found, mask)
    assert "head.fc" in result.lost and result.error > 1e-6


def test_a_layer_without_bias_or_norm_gets_a_bias():
    model = (
        nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1, bias=False), nn.Flatten())
        .double()
        .eval()
    )
    found, mask = case(model, X)
    result = fold_constants(model, X, found, mask)
    assert result.model[2].bias is not None and result.error < 1e-12


@pytest.mark.parametrize("name", ["residual", "preact"])
def test_chosen_channels_are_folded_too(name):
    torch.manual_seed(0)
    model = awake(branches.NETS[name].build()).double().eval()
    x = example(branches.NETS[name], 2, torch.float64)
    found, mask = case(model, x, "select")
    assert fold_constants(model, x, found, mask, borders=True).error < 1e-9


def test_nothing_constant_nothing_folded():
    torch.manual_seed(0)
    model = awake(chains.NETS["lenet"].build()).double().eval()
    for module in model.modules():
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
    x = example(chains.NETS["lenet"], 2, torch.float64)
    found, mask = case(model, x)
    result = fold_constants(model, x, found, mask)
    assert result.exact == result.borders == result.lost == () and result.error < 1e-12


NETS = {
    "residual": branches.NETS["residual"],
    "preact": branches.NETS["preact"],
    "unet": branches.NETS["unet_convt"],
    "grouped": splits.NETS["shuffle_unit"],
    "halves": splits.NETS["chunk_glu"],
    "tied": oddities.NETS["tied_convs"],
    "twice": oddities.NETS["shared_twice"],
    "raw": chains.NETS["functional_conv"],
    "recurrent": sequences.NETS["lstm_head"],
    "tokens": sequences.NETS["mixer"],
    "summed": oddities.NETS["multi_output"],
    "training": oddities.NETS["aux_train_only"],
}


@pytest.mark.parametrize("mode", grouping.MODES)
@pytest.mark.parametrize("name", sorted(NETS))
def test_what_is_not_exact_is_named_in_every_mode(name, mode):
    torch.manual_seed(0)
    model = awake(NETS[name].build()).double().eval()
    x = example(NETS[name], 2, torch.float64)
    found, mask = case(model, x, mode)
    silent = silenced(model, found, mask)
    for borders in (False, True):
        result = fold_constants(model, x, found, mask, borders)
        assert result.error >= parity(silent, result.model, x, (False,))
        assert result.error < 1e-11 or result.borders or result.lost
        assert result.error > 1e-11 or not (result.borders or result.lost)


def test_what_no_layer_can_give_back_is_named_by_the_model_itself():
    net = NETS["summed"]
    model, x = awake(net.build()).double().eval(), example(net, 2, torch.float64)
    found, mask = case(model, x)
    assert fold_constants(model, x, found, mask, borders=True).lost == ("",)


@pytest.mark.parametrize("bias", [True, False])
def test_in_training_the_constants_are_right_too(bias):
    model = unpadded(bias)
    found, mask = case(model, X)
    result = fold_constants(model.train(), X, found, mask)
    assert all(module.training for module in result.model.modules())
    assert parity(silenced(model, found, mask), result.model, X, (True,)) < 1e-12


def test_an_example_of_zeros_hides_nothing():
    torch.manual_seed(0)
    model = awake(attention.NETS["spatial_gate"].build()).double().eval()
    x = torch.zeros(1, 3, 16, 16).double()
    found, mask = case(model, x)
    assert "head.fc" in fold_constants(model, x, found, mask).lost


def test_silenced_channels_keep_what_masked_ones_lose():
    model = unpadded(True)
    found, mask = case(model, X)
    gone, third = ~mask["0"], ~mask["3"]
    silent = silenced(model, found, mask).state_dict()
    zero = masked(model, found, mask).state_dict()
    assert not silent["0.weight"][gone].any() and not silent["1.weight"][gone].any()
    for name in ("0.bias", "1.bias", "1.running_mean"):
        assert torch.equal(silent[name], model.state_dict()[name]) and not zero[name][gone].any()
    assert silent["3.weight"][~third][:, gone].any() and not zero["3.weight"][:, gone].any()
