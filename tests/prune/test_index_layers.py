"""Mode "select": streams stay whole, their readers choose."""

import pytest
import torch
from torch import nn

from edgejoule import plugins
from edgejoule.bench.zoo import branches
from edgejoule.bench.zoo.examination import cut, parity_of
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import grouping, groups, index_layers
from edgejoule.prune.groups import Unit
from edgejoule.prune.mask import Mask
from edgejoule.prune.shrink import shrink

preresnet101 = plugins.load("models", "preresnet101")
resnet20 = plugins.load("models", "resnet20")


class PreBlock(nn.Module):
    """BN, ReLU, convolution twice, added to its input."""

    def __init__(self):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(8), nn.Conv2d(8, 6, 3, padding=1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(6), nn.Conv2d(6, 8, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(torch.relu(self.bn1(x)))
        return x + self.conv2(torch.relu(self.bn2(y)))


def preact():
    torch.manual_seed(0)
    return awake(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, bias=False),
            PreBlock(),
            PreBlock(),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, 4),
        )
    ).double()


X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).double()


def test_every_norm_of_the_stream_selects_for_itself():
    found = grouping.find(preact(), X, "select")
    assert [(g.name, g.channels) for g in found] == [
        ("1.bn1", 8),
        ("1.conv1", 6),
        ("2.bn1", 8),
        ("2.conv1", 6),
        ("3", 8),
    ]
    assert found[0].units == (Unit("1.conv1", "1.bn1", "", 1),)
    assert found[4].units == (Unit("7", "3", "", 1),)
    assert groups.filters(preact(), found[0])[0].shape == (8, 6 * 9)
    assert groups.norms(preact(), found[0])[0].shape == (4, 8)


def test_the_stream_stays_whole_and_the_result_is_exact():
    model = preact()
    case = cut(model, X, grouping.find(model, X, "select"), 0.5, "random")
    assert case.small[0].weight.shape == (8, 3, 3, 3)
    assert isinstance(case.small[1].bn1, index_layers.IndexedBatchNorm2d)
    assert case.small[1].bn1.num_features == 4 and case.small[1].conv1.in_channels == 4
    assert case.small[1].bn1.index.dtype == torch.long
    assert parity_of(case, X) < 1e-10


def test_an_index_over_everything_is_no_layer():
    model = preact()
    found = grouping.find(model, X, "select")
    small = shrink(model, X, found, Mask({"1.conv1": torch.arange(6) < 3}))
    assert not [m for m in small.modules() if isinstance(m, index_layers.Indexed)]
    assert list(small.state_dict()) == list(model.state_dict())


def test_parameters_keep_their_names_and_the_index_is_a_buffer():
    model = preact()
    case = cut(model, X, grouping.find(model, X, "select"), 0.5, "random")
    assert [n for n, _ in case.small.named_parameters()] == [n for n, _ in model.named_parameters()]
    assert set(dict(case.small.named_buffers())) - set(dict(model.named_buffers())) == {
        "1.bn1.index",
        "2.bn1.index",
        "3.index",
    }


def test_post_activation_blocks_select_in_front_of_their_first_convolution():
    model = awake(resnet20.build()).double()
    x = torch.randn(2, 3, 32, 32).double()
    found = grouping.find(model, x, "select")
    names = {group.name for group in found}
    assert {"stages.0.0.conv1", "stages.1.1.conv1"} <= names
    assert not any("shortcut" in name or "conv2" in name for name in names)
    case = cut(model, x, found, 0.5, "random")
    assert isinstance(case.small.stages[0][1].conv1, index_layers.IndexedConv2d)
    assert parity_of(case, x) < 1e-10


def test_a_select_net_is_cut_again_in_every_mode():
    model = preact()
    once = cut(model, X, grouping.find(model, X, "select"), 0.4, "random").small
    for mode in grouping.MODES:
        found = grouping.find(once, X, mode)
        assert {"1.bn1", "2.bn1", "3"} <= {group.name for group in found}
        assert parity_of(cut(once, X, found, 0.5, "random"), X) < 1e-10


def test_a_net_without_streams_has_nothing_to_select():
    net = branches.NETS["cat_branches"]
    model = awake(net.build())
    coupled, indexed = (grouping.find(model, example(net), m) for m in ("coupled", "select"))
    assert list(coupled) == list(indexed)


def test_a_layer_that_can_t_select_is_an_error():
    with pytest.raises(ValueError, match="no layer '4'"):
        index_layers.indexed(preact(), ["4"])


@pytest.mark.slow
def test_preresnet101_pools_every_batch_norm():
    found = grouping.find(preresnet101.build(), torch.zeros(1, 3, 32, 32), "select")
    assert sum(group.channels for group in found) == 7408
