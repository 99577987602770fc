"""Zhou's mask criteria by hand, inside a lottery, and gradient magnitude as ShrinkBench has it."""

import pytest
import torch
from rigs.fake_trainer import FakeTrainer
from torch import nn
from torch.nn import functional

from edgejoule.prune import steps
from edgejoule.prune.recipes import at_init, imp, lottery, snip_it
from edgejoule.prune.saliency import mask_criteria, snip
from edgejoule.prune.settings import Saliency
from edgejoule.prune.weightmasks import treatments, weight_mask

BEFORE = [1.0, -2.0, 3.0, 0.5]
AFTER = [-1.5, -1.0, 3.5, 0.0]
BY_HAND = {
    "magnitude_increase": [0.5, -1.0, 0.5, -0.5],
    "movement": [2.5, 1.0, 0.5, 0.5],
    "large_final": [1.5, 1.0, 3.5, 0.0],
    "small_final": [-1.5, -1.0, -3.5, 0.0],
    "large_init": [1.0, 2.0, 3.0, 0.5],
    "small_init": [-1.0, -2.0, -3.0, -0.5],
    # means 1.625 and 1.5: a = 13 / 12
    "large_init_large_final": [1.0, 13 / 12, 3.0, 0.0],
    "small_init_small_final": [-1.625, -2.0, -3.5 * 13 / 12, -0.5],
}


@pytest.mark.parametrize("rule", sorted(mask_criteria.RULES))
def test_by_hand(rule):
    model = nn.Sequential(nn.Linear(4, 1))
    model[0].weight.data = torch.tensor([AFTER])
    mask = weight_mask.full(model, ["0.weight"])
    initial = {"0.weight": torch.tensor([BEFORE])}
    found = mask_criteria.scores(model, mask, [], initial, rule=rule)
    assert found["0.weight"][0].tolist() == pytest.approx(BY_HAND[rule])
    assert set(BY_HAND) == set(mask_criteria.RULES)


@pytest.mark.parametrize("rule", ["magnitude_increase", "movement", "small_final", "large_init"])
def test_in_a_lottery_every_round_compares_with_the_first_weights(rule):
    trainer, twin = FakeTrainer(epochs=2), FakeTrainer(epochs=2)
    initial = treatments.snapshot(trainer.model)
    outcome = lottery.run(trainer, ratio=0.5, saliency="mask_criteria", rule=rule, weights="keep")
    with twin.phase("dense"):
        twin.train(2)
    for name, flags in outcome.weight_mask.items():
        before, now = initial[name].double(), twin.model.get_parameter(name).detach().double()
        naive = {
            "magnitude_increase": now.abs() - before.abs(),
            "movement": (now - before).abs(),
            "small_final": -now.abs(),
            "large_init": before.abs(),
        }[rule].flatten()
        least = naive.argsort()[: flags.numel() // 2]
        assert sorted(least.tolist()) == (~flags.flatten()).nonzero().flatten().tolist()
    assert all(what == "mask_criteria scores" for _, _, what in trainer.charged)
    again = lottery.run(
        FakeTrainer(epochs=1), ratio=0.5, saliency="mask_criteria", rule=rule, rounds=2
    )
    assert abs(again.weight_mask.ratio - 0.5) < 0.01


@pytest.mark.parametrize("recipe", [at_init, imp, snip_it])
def test_where_initial_weights_are_not_kept_it_is_refused_before_any_work(recipe):
    trainer = FakeTrainer(epochs=40)
    with pytest.raises(ValueError, match="choose recipe 'lottery'"):
        recipe.run(trainer, ratio=0.9, saliency="mask_criteria")
    assert trainer.log == []


def test_an_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="no rule called 'big'.*movement"):
        Saliency("mask_criteria", rule="big")


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_gradient_magnitude_of_shrinkbench(scope):
    """|w * dL/dw| of one batch in train mode, without the classifier: `snip`, either scope."""
    trainer = FakeTrainer()
    x, y = trainer.batches(1)[0]
    names = ["0.weight", "3.weight"]
    trainer.model.train()
    loss = functional.cross_entropy(trainer.model(x), y)
    weights = [trainer.model.get_parameter(name) for name in names]
    given = torch.autograd.grad(loss, weights)
    naive = [(w * g).abs().detach().flatten() for w, g in zip(weights, given)]
    fresh = FakeTrainer(epochs=0)
    outcome = at_init.run(
        fresh, ratio=0.5, saliency="snip", train_mode=True, scope=scope, layers="no_classifier"
    )
    assert sorted(outcome.weight_mask) == names
    pools = [naive] if scope == "global" else [[each] for each in naive]
    kept = torch.cat([outcome.weight_mask[name].flatten() for name in names])
    expected = []
    for pool in pools:
        values = torch.cat(pool)
        flags = torch.ones(len(values), dtype=torch.bool)
        flags[values.argsort()[: len(values) // 2]] = False
        expected.append(flags)
    assert torch.equal(kept, torch.cat(expected))


def test_its_work_is_counted_and_scores_need_the_first_weights():
    trainer = FakeTrainer()
    mask = weight_mask.full(trainer.model, weight_mask.names(trainer.model))
    method = Saliency("mask_criteria")
    with trainer.phase("score"):
        found = steps.score(trainer, method, mask, initial=treatments.snapshot(trainer.model))
    assert trainer.charged == [("score", 3 * mask.weights, "mask_criteria scores")]
    assert all(not each.any() for each in found.values()), "nothing has moved"
    assert snip.SCOPE == "global" and mask_criteria.SCOPE == "layer"
