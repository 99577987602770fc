"""Layers whose weight is computed before every run: weight norm is cut, others say why not."""

import pytest
import torch
from torch import nn

from edgejoule.bench.zoo import examination, hidden
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import computed_weights, export, grouping, groups, mask, select

NORMS = [nn.utils.weight_norm]
if hasattr(nn.utils.parametrizations, "weight_norm"):  # torch 2.0 and newer
    NORMS.append(nn.utils.parametrizations.weight_norm)


def built(norm, dim=0):
    torch.manual_seed(0)
    layers = norm(nn.Conv2d(3, 8, 3), dim=dim), nn.ReLU(), norm(nn.Conv2d(8, 6, 3), dim=dim)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(6 * 16, 4)).double()


IMAGE = torch.randn(2, 3, 8, 8).double()


@pytest.mark.parametrize("dim", [0, None])
@pytest.mark.parametrize("norm", NORMS)
def test_length_direction_and_bias_leave_together(norm, dim):
    model = built(norm, dim)
    found = grouping.find(model, IMAGE)
    assert [group.units[0].producer for group in found] == ["0", "2"]
    case = examination.cut(model, IMAGE, found, 0.5, "random")
    assert examination.parity_of(case, IMAGE) < 1e-12
    stored = computed_weights.stored(case.small[2], "weight")
    assert tuple(stored.shape) == (3, 4, 3, 3)
    assert tuple(case.small[2].weight.shape) == (3, 4, 3, 3)
    assert (case.small[2].in_channels, case.small[2].out_channels) == (4, 3)
    again = export.rebuilt(built(norm, dim), export.plan(found, case.mask, IMAGE))
    assert examination.parameters(again) == examination.parameters(case.small)


@pytest.mark.parametrize("norm", NORMS)
def test_the_weight_that_runs_is_judged_not_its_direction(norm):
    model = built(norm)
    model(IMAGE)  # the hook writes what it computes here
    weight = model[0].weight.detach().clone()
    with torch.no_grad():  # a direction may have any length
        computed_weights.stored(model[0], "weight")[3] *= 100
    found = grouping.find(model, IMAGE)
    assert torch.allclose(groups.filters(model, found[0])[0], weight.reshape(8, -1))


@pytest.mark.parametrize("norm", NORMS)
def test_silenced_and_masked_filters_are_zero_and_no_nan(norm):
    model = built(norm)
    found = grouping.find(model, IMAGE)
    chosen = select.select({g.name: torch.rand(g.channels) for g in found}, found, 0.5)
    for quiet in (mask.masked(model, found, chosen), mask.silenced(model, found, chosen)):
        assert torch.isfinite(quiet(IMAGE)).all()
        gone = ~chosen[found[0].name]
        assert quiet[0].weight[gone].abs().max() == 0 < quiet[0].weight[~gone].abs().min()


def test_a_weight_that_no_rule_follows_is_named_with_its_reason():
    net = hidden.NETS["quantized_weight"]
    torch.manual_seed(0)
    found = grouping.find(awake(net.build()), example(net))
    assert "fake_quantize" in dict(found.whole)["b"]
    assert [group.name for group in found] == ["c.0"]
