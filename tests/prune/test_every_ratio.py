"""What `find` offers can be cut at every ratio; what it leaves whole has a name and a reason."""

import pytest
import torch

from edgejoule.bench.zoo import examination, published
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import cutting, grouping
from edgejoule.prune.groups import Groups
from edgejoule.prune.settings import Criterion

RATIOS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def made(name):
    torch.manual_seed(0)
    net = published.NETS[name]
    return awake(net.build()).double(), example(net, 2, torch.float64)


@pytest.mark.parametrize("mode", grouping.MODES)
@pytest.mark.parametrize("name", sorted(published.NETS))
def test_what_is_found_can_be_cut_at_every_ratio(name, mode):
    model, x = made(name)
    found = grouping.find(model, x, mode)
    for ratio in RATIOS:
        case = examination.cut(model, x, found, ratio, "random")
        assert examination.parity_of(case, x, (False,)) < 1e-10


@pytest.mark.parametrize("name", sorted(published.NETS))
def test_what_stays_whole_is_named_and_the_rest_is_cut(name):
    model, x = made(name)
    found = grouping.find(model, x)
    layers = dict(model.named_modules())
    assert found and all(layer in layers and reason for layer, reason in found.whole)


def test_new_channels_of_a_grown_shortcut_leave_though_the_shared_ones_stay():
    model, x = made("grown_shortcut")
    made_by = {g.units[0].producer: g.channels for g in grouping.find(model, x, "inner")}
    assert made_by["block.0"] == 5


def test_channels_read_by_number_stay_where_a_trial_could_miss_it():
    model, x = made("first_of_few")
    assert "a.0" in dict(grouping.find(model, x).whole)


@pytest.mark.parametrize(
    "name,layers",
    [
        ("halo_windows", ("stem.0", "middle.a.0", "middle.b.0")),
        ("grid_sampled", ("stem.0", "middle.a.0", "middle.b.0")),
        ("group_norm_per_channel", ("stem.0", "middle.a")),
        ("transposed_multiplier", ("stem.0", "middle.a.0", "middle.b.0")),
        ("dynamic_conv", ("stem.0", "middle", "middle.a.0", "middle.b.0")),
        (
            "stored_split",
            ("stem.0", "middle.a.0", "middle.b.0", "middle.c.0", "middle.d.0"),
        ),
        ("functional_dropout", ("a.0", "b.0")),
    ],
)
def test_layers_that_a_rule_reaches_are_cut(name, layers):
    model, x = made(name)
    assert [group.name for group in grouping.find(model, x)] == list(layers)


def test_layers_of_one_class_are_frozen_together_and_say_what_broke():
    model, x = made("many_norms")
    found = grouping.find(model, x)
    assert [group.name for group in found] == ["stem", "tail.0"]
    assert {"body.{}".format(2 * n) for n in range(14)} <= set(dict(found.whole))


class Wide(torch.nn.Module):
    """Five numbers of every sample."""

    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(5, 2)

    def forward(self, x):
        return self.fc(x.view(len(x), 5))


class ByText(Wide):
    """Looks a number up by what its tensor prints."""

    def forward(self, x):
        return self.fc(x) * {"t": 2.0}[str(x)[0]]


def test_a_forward_that_fails_says_whether_the_example_is_to_blame():
    ((_, reason),) = grouping.find(Wide(), torch.randn(2, 4)).whole
    assert reason.startswith("fails on the example")
    ((_, reason),) = grouping.find(ByText(), torch.randn(2, 5)).whole
    assert reason.startswith("runs on the example, but not on tensors without values")


def test_a_network_left_whole_is_not_blamed_on_the_criterion():
    criterion = Criterion("l2")
    whole = [("conv{}".format(n), "its channel axis stays") for n in range(5)]
    with pytest.raises(ValueError, match="'conv0' its channel axis stays.*and 2 more layers"):
        cutting.chosen(criterion, {}, Groups((), whole), cutting.Cut(0.5))
