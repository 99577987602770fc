"""NISP: chains by hand, an independent propagation over a whole network, Inf-FS as a plain sum."""

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net
from rigs.hand_groups import group
from torch import nn

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.criteria import nisp
from edgejoule.prune.mask import masked
from edgejoule.prune.recipes import one_shot
from edgejoule.prune.scoring import feature_ranking, propagation, responses
from edgejoule.prune.settings import Criterion


def carried(model, groups, x, worth):
    found = responses.sites(model, groups, after_norm=False)
    last = propagation.classifier(model, x)
    worth = torch.tensor(worth).double()
    answers = propagation.importances(model, found, x, last, worth)
    return {name: each.numpy() for name, each in answers.items()}


def chain(*weights):
    """Linear layers with these weights and ReLUs between, behind one that makes their inputs."""
    first = nn.Linear(2, len(weights[0][0]))
    layers = [first]
    for rows in weights:
        layer = nn.Linear(len(rows[0]), len(rows))
        layer.weight.data = torch.tensor(rows)
        layers += [nn.ReLU(), layer]
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(len(weights[-1]), 3))


def groups_of(model, names):
    return [group(model, name) for name in names]


def test_a_chain_multiplies_absolute_weights():
    model = chain([[1.0, 2.0]], [[3.0]])
    answers = carried(model, groups_of(model, ["0", "2"]), torch.randn(1, 2), [1.0])
    assert answers["0"].tolist() == [3, 6] and answers["2"].tolist() == [3]


def test_two_layers_equal_the_product_of_their_matrices():
    wa, wb = [[1.0, -2.0, 0.0], [0.5, 1.0, 1.0]], [[1.0, 0.0], [-1.0, 2.0], [0.0, 3.0]]
    model = chain(wb, wa)
    answers = carried(model, groups_of(model, ["0", "2"]), torch.randn(1, 2), [0.7, 0.3])
    assert answers["2"] == pytest.approx([0.85, 1.7, 0.3])
    assert answers["0"] == pytest.approx([2.55, 4.3])
    product = np.abs(wb).T.dot(np.abs(wa).T).dot([0.7, 0.3])
    assert answers["0"] == pytest.approx(product)


def test_a_convolution_sums_its_kernels():
    """On a picture of one window every tap counts once: the rule that ignores borders is exact."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 2), nn.Flatten(), nn.Linear(2, 3)
    )
    model[2].weight.data = torch.tensor(
        [
            [[[1.0, -1], [0, 2]], [[0, 0], [1, 0]]],
            [[[0, 1], [1, 0]], [[2, -2], [0, 1]]],
        ]
    )
    answers = carried(model, groups_of(model, ["0"]), torch.randn(1, 1, 2, 2), [1.0, 0.5])
    assert answers["0"] == pytest.approx([5, 3.5])


def test_infinite_feature_selection_in_numbers():
    rows = np.array([(1, 0, 2), (2, 1, 2.1), (3, 0, 1.9), (4, 1, 2.2)])
    assert feature_ranking.radius(feature_ranking.edges(rows)) == pytest.approx(1.5734764)
    found = feature_ranking.infinite(rows)
    assert found == pytest.approx([11.079662, 7.774740, 7.147712], abs=1e-6)


def test_infinite_feature_selection_sums_paths_of_every_length():
    rows = np.random.RandomState(0).randn(30, 6)
    graph = feature_ranking.edges(rows)
    step, total = graph * 0.9 / np.abs(np.linalg.eigvals(graph)).max(), 0
    power = np.eye(6)
    for _ in range(400):
        power = power.dot(step)
        total = total + power.sum(1)
    assert feature_ranking.infinite(rows) == pytest.approx(total, rel=1e-9)


def test_rank_correlation_is_scipy_s():
    from scipy.stats import spearmanr

    rows = np.random.RandomState(1).randn(20, 4).clip(min=-0.5)  # with ties
    expected = spearmanr(rows)[0]
    assert feature_ranking.correlations(rows) == pytest.approx(expected, abs=1e-12)


def test_features_that_never_vary_rank_last():
    rows = np.random.RandomState(2).randn(20, 5)
    rows[:, 1], rows[:, 3] = 0, 7
    found = feature_ranking.infinite(rows)
    assert set(found.argsort()[:2]) == {1, 3}
    assert np.isfinite(feature_ranking.infinite(np.ones((4, 3)))).all()


def net():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, stride=2),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(45, 6),
        nn.ReLU(),
        nn.Linear(6, 3),
    ).double()
    for norm in (model[1], model[5]):
        norm.weight.data.normal_()
        norm.running_var.uniform_(0.5, 2)
    return model


def scale_of(norm):
    """|gamma| / sigma of a batch norm [channels, 1, 1]."""
    scale = np.abs(norm.weight.detach().numpy()) / np.sqrt(norm.running_var.numpy() + norm.eps)
    return scale[:, None, None]


def naive(model, worth):
    """Importance of both convolutions' channels on 16 x 16 pictures, neuron by neuron."""
    late = np.abs(model[8].weight.detach().numpy()).T.dot(worth).reshape(5, 3, 3)
    late = late * scale_of(model[5])
    w = np.abs(model[4].weight.detach().numpy())
    pooled = np.zeros((4, 8, 8))
    for o in range(5):
        for y in range(3):
            for x in range(3):
                for c in range(4):
                    for i in range(3):
                        for j in range(3):
                            pooled[c, 2 * y + i, 2 * x + j] += w[o, c, i, j] * late[o, y, x]
    early = pooled.repeat(2, 1).repeat(2, 2)
    return (early * scale_of(model[1])).sum((1, 2)), late.sum((1, 2))


def test_a_network_s_importance_equals_the_naive_one():
    model = net()
    worth = np.random.RandomState(3).rand(6)
    groups = groups_of(model, ["0", "4"])
    answers = carried(model, groups, torch.randn(1, 3, 16, 16).double(), worth)
    early, late = naive(model, worth)
    assert answers["0"] == pytest.approx(early) and answers["4"] == pytest.approx(late)


class Sum(nn.Module):
    """A stem, a branch added to it, and a concatenation of both: functions where they can be."""

    def __init__(self):
        super().__init__()
        self.stem, self.branch = nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        y = torch.relu(x + self.branch(x))
        return self.head(torch.cat([x, y], 1).mean((2, 3)))


def test_forks_add_and_concatenations_split():
    """The stem is read by the concatenation, by the addition, and by the branch."""
    model = Sum()
    s = np.array([1.0, 2.0, 3.0, 4.0])
    answers = carried(model, groups_of(model, ["stem", "branch"]), torch.randn(1, 3, 4, 4), s)
    w = np.abs(model.branch.weight.detach().numpy()[:, :, 0, 0])
    assert answers["branch"] == pytest.approx(s[2:])
    assert answers["stem"] == pytest.approx(s[:2] + s[2:] + w.T.dot(s[2:]))


def small():
    torch.manual_seed(0)
    model = small_net().eval()
    return model, [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"])]


def data():
    torch.manual_seed(3)
    return [(torch.randn(16, 3, 8, 8), torch.arange(16) % 4) for _ in range(2)]


@pytest.mark.parametrize("ranking", nisp.RANKINGS)
def test_planted_channels_leave_first(ranking):
    """Nobody listens to channels 2 and 6 of the first layer; 3 and 7 of the second are dead."""
    model, groups = small()
    model[3].weight.data[:, [2, 6]] = 0
    model[4].weight.data[[3, 7]] = 0
    found = nisp.scores(model, groups, data(), ranking=ranking)
    assert found["0"].argsort()[:2].tolist() == [2, 6] and not found["0"][[2, 6]].any()
    assert set(found["3"].argsort()[:2].tolist()) == {3, 7}
    assert all(float(each.max()) == 1 for each in found.values())


def test_the_scored_network_is_untouched():
    model, groups = small()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    nisp.scores(model, groups, data())
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
    assert all(each.requires_grad for each in model.parameters())


def test_work_is_counted():
    """32 forward passes and two more; 12 features: 2 * 32 * 144 products, 2 * 12^3 to solve."""
    model, groups = small()
    macs = 3 * 8 * 9 * 64 + 8 * 12 * 9 * 64 + 12 * 4
    assert nisp.flops(model, groups, data(), ranking="ones") == 2 * macs * 34
    assert nisp.flops(model, groups, data()) == 2 * macs * 34 + 2 * 32 * 144 + 2 * 12**3


def test_wrong_settings_and_networks_without_classifier_are_refused():
    with pytest.raises(ValueError, match="no ranking called 'one'; there are: inffs"):
        Criterion("nisp", ranking="one")
    bare = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1))
    with pytest.raises(ValueError, match="no linear layer runs"):
        nisp.scores(bare, [group(bare, "0", None, ["1"])], data())


@pytest.mark.parametrize("name, mode", [("resnet20", "inner"), ("resnet110", "inner")])
def test_it_judges_every_group_of_deep_networks(name, mode):
    model = plugins.load("models", name).build()
    x = torch.randn(4, 3, 32, 32)
    found = grouping.find(model, x, mode=mode)
    scores = nisp.scores(model, found, [(x, torch.zeros(4))])
    assert {each.name for each in found} == set(scores)
    assert all(bool(torch.isfinite(each).all()) for each in scores.values())


def test_the_cut_network_is_the_masked_one():
    trainer = FakeTrainer(epochs=0)
    dense = trainer.model
    outcome = one_shot.run(trainer, ratio=0.5, criterion="nisp", retrain_epochs=0)
    expected = masked(dense, outcome.groups, outcome.mask).eval()(trainer.x)
    assert torch.allclose(outcome.model.eval()(trainer.x), expected, atol=1e-5)
