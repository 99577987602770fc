"""Declared groups: trusted for what they say, held against the masked model's numbers."""

import pytest
import torch
from torch import nn

from edgejoule.bench.zoo import hidden
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import grouping
from edgejoule.prune.declare import declared, override
from edgejoule.prune.groups import Unit
from edgejoule.prune.mask import Mask, masked
from edgejoule.prune.parity import parity
from edgejoule.prune.shrink import shrink

NET = hidden.NETS["scripted"]
TABLE = {"stem": [("a.0.weight", 0), "a.1", ("b.0.weight", 1)]}


def built():
    torch.manual_seed(0)
    return awake(NET.build()).double(), example(NET, 2, torch.float64)


def test_what_no_trace_follows_is_cut_on_declaration():
    model, x = built()
    assert "a.0" in dict(grouping.find(model, x).whole)
    own = declared(model, TABLE)
    assert own[0].channels == 12 and own[0].units == (Unit("a.0", None),)
    assert len(own[0].slices) == 6
    mask = Mask({"stem": torch.arange(12) % 3 == 0})
    small = shrink(model, x, own, mask)
    assert small.a[0].weight.shape[0] == 4
    assert parity(masked(model, own, mask), small, x) < 1e-12


def test_declared_and_found_groups_are_cut_together():
    model, x = built()
    both = override(grouping.find(model, x), declared(model, TABLE))
    assert [group.name for group in both] == ["b.0", "c.0", "stem"]
    mask = Mask({group.name: torch.arange(group.channels) % 2 == 0 for group in both})
    small = shrink(model, x, both, mask)
    assert parity(masked(model, both, mask), small, x) < 1e-12


def test_a_declared_group_replaces_those_that_share_its_channels():
    model, x = built()
    both = override(
        grouping.find(model, x),
        declared(model, {"mine": [("b.0.weight", 0), "b.1", ("c.0.weight", 1)]}),
    )
    assert [group.name for group in both] == ["c.0", "mine"]


@pytest.mark.parametrize(
    "table",
    [
        {"stem": [("a.0.weight", 0), "a.1"]},
        {"stem": [("a.0.weight", 0), ("b.0.weight", 1)]},
    ],
)
def test_a_declaration_that_forgets_a_layer_is_refused(table):
    model, x = built()
    with pytest.raises(RuntimeError):
        shrink(model, x, declared(model, table), Mask({"stem": torch.arange(12) < 6}))


class Reversed(nn.Module):
    """Channels are reversed where no trace sees it, so an honest-looking declaration is wrong."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 6, 1), nn.Conv2d(6, 2, 1)

    def forward(self, x):
        return self.b(turned(self.a(x)))


@torch.jit.script
def turned(x):
    return x.flip(1)


def test_a_declaration_that_runs_but_computes_something_else_is_refused():
    model = Reversed()
    own = declared(model, {"g": [("a.weight", 0), ("a.bias", 0), ("b.weight", 1)]})
    with pytest.raises(RuntimeError, match="outputs differ from the masked model's"):
        shrink(model, torch.zeros(1, 3, 4, 4), own, Mask({"g": torch.arange(6) < 2}))


def test_flattened_pixels_belong_to_their_channel():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    own = declared(model, {"g": [("0.weight", 0), ("0.bias", 0), ("2.weight", 1)]})
    assert own[0].slices[2].indices[1] == (4, 5, 6, 7)
    with pytest.raises(ValueError, match="no multiple of 4"):
        declared(model, {"g": [("0.weight", 0), ("2.weight", 0)]})


def test_a_tensor_that_isn_t_there_is_an_error():
    with pytest.raises(ValueError, match="the model has no 'z'"):
        declared(built()[0], {"g": ["z"]})


class Dropping(nn.Module):
    """Dropout as a function, over a declared group's channels."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1)

    def forward(self, x):
        return self.b(nn.functional.dropout(self.a(x), 0.5, self.training))


def test_dropout_as_a_function_does_not_refuse_a_declared_cut():
    torch.manual_seed(0)
    model, x = Dropping(), torch.randn(2, 3, 6, 6)
    own = declared(model, {"a": [("a.weight", 0), ("a.bias", 0), ("b.weight", 1)]})
    mask = Mask({"a": torch.arange(8) < 3})
    small = shrink(model, x, own, mask)
    assert parity(masked(model, own, mask), small, x, (False,)) < 1e-6
