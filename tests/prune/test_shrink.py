"""Cutting: the model untouched, sizes in line, training goes on, refusals in one line."""

import copy

import pytest
import torch
from torch import nn

from edgejoule.bench.zoo import branches, chains, hidden, oddities, splits
from edgejoule.bench.zoo.examination import cut, parity_of
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import grouping
from edgejoule.prune.groups import Group, Slice
from edgejoule.prune.mask import Mask
from edgejoule.prune.shrink import shrink


def built(net, dtype=torch.float64):
    torch.manual_seed(0)
    return awake(net.build()).to(dtype), example(net, 2, dtype)


def halved(model, inputs, ratio=0.5, mode="coupled"):
    return cut(model, inputs, grouping.find(model, inputs, mode), ratio, "l2")


def test_the_model_is_untouched():
    model, inputs = built(splits.NETS["c2f_yolo"])
    before = copy.deepcopy(model.state_dict())
    halved(model, inputs)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_kept_values_are_the_dense_ones_statistics_included():
    model, inputs = built(chains.NETS["norm_bn"])
    case = halved(model, inputs)
    for group in case.groups:
        stay = case.mask[group.name]
        name = group.units[0].norm
        if name:
            dense, small = model.get_submodule(name), case.small.get_submodule(name)
            for field in ("weight", "bias", "running_mean", "running_var"):
                assert torch.equal(getattr(dense, field)[stay], getattr(small, field))
            assert torch.equal(dense.num_batches_tracked, small.num_batches_tracked)


def test_stated_sizes_follow_the_tensors():
    model, inputs = built(splits.NETS["dw_multiplier2"])
    small = halved(model, inputs).small
    for module in small.modules():
        if isinstance(module, nn.Conv2d):
            assert module.out_channels == module.weight.shape[0]
            assert module.in_channels == module.weight.shape[1] * module.groups
        if isinstance(module, nn.Linear):
            assert (module.out_features, module.in_features) == tuple(module.weight.shape)


def test_norms_without_tensors_state_their_channels_too():
    model, inputs = built(chains.NETS["norm_in"])
    case = halved(model, inputs)
    assert case.small.middle[1].num_features == case.small.middle[0].out_channels < 16


def test_what_wants_no_gradient_still_wants_none():
    model, inputs = built(oddities.NETS["frozen_stem"])
    small = halved(model, inputs).small
    assert [p.requires_grad for p in small.parameters()] == [
        p.requires_grad for p in model.parameters()
    ]


def test_tied_weights_stay_tied():
    model, inputs = built(oddities.NETS["tied_convs"])
    small = halved(model, inputs).small
    assert small.c.weight is small.b.weight and small.c.weight.shape[0] < 12


def test_a_shrunk_model_is_cut_again():
    model, inputs = built(splits.NETS["shuffle"])
    for _ in range(2):
        case = halved(model, inputs, 0.3)
        assert parity_of(case, inputs) < 1e-10
        assert sum(p.numel() for p in case.small.parameters()) < sum(
            p.numel() for p in model.parameters()
        )
        model = case.small


def test_a_mask_that_removes_nothing_gives_a_copy():
    model, inputs = built(hidden.NETS["data_branch"])
    small = shrink(model, inputs, grouping.find(model, inputs), Mask())
    assert small is not model
    assert torch.equal(small(inputs), model(inputs))


def test_groups_without_their_trace_are_proved_again():
    model, inputs = built(branches.NETS["residual"])
    found = list(grouping.find(model, inputs))
    case = cut(model, inputs, found, 0.5, "l2")
    assert parity_of(case, inputs) < 1e-10


def test_groups_of_other_widths_are_refused():
    model, inputs = built(branches.NETS["residual"])
    found = grouping.find(model, inputs)
    small = cut(model, inputs, found, 0.5, "l2").small
    with pytest.raises(ValueError, match="another width"):
        shrink(small, inputs, found, Mask({found[0].name: torch.arange(16) < 15}))


def test_a_hand_made_group_that_forgets_a_layer_is_refused():
    model, inputs = built(branches.NETS["residual"])
    one = tuple((c,) for c in range(16))
    forgetful = Group("g", 16, (Slice("stem.0.weight", 0, one),), ())
    with pytest.raises(RuntimeError, match="must leave with the others of its group"):
        shrink(model, inputs, [forgetful], Mask({"g": torch.arange(16) < 8}))


def test_what_is_frozen_is_refused():
    model, inputs = built(branches.NETS["residual"])
    one = tuple((c,) for c in range(5))
    outputs = Group("g", 5, (Slice("head.fc.weight", 0, one), Slice("head.fc.bias", 0, one)), ())
    with pytest.raises(RuntimeError, match="a channel of 'head.fc.weight', axis 0, can't leave"):
        shrink(model, inputs, [outputs], Mask({"g": torch.arange(5) < 4}))


def test_an_empty_layer_is_refused():
    model, inputs = built(branches.NETS["residual"])
    found = grouping.find(model, inputs)
    with pytest.raises(ValueError, match="leaves nothing of"):
        shrink(model, inputs, found, Mask({found[0].name: torch.zeros(16).bool()}))


def test_control_flow_on_data_is_refused():
    model, inputs = built(hidden.NETS["data_branch"])
    one = tuple((c,) for c in range(12))
    group = Group("g", 12, (Slice("a.0.weight", 0, one),), ())
    with pytest.raises(RuntimeError, match="its control flow depends on the data"):
        shrink(model, inputs, [group], Mask({"g": torch.arange(12) < 4}))
