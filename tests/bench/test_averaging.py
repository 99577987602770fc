"""Running means of the weights: their closed form, and who holds which weights when."""

import pytest
import torch
from rigs import small_training
from torch import nn

from edgejoule import plugins
from edgejoule.bench.training.averaging import Averages
from edgejoule.prune.criteria import l2
from edgejoule.prune.weightmasks import mask_steps, weight_mask

DECAY = 0.9


def layer(value):
    made = nn.Linear(3, 2)
    nn.init.constant_(made.weight, value)
    nn.init.constant_(made.bias, -value)
    return made


def test_the_means_are_the_weighted_sum_of_all_that_was():
    model = layer(1.0)
    averages, values = Averages(model, DECAY), [1.0]
    for step in range(1, 8):
        values.append(float(step * step))
        nn.init.constant_(model.weight, values[-1])
        averages.update()
    averages.show()
    n = len(values) - 1
    expected = DECAY**n * values[0] + sum(
        (1 - DECAY) * DECAY ** (n - k) * values[k] for k in range(1, n + 1)
    )
    assert model.weight[0, 0].item() == pytest.approx(expected, rel=1e-5)
    averages.hide()
    assert float(model.weight[0, 0]) == values[-1]


def moved():
    """A layer with weights 3 whose means are 1.2, shown."""
    model = layer(1.0)
    averages = Averages(model, DECAY)
    nn.init.constant_(model.weight, 3.0)
    averages.update()
    averages.show()
    assert float(model.weight[0, 0]) == pytest.approx(1.2)
    return model, averages


def test_what_was_written_into_the_network_stays_and_the_rest_goes_on():
    model, averages = moved()
    with torch.no_grad():
        model.weight[0] = 0.0  # as a mask does
    averages.hide()
    assert model.weight[0].tolist() == [0.0] * 3 and model.weight[1].tolist() == [3.0] * 3
    averages.show()
    assert model.weight[0].tolist() == [0.0] * 3
    assert model.weight[1].tolist() == pytest.approx([1.2] * 3)


def test_weights_under_two_names_are_given_back_too():
    model = nn.Sequential(layer(1.0), nn.Linear(3, 2))
    model[1].weight = model[0].weight
    averages = Averages(model, DECAY)
    nn.init.constant_(model[0].weight, 3.0)
    averages.update()
    averages.show()
    averages.hide()
    assert float(model[1].weight[0, 0]) == 3.0
    averages.show()
    assert float(model[1].weight[0, 0]) == pytest.approx(1.2)


def reference(epochs, decay=DECAY):
    """(own weights, means) of every parameter and buffer after a bare loop with SGD."""
    model = small_training.network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9, weight_decay=1e-4)
    means = {name: value.clone().double() for name, value in model.state_dict().items()}
    for x, y in small_training.batches(epochs):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        for name, value in model.state_dict().items():
            means[name] = decay * means[name] + (1 - decay) * value.double()
    return model, means


def test_training_goes_on_with_its_own_weights_and_the_means_are_what_is_seen():
    one = small_training.trainer(schedule="constant", ema=DECAY)
    seen = []
    with one.phase("dense"):
        one.train(1, after_epoch=lambda epoch: seen.append(one.model[0].weight.clone()))
        one.train(1, first=1, total=2)
    (first,), (_, means) = seen, reference(1)
    assert torch.allclose(first.double(), means["0.weight"], atol=1e-6)
    own, means = reference(2)
    for name, value in one.model.state_dict().items():
        expected = means[name] if value.is_floating_point() else own.state_dict()[name]
        assert torch.allclose(value.double(), expected.double(), atol=1e-6), name
    assert not torch.allclose(one.model[0].weight, own[0].weight, atol=1e-4)
    one.stepper.averages.hide()
    assert small_training.equal(one.model, own)


def test_the_accuracy_is_that_of_the_means():
    one = small_training.trainer(schedule="constant", ema=DECAY)
    with one.phase("dense"):
        one.train(2)
    _, means = reference(2)
    model = small_training.network()
    model.load_state_dict({name: value.float() for name, value in means.items()})
    model.eval()
    x, y = small_training.data().test.tensors
    expected = float((model(x).argmax(1) == y).float().mean())
    assert one.ledger.epochs[-1].accuracy == pytest.approx(expected) == one.accuracy()


def test_a_new_network_begins_with_means_of_its_own():
    one = small_training.trainer(ema=DECAY)
    with one.phase("dense"):
        one.train(1)
    one.replace(small_training.network())
    assert small_training.equal(one.model, small_training.network())
    with one.phase("retrain"):
        one.train(1)
    assert one.stepper.averages.own is not None


def test_masked_weights_stay_zero_in_the_weights_and_in_the_means():
    one = small_training.trainer(ema=DECAY, optimiser="adam")
    with one.phase("dense"):
        one.train(1)
    flags = torch.rand(4, 1, 3, 3, generator=torch.Generator().manual_seed(0)) > 0.5
    mask = weight_mask.WeightMask({"0.weight": flags})
    with one.phase("retrain"):
        mask_steps.train(one, mask, 2, 0, 2)
    found = one.model[0].weight.detach()
    assert not found[~flags].any() and found[flags].all()
    one.stepper.averages.hide()
    assert not found[~flags].any()


def test_a_recipe_scores_and_cuts_the_means(monkeypatch):
    seen, scores = [], l2.scores

    def watched(model, groups, batches, **options):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return scores(model, groups, batches, **options)

    monkeypatch.setattr(l2, "scores", watched)
    one = small_training.trainer(epochs=2, schedule="constant", ema=DECAY)
    outcome = plugins.load("recipes", "one_shot").run(
        one, criterion="l2", ratio=0.5, retrain_epochs=1
    )
    _, means = reference(2)
    for name in ("0.weight", "1.running_var", "5.weight"):
        assert torch.allclose(seen[0][name].double(), means[name], atol=1e-6)
    # what is handed on holds the means of the retraining, not the weights of its last step
    assert outcome.model[0].weight.shape[0] == 2 and one.stepper.averages.own is not None
