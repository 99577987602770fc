"""Scores from gradients: SNIP's worked example, gate gradients, what leaves no trace."""

import pytest
import torch
from rigs.fake_trainer import small_net
from rigs.hand_groups import group
from torch import nn
from torch.nn import functional

from edgejoule.prune.criteria import snap
from edgejoule.prune.saliency import snip
from edgejoule.prune.scoring import gate_gradients, gradients
from edgejoule.prune.weightmasks import weight_mask


def net(affine=True):
    torch.manual_seed(0)
    model = small_net()
    if affine:
        for each in (model[1], model[4]):
            each.weight.data.uniform_(-1, 1)
            each.bias.data.normal_()
            each.running_mean.normal_()
            each.running_var.uniform_(0.5, 2)
    return model, [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"])]


def batches(count=3):
    torch.manual_seed(9)
    return [(torch.randn(5 + i, 3, 8, 8), torch.arange(5 + i) % 4) for i in range(count)]


def test_snip_s_worked_example(monkeypatch):
    """w = [3, -1], x = [1, 2], L = (w x)^2 / 2: elasticities [6, 4] of L = 1/2, shares [.6, .4]."""
    model = nn.Sequential(nn.Linear(2, 1, bias=False))
    model[0].weight.data = torch.tensor([[3.0, -1.0]])
    monkeypatch.setattr(functional, "cross_entropy", lambda out, y, reduction: (out**2 / 2).sum())
    data = [(torch.tensor([[1.0, 2.0]]), torch.zeros(1))]
    mask = weight_mask.full(model, ["0.weight"])
    assert snip.scores(model, mask, data)["0.weight"][0].tolist() == pytest.approx([0.6, 0.4])
    raw = snip.sensitivities(model, mask, data, False)["0.weight"][0]
    _, loss = gradients.mean_gradients(model, data, [model[0].weight])
    assert (raw / loss).tolist() == pytest.approx([6, 4])


def test_mean_over_batches_is_the_gradient_of_the_mean():
    model, _ = net()
    data = batches()
    found, loss = gradients.mean_gradients(model, data, [model[0].weight])
    x, y = torch.cat([x for x, _ in data]), torch.cat([y for _, y in data])
    expected = functional.cross_entropy(model.eval()(x), y)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(found[0], torch.autograd.grad(expected, model[0].weight)[0], atol=1e-6)


@pytest.mark.parametrize("train_mode", [False, True])
def test_scoring_leaves_no_trace(train_mode):
    model, groups = net()
    model.train()
    model[4].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    mask = weight_mask.full(model, weight_mask.names(model))
    snip.scores(model, mask, batches(), train_mode=train_mode)
    snap.scores(model, groups, batches(), train_mode=train_mode)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model[1].training and not model[4].training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_weight_that_reaches_nothing_scores_zero():
    model, _ = net()
    model[3].weight.data[:, 2] = 0
    found = snip.scores(model, weight_mask.full(model, weight_mask.names(model)), batches())
    assert not found["0.weight"][2].any() and found["0.weight"][3].any()
    assert sum(float(each.sum()) for each in found.values()) == pytest.approx(1, rel=1e-4)


def test_gate_gradient_is_the_sum_of_output_times_gradient():
    model, groups = net()
    data = batches(1)
    found, _ = gate_gradients.derivatives(model, groups, data)
    kept = {}
    hook = model[1].register_forward_hook(lambda m, i, out: kept.update(y=out * 1) or kept["y"])
    model.eval()
    loss = functional.cross_entropy(model(data[0][0]), data[0][1])
    hook.remove()
    gradient = torch.autograd.grad(loss, kept["y"])[0]
    assert torch.allclose(found["0"], (kept["y"] * gradient).sum((0, 2, 3)), atol=1e-6)


def test_gate_gradients_are_first_order_in_the_loss():
    """dL/dc of one gate against a finite difference."""
    model, groups = net()
    model, data = model.double(), [(x.double(), y) for x, y in batches(1)]
    found, loss = gate_gradients.derivatives(model, groups, data)
    with torch.no_grad():
        for value in (model[4].weight, model[4].bias):
            value[3] *= 1 + 1e-6
    _, after = gate_gradients.derivatives(model, groups, data)
    assert (after - loss) / 1e-6 == pytest.approx(found["3"][3].item(), rel=1e-3, abs=1e-8)


def test_in_place_activations_do_not_change_the_derivatives():
    model, groups = net()
    expected, _ = gate_gradients.derivatives(model, groups, batches())
    model[2], model[5] = nn.ReLU(inplace=True), nn.ReLU(inplace=True)
    found, _ = gate_gradients.derivatives(model, groups, batches())
    assert all(torch.allclose(found[name], expected[name]) for name in found)


def test_before_the_norm_train_mode_cancels_the_gate_after_it_does_not():
    """Why gates sit after the batch norm."""
    model, groups = net(affine=False)
    bare = [each._replace(units=(each.units[0]._replace(norm=None),)) for each in groups]
    before, _ = gate_gradients.derivatives(model, bare, batches(), train_mode=True)
    after, _ = gate_gradients.derivatives(model, groups, batches(), train_mode=True)
    assert before["0"].abs().mean() < 1e-3 * after["0"].abs().mean()
    still, _ = gate_gradients.derivatives(model, bare, batches())
    assert still["0"].abs().mean() > 0.1 * after["0"].abs().mean()


def test_a_dead_channel_scores_zero():
    model, groups = net()
    model[1].weight.data[5], model[1].bias.data[5] = 0, 0
    scores = snap.scores(model, groups, batches())["0"]
    assert scores[5] == 0 <= scores.min() and scores.max() > 0


def test_a_shared_gate_adds_its_units_up():
    model, groups = net()
    square = group(model, "0", "1", ["3"])
    twice = square._replace(units=square.units * 2)
    one, _ = gate_gradients.derivatives(model, [square], batches())
    two, _ = gate_gradients.derivatives(model, [twice], batches())
    assert torch.allclose(two["0"], 2 * one["0"])


def test_elasticities_do_not_depend_on_the_scale_of_the_loss(monkeypatch):
    model, groups = net()
    mask = weight_mask.full(model, weight_mask.names(model))
    before = snap.scores(model, groups, batches()), snip.scores(model, mask, batches())
    real = functional.cross_entropy
    monkeypatch.setattr(functional, "cross_entropy", lambda *a, **k: 7 * real(*a, **k))
    after = snap.scores(model, groups, batches()), snip.scores(model, mask, batches())
    for a, b in zip(before, after):
        assert all(torch.allclose(a[name], b[name], rtol=1e-4) for name in a)


def test_nothing_to_score_on():
    model, _ = net()
    with pytest.raises(ValueError, match="no images"):
        gradients.mean_gradients(model, [], [model[0].weight])


def test_removing_a_small_weight_changes_the_loss_by_its_sensitivity():
    """To first order: the paper's argument for the score."""
    model, _ = net(affine=False)
    model, data = model.double(), [(x.double(), y) for x, y in batches(1)]
    weight = model[3].weight
    weight.data[4, 1] *= 1e-4
    mask = weight_mask.full(model, ["3.weight"])
    expected = snip.sensitivities(model, mask, data, False)["3.weight"][4, 1, 1, 1].item()
    _, before = gradients.mean_gradients(model, data, [weight])
    weight.data[4, 1, 1, 1] = 0
    _, after = gradients.mean_gradients(model, data, [weight])
    assert expected > 0 and abs(after - before) == pytest.approx(expected, rel=1e-2)


def test_a_gate_at_zero_is_a_cut():
    """With gates after the norms, c = 0 and the physically smaller network agree exactly."""
    from edgejoule.prune import grouping
    from edgejoule.prune.mask import Mask
    from edgejoule.prune.shrink import shrink

    model, _ = net()
    model, x = model.double().eval(), torch.randn(4, 3, 8, 8, dtype=torch.float64)
    found = grouping.find(model, x[:1])
    kept = torch.tensor([1, 0, 1, 1, 0, 0, 1, 1], dtype=torch.bool)
    small = shrink(model, x[:1], found, Mask({found[0].name: kept}))
    with gate_gradients.gated(model, {"1": kept.double()}):
        assert torch.allclose(model(x), small.eval()(x), atol=1e-12)
