"""Models that torch.compile or TorchScript wrapped, and the order of weights in memory."""

import pytest
import torch
from torch import nn

from edgejoule.bench.zoo import examination
from edgejoule.prune import grouping, mask, parity, select, shrink
from edgejoule.prune.duplicate import duplicate

IMAGE = torch.randn(2, 3, 9, 9)
NEW = pytest.mark.skipif(not hasattr(torch, "compile"), reason="this torch has no torch.compile")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3))


@NEW
def test_a_compiled_model_is_cut_as_the_model_inside():
    plain = network()
    model = torch.compile(plain)
    found = grouping.find(model, IMAGE)
    assert list(found) == list(grouping.find(plain, IMAGE))
    case = examination.cut(model, IMAGE, found, 0.5, "l2")
    assert type(case.small) is nn.Sequential and case.small[0].out_channels == 4
    assert parity.parity(mask.masked(model, found, case.mask), case.small, IMAGE) < 1e-5


@NEW
def test_a_copy_of_a_model_compiled_in_place_runs_its_own_weights():
    model = network().eval()
    if not hasattr(model, "compile"):
        pytest.skip("this torch compiles no module in place")
    model.compile(backend="eager")
    twin = duplicate(model)
    with torch.no_grad():
        twin[3].weight.zero_()
        twin[3].bias.zero_()
        assert twin(IMAGE).abs().max() == 0 < model(IMAGE).abs().max()
    found = grouping.find(model, IMAGE)
    small = shrink.shrink(model, IMAGE, found, select.select({"0": torch.rand(8)}, found, 0.5))
    assert small(IMAGE).shape == model(IMAGE).shape


@NEW
def test_a_compiled_part_is_named():
    model = nn.Sequential(torch.compile(network()), nn.Conv2d(4, 2, 1))
    ((layer, reason),) = grouping.find(model, IMAGE).whole
    assert layer == "0" and "compile the result" in reason


@pytest.mark.parametrize("part", [False, True])
def test_a_scripted_model_or_part_gets_one_plain_sentence(part):
    scripted = torch.jit.script(network())
    model = nn.Sequential(scripted, nn.Conv2d(4, 2, 1)) if part else scripted
    ((layer, reason),) = grouping.find(model, IMAGE).whole
    assert layer == ("0" if part else "") and "script the result" in reason


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_weights_keep_their_order_in_memory(layout):
    model = network().to(memory_format=layout)
    found = grouping.find(model, IMAGE)
    small = examination.cut(model, IMAGE, found, 0.5, "l2").small
    for layer in (small[0], small[3]):
        assert layer.weight.is_contiguous(memory_format=layout)
        assert layer.weight.is_contiguous() == (layout is torch.contiguous_format)
