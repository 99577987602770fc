"""Every network of the zoo: masked == shrunk, nothing empty, trainable, counted as expected."""

import importlib
import warnings

import pytest
import torch

from edgejoule.bench.zoo import catalogue, examination
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import grouping

NETS = {
    name: net
    for module in catalogue.KINDS["own"]
    for name, net in importlib.import_module("edgejoule.bench.zoo." + module).NETS.items()
}
MODES = {False: (False, True), True: (False,)}  # noisy nets are compared in eval() only
NO_BACKWARD = {True: (), False: ("shuffle_unit",)}  # torch 1.10 can't train nn.ChannelShuffle


def built(name, dtype=torch.float64):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return awake(NETS[name].build()).to(dtype), example(NETS[name], 2, dtype)


def found(name, mode, dtype=torch.float64):
    model, inputs = built(name, dtype)
    return model, inputs, grouping.find(model, inputs, mode)


@pytest.mark.parametrize("name", sorted(NETS))
def test_masked_equals_shrunk(name):
    model, inputs, coupled = found(name, "coupled")
    cases = [(coupled, 0.5, "random"), (coupled, 0.9, "l2")]
    cases.append((grouping.find(model, inputs, "inner"), 0.5, "l2"))
    cases.append((grouping.find(model, inputs, "select"), 0.7, "random"))
    for each, ratio, by in cases:
        case = examination.cut(model, inputs, each, ratio, by)
        assert examination.parity_of(case, inputs, MODES[NETS[name].noisy]) < 1e-10
        assert not examination.empty(case.small)


@pytest.mark.parametrize("name", sorted(NETS))
def test_size_work_and_training_after_a_cut(name):
    model, inputs, each = found(name, "coupled")
    case = examination.cut(model, inputs, each, 0.5, "l2")
    counts = examination.counted(case.small, inputs), examination.expected(case, inputs)
    assert counts[0]["params"] == counts[1]["params"]
    assert counts[0]["macs"] == counts[1]["macs"] or NETS[name].per_channel
    if name not in NO_BACKWARD[torch.__version__ > "2"]:
        assert set(examination.untrained(case.small, inputs)) <= set(
            examination.untrained(model, inputs)
        )


@pytest.mark.parametrize("name", sorted(NETS))
def test_whole_nets_stay_whole_and_others_lose_something(name):
    _, _, each = found(name, "coupled")
    assert bool(each) != NETS[name].whole, each.whole
    assert all(layer is not None and reason for layer, reason in each.whole)


def test_float32_parity():
    for name in ("residual", "c2f_yolo", "se_linear", "lstm_head", "pixel_shuffle"):
        model, inputs, each = found(name, "coupled", torch.float32)
        case = examination.cut(model, inputs, each, 0.5, "random")
        assert examination.parity_of(case, inputs) < 1e-5
