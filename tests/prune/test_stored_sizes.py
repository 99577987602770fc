"""Numbers of channels in attributes: cut, proved, and rebuilt from a plan."""

import pytest
import torch
from torch import nn

from edgejoule.bench.zoo import examination, published
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import export, grouping

NET = published.NETS["stored_split"]


def cut():
    torch.manual_seed(0)
    model, x = awake(NET.build()).double(), example(NET, 2, torch.float64)
    return examination.cut(model, x, grouping.find(model, x), 0.5, "random"), x


def test_the_sizes_of_a_split_follow_the_cut():
    case, x = cut()
    block = case.small.middle
    assert (block.halves, block.expanded, block.depth) == ((6, 6), 10, 3)
    assert (case.model.middle.halves, case.model.middle.expanded) == ((12, 12), 20)
    assert examination.parity_of(case, x) < 1e-12


def test_a_plan_holds_them(tmp_path):
    case, x = cut()
    export.save(str(tmp_path), case.small, export.plan(case.groups, case.mask, x))
    again = export.load(str(tmp_path), lambda: awake(NET.build()).double())
    assert again.middle.halves == (6, 6)
    assert torch.equal(again.eval()(x), case.small.eval()(x))


@pytest.mark.parametrize(
    "sizes",
    [
        [["middle", "halves", [6, 60]]],
        [["middle", "halves", 6]],
        [["middle", "expanded", True]],
        [["middle", "training", 0]],
        [["middle", "_buffers", [1]]],
        [["nowhere", "expanded", 3]],
        "middle",
    ],
)
def test_a_hostile_size_is_refused(sizes):
    case, x = cut()
    plan = dict(export.plan(case.groups, case.mask, x), sizes=sizes)
    with pytest.raises(ValueError, match="fits no module"):
        export.rebuilt(NET.build().double(), plan)


class Scaled(nn.Module):
    """A stored size that is also a factor: no size is right for both, so the layer stays."""

    def __init__(self):
        super().__init__()
        self.half, self.a, self.b = 4, nn.Conv2d(3, 8, 1), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        one, two = self.a(x).split((self.half, self.half), 1)
        return self.b(one + two / self.half)


def test_a_size_that_is_a_factor_too_stays():
    model, x = Scaled(), torch.randn(2, 3, 4, 4)
    found = grouping.find(model, x)
    assert not found and "a" in dict(found.whole) and model.half == 4
