"""The simple criteria in closed form, and what holds for every criterion in the folder."""

import inspect

import pytest
import torch
from rigs.fake_trainer import small_net
from rigs.hand_groups import group
from torch import nn

from edgejoule import plugins
from edgejoule.prune import cutting, grouping
from edgejoule.prune.criteria import l1, l2, random, slim
from edgejoule.prune.regularizers import gamma_l1
from edgejoule.prune.settings import Criterion, Cut, Regularizer

NAMES = plugins.names("criteria")


def net():
    torch.manual_seed(0)
    model = small_net()
    for each in (model[1], model[4]):
        each.weight.data.uniform_(-1, 1)
        each.bias.data.normal_()
    return model, [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"])]


def batches():
    return [(torch.randn(8, 3, 8, 8), torch.arange(8) % 4) for _ in range(2)]


@pytest.mark.parametrize("name", NAMES)
def test_every_criterion_scores_every_channel(name):
    model, groups = net()
    module = plugins.load("criteria", name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    scores = module.scores(model, groups, batches() if module.BATCHES else [])
    assert set(scores) == {"0", "3"}
    assert all(scores[each.name].shape == (each.channels,) for each in groups)
    assert all(torch.isfinite(each).all() and not each.requires_grad for each in scores.values())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", NAMES)
def test_every_criterion_keeps_the_interface(name):
    module = plugins.load("criteria", name)
    assert module.SCOPE in ("layer", "global") and module.BATCHES >= 0
    assert module.__doc__ and module.scores.__doc__
    parameters = inspect.signature(module.scores).parameters.values()
    assert [each.name for each in parameters if each.kind != each.KEYWORD_ONLY] == [
        "model",
        "groups",
        "batches",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_criterion_counts_its_work(name):
    model, groups = net()
    module = plugins.load("criteria", name)
    if hasattr(module, "flops"):
        work = module.flops(model, groups, batches() if module.BATCHES else [])
        assert isinstance(work, int) and work > 0
    else:
        assert name == "random"


def test_norms_of_filters():
    model = nn.Sequential(nn.Conv2d(1, 2, (1, 2), bias=False), nn.Conv2d(2, 1, 1))
    model[0].weight.data = torch.tensor([3.0, -4.0, 1.0, 0.0]).view(2, 1, 1, 2)
    each = group(model, "0")
    assert l1.scores(model, [each], [])["0"].tolist() == [7, 1]
    assert l2.scores(model, [each], [])["0"].tolist() == [5, 1]
    assert l2.flops(model, [each], []) == 8


def test_several_layers_of_a_group_count_as_one_long_filter():
    model, (first, _) = net()
    both = first._replace(units=first.units * 2)
    assert torch.allclose(l1.scores(model, [both], [])["0"], 2 * l1.scores(model, [first], [])["0"])
    assert torch.allclose(
        l2.scores(model, [both], [])["0"], 2**0.5 * l2.scores(model, [first], [])["0"]
    )
    assert torch.allclose(slim.scores(model, [both], [])["0"], model[1].weight.abs())


def test_random_scores_follow_the_seed_of_the_run():
    model, groups = net()
    torch.manual_seed(3)
    first = random.scores(model, groups, [])["0"]
    torch.rand(9)
    assert torch.equal(first, random.scores(model, groups, [])["0"])
    assert torch.equal(first, random.scores(model, groups, [], seed=3)["0"])
    assert not torch.equal(first, random.scores(model, groups, [], seed=4)["0"])


def test_slim_is_gamma_and_skips_groups_without_norm():
    model, groups = net()
    bare = group(model, "8")
    found = slim.scores(model, groups + [bare], [])
    assert set(found) == {"0", "3"} and torch.equal(found["3"], model[4].weight.abs())


def test_slim_ranking_follows_a_permutation_of_channels():
    model, groups = net()
    before = slim.scores(model, groups, [])["0"]
    order = torch.randperm(8)
    model[1].weight.data = model[1].weight.data[order]
    assert torch.equal(slim.scores(model, groups, [])["0"], before[order])


def test_slim_penalty_is_a_subgradient_step():
    """With no gradient from data, SGD moves |gamma| down by rate * strength; 0 stays."""
    model, groups = net()
    gamma = model[1].weight
    gamma.data = torch.tensor([1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 0.0, 0.25])
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    gamma_l1.penalty(model, groups, strength=0.1)
    torch.optim.SGD([gamma], lr=0.5).step()
    expected = torch.tensor([0.95, -0.95, 0.45, -0.45, 1.95, -1.95, 0.0, 0.2])
    assert torch.allclose(gamma.data, expected)
    others = [
        p.grad for name, p in model.named_parameters() if name not in ("1.weight", "4.weight")
    ]
    assert all(not grad.any() for grad in others)


@pytest.mark.parametrize("mode", ["coupled", "inner", "select"])
def test_the_penalty_reaches_every_gamma_whatever_may_leave(mode):
    """ResNet-20 has 784 gammas, 336 of them inside its blocks (mode "inner")."""
    model = plugins.load("models", "resnet20").build()
    found = grouping.find(model, torch.randn(1, 3, 32, 32), mode=mode)
    reached = {}
    for gammas in gamma_l1.GAMMAS:
        norms = [each for each in model.modules() if isinstance(each, nn.BatchNorm2d)]
        for each in norms:
            each.weight.grad = torch.zeros_like(each.weight)
        Regularizer("gamma_l1", gammas=gammas).penalty(model, found)
        reached[gammas] = sum(int((each.weight.grad != 0).sum()) for each in norms)
    assert reached == {"all": 784, "groups": 784 if mode == "coupled" else 336}


def test_unknown_gammas_are_refused_and_norms_without_scale_passed_by():
    with pytest.raises(ValueError, match="no gammas called 'some'; there are: all, groups"):
        Regularizer("gamma_l1", gammas="some")
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, affine=False), nn.BatchNorm1d(3))
    model[2].weight.requires_grad_(False)
    gamma_l1.penalty(model, [])


@pytest.mark.parametrize("gammas", gamma_l1.GAMMAS)
def test_slim_penalty_counts_a_shared_norm_once(gammas):
    model, groups = net()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    gamma_l1.penalty(model, groups[:1] * 2, strength=1.0, gammas=gammas)
    assert torch.equal(model[1].weight.grad, model[1].weight.detach().sign())


def test_a_setting_that_no_function_takes_is_refused():
    assert Regularizer("gamma_l1", strength=0).options == {"strength": 0}
    with pytest.raises(ValueError, match="l2 has no setting 'rho'; it has: none"):
        Criterion("l2", rho=0.1)
    with pytest.raises(ValueError, match="Did you mean 'slim'"):
        Criterion("slimm")


def slimmed(gammas, ratio):
    model, groups = net()
    model[1].weight.data = torch.tensor(gammas)
    method = Criterion("slim")
    scores = slim.scores(model, groups[:1], [])
    return cutting.chosen(method, scores, groups[:1], Cut(ratio))["0"].tolist()


def test_exactly_the_asked_share_leaves():
    """The authors' threshold removes one more: of .9 .1 .5 .3 at one half it keeps .9 only."""
    gammas = [0.9, 0.1, 0.5, 0.3, 0.9, 0.1, 0.5, 0.3]
    assert slimmed(gammas, 0.5) == [True, False, True, False] * 2
    assert slimmed(gammas, 0.0) == [True] * 8


def test_global_threshold_ignores_monotone_transforms():
    gammas = [0.9, 0.1, 0.5, 0.3, 0.7, 0.2, 0.6, 0.4]
    assert slimmed(gammas, 0.5) == slimmed([each**3 for each in gammas], 0.5)
