"""What callers learn and change between and after the steps of a real trainer."""

import pytest
import torch
from rigs import small_training

from edgejoule import plugins
from edgejoule.prune.recipes import rigl


def trained(one, **calls):
    """The trainer after one epoch in which these were called back."""
    with one.phase("dense"):
        one.train(1, **calls)
    return one


def weights(model):
    """A copy of the parameters, in order."""
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_it_is_called_after_every_step_and_only_in_its_own_training():
    one, seen = small_training.trainer(epochs=1), []
    trained(
        one,
        penalty=lambda model: seen.append(weights(model)),
        after_step=lambda model: seen.append(weights(model)),
    )
    assert len(seen) == 2 * small_training.PER_EPOCH == 2 * one.steps_per_epoch
    for before, after, following in zip(seen[::2], seen[1::2], seen[2::2]):
        assert not torch.equal(before[0], after[0])
        assert all(map(torch.equal, after, following)), "the next step begins from there"
    trained(one)
    assert len(seen) == 2 * small_training.PER_EPOCH


def test_running_means_follow_what_it_leaves():
    """The mean of a weight that every step leaves at one is one, whatever the steps did."""
    one = small_training.trainer(epochs=1, ema=0.5)
    with torch.no_grad():
        one.model[0].weight.fill_(1.0)
    one.replace(one.model)
    trained(one, after_step=lambda model: model[0].weight.data.fill_(1.0))
    assert torch.equal(one.model[0].weight, torch.ones_like(one.model[0].weight))


@pytest.mark.parametrize("clip", [0.0, 0.1])
@pytest.mark.parametrize("optimiser", plugins.names("optimisers"))
def test_what_has_no_gradient_stays_where_it_is(optimiser, clip):
    one = small_training.trainer(epochs=1, optimiser=optimiser, gradient_clip=clip)

    def drop(model):
        for parameter in list(model.parameters())[:2]:
            parameter.grad = None

    before = weights(one.model)
    after = weights(trained(one, penalty=drop).model)
    same = [torch.equal(a, b) for a, b in zip(before, after)]
    assert same == [True, True] + [False] * (len(before) - 2)


@pytest.mark.parametrize("optimiser", plugins.names("optimisers"))
def test_absent_weights_stay_absent_with_every_optimiser_and_running_means(optimiser):
    one = small_training.trainer(optimiser=optimiser, ema=0.9)
    outcome = rigl.run(one, ratio=0.6, interval=2)
    assert sum(stage["changes"] for stage in outcome.facts["masked"]) == 7
    for name, flags in outcome.weight_mask.items():
        weight = one.model.get_parameter(name).detach()
        assert weight[flags].any() and not weight[~flags].any()
