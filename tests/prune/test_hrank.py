"""HRank: ranks of planted feature maps, and of a network's against NumPy."""

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from rigs.hand_groups import group
from torch import nn

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.criteria import hrank
from edgejoule.prune.mask import masked
from edgejoule.prune.recipes import one_shot
from edgejoule.prune.settings import Criterion


def passed(maps):
    """Mean ranks of maps [n, c, h, w] that a layer emits as they are."""
    channels = maps.shape[1]
    model = nn.Sequential(nn.Conv2d(channels, channels, 1, bias=False)).double()
    model[0].weight.data = torch.eye(channels).double()[:, :, None, None]
    batches = [(maps[:1], torch.zeros(1)), (maps[1:], torch.zeros(len(maps) - 1))]
    return hrank.scores(model, [group(model, "0")], batches)["0"].tolist()


def test_planted_maps_have_the_rank_that_they_were_made_with():
    """Constant 1, silent 0, negative 0 behind the ReLU, a diagonal full, turned as well."""
    flip = torch.eye(6).flip(0)
    maps = torch.stack([torch.ones(6, 6), torch.zeros(6, 6), -torch.eye(6), torch.eye(6), 3 * flip])
    assert passed(maps.double().expand(4, 5, 6, 6)) == [1, 0, 0, 6, 6]


def test_ranks_are_means_over_images_of_all_batches():
    maps = torch.zeros(4, 1, 3, 3).double()
    maps[1, 0, 0, 0] = maps[3, 0, 1, 2] = maps[3, 0, 2, 1] = 1.0
    assert passed(maps) == [3 / 4]


def test_scaling_a_channel_leaves_its_score():
    maps = torch.randn(3, 4, 5, 6).double()
    scale = torch.tensor([1e-3, 1.0, 10.0, 1e3]).double().view(1, -1, 1, 1)
    before = passed(maps)
    assert before == passed(maps * scale) and max(before) <= 5


def net():
    torch.manual_seed(0)
    model = small_net().double().eval()
    for norm in (model[1], model[4]):
        norm.weight.data.uniform_(0.2, 1)
        norm.bias.data.normal_()
    return model, [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"])]


def data():
    torch.manual_seed(3)
    return [(torch.randn(5, 3, 8, 8).double(), torch.zeros(5)) for _ in range(2)]


def test_a_network_s_ranks_are_numpy_s():
    model, groups = net()
    found = hrank.scores(model, groups, data())
    for name, layers in (("0", 3), ("3", 6)):
        maps = np.concatenate([model[:layers](x).detach().numpy() for x, _ in data()])
        assert found[name].numpy() == pytest.approx(np.linalg.matrix_rank(maps).mean(0))


def test_without_a_relu_the_maps_are_what_the_norm_emits():
    model, groups = net()
    found = hrank.scores(model, groups, data(), relu=False)
    maps = np.concatenate([model[:2](x).detach().numpy() for x, _ in data()])
    assert found["0"].numpy() == pytest.approx(np.linalg.matrix_rank(maps).mean(0))


def test_dead_and_constant_channels_leave_first():
    model, groups = net()
    model[1].weight.data[[2, 5]] = 0
    model[1].bias.data.zero_()
    model[1].bias.data[2], model[1].bias.data[5] = -1.0, 1.0
    found = hrank.scores(model, groups, data())["0"]
    assert found.argsort()[:2].tolist() == [2, 5] and found[[2, 5]].tolist() == [0, 1]


def test_variants_order_the_same_ranks_otherwise():
    model, groups = net()
    ranks = hrank.scores(model, groups, data())["0"]
    assert torch.equal(hrank.scores(model, groups, data(), variant="reverse")["0"], -ranks)
    places = hrank.scores(model, groups, data(), variant="edge")["0"]
    order = np.argsort(ranks.numpy(), kind="stable")
    assert places[order.tolist()].tolist() == [0, 1, 2, 3, 3, 2, 1, 0]
    one, two = (hrank.scores(model, groups, [], variant="random", seed=s)["0"] for s in (1, 2))
    assert one.shape == ranks.shape and not torch.equal(one, two)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"variant": "low"}, "no variant called 'low'; there are: rank, edge, random, reverse"),
        ({"seed": 1}, "seed=1 has no effect"),
        ({"variant": "random", "relu": False}, "relu=False has no effect"),
    ],
)
def test_settings_without_effect_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Criterion("hrank", **options)


def test_work_is_forward_passes_and_decompositions():
    """A forward pass is 3 * 8 * 9 * 64 + 8 * 12 * 9 * 64 + 12 * 4 MACs; maps are 8 x 8."""
    model, groups = net()
    macs = 3 * 8 * 9 * 64 + 8 * 12 * 9 * 64 + 12 * 4
    each = 4 * 8**3 - 4 * 8**3 // 3
    assert hrank.flops(model, groups, data()) == 10 * (2 * macs + 20 * each)
    assert hrank.flops(model, groups, data(), variant="random") == 0


def test_a_neuron_s_rank_is_how_often_it_speaks():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    x = torch.randn(16, 4)
    found = hrank.scores(model, [group(model, "1", None, ["3"])], [(x, torch.zeros(16))])["1"]
    assert torch.allclose(found, (model[:3](x) > 0).double().mean(0))


@pytest.mark.parametrize("mode", ["inner", "coupled"])
def test_it_judges_every_group_of_resnet20(mode):
    model = plugins.load("models", "resnet20").build()
    x = torch.randn(4, 3, 32, 32)
    found = grouping.find(model, x, mode=mode)
    scores = hrank.scores(model, found, [(x, torch.zeros(4))])
    assert {each.name for each in found} == set(scores)
    assert all(float(each.max()) <= 32 for each in scores.values())


def test_the_cut_network_is_the_masked_one():
    trainer = FakeTrainer(epochs=0)
    dense = trainer.model
    outcome = one_shot.run(trainer, ratio=0.5, criterion="hrank", retrain_epochs=0)
    expected = masked(dense, outcome.groups, outcome.mask).eval()(trainer.x)
    assert torch.allclose(outcome.model.eval()(trainer.x), expected, atol=1e-5)
    assert [int(flags.sum()) for flags in outcome.mask.values()] == [4, 6]
