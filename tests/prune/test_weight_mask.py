"""Masks of single weights: exact counts, ties, what stays zero; torch's pruning is the oracle."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn
from torch.nn.utils import prune as oracle

from edgejoule.prune.settings import Saliency, Thinning
from edgejoule.prune.weightmasks import mask_steps, weight_mask
from edgejoule.prune.weightmasks.weight_mask import WeightMask


def mask_of(*shapes):
    return WeightMask(
        (str(i), torch.ones(*shape, dtype=torch.bool)) for i, shape in enumerate(shapes)
    )


def test_names_of_weights():
    model = small_net()
    assert weight_mask.names(model) == ["0.weight", "3.weight", "8.weight"]
    assert weight_mask.names(model, "conv") == ["0.weight", "3.weight"]
    assert weight_mask.names(model, "linear") == ["8.weight"]
    assert weight_mask.names(model, "no_classifier") == ["0.weight", "3.weight"]
    with pytest.raises(ValueError, match="all, conv, linear"):
        weight_mask.names(model, "fc")
    with pytest.raises(ValueError, match="no weights to mask"):
        weight_mask.names(nn.Sequential(nn.Linear(2, 2)), "conv")


def test_lowest_over_all_tensors():
    scores = {"0": torch.tensor([[4.0, 1.0], [3.0, 9.0]]), "1": torch.tensor([2.0, 8.0])}
    found = weight_mask.lowest(scores, mask_of((2, 2), (2,)), 3)
    assert found["0"].tolist() == [[True, False], [False, True]]
    assert found["1"].tolist() == [False, True]
    assert found.kept == 3 and found.weights == 6 and found.ratio == 0.5


@settings(max_examples=60, deadline=None)
@given(strategies.lists(strategies.integers(0, 5), min_size=1, max_size=40), strategies.data())
def test_lowest_flags_are_a_stable_sort(values, data):
    count = data.draw(strategies.integers(0, len(values)))
    expected = np.zeros(len(values), dtype=bool)
    expected[np.argsort(values, kind="stable")[:count]] = True
    assert (weight_mask.lowest_flags(np.array(values, dtype=float), count) == expected).all()


def test_what_is_gone_stays_gone_and_costs_nothing():
    mask = mask_of((6,))
    mask["0"][:3] = False
    found = weight_mask.lowest({"0": torch.tensor([9.0, 9.0, 9.0, 3.0, 1.0, 2.0])}, mask, 2)
    assert found["0"].tolist() == [False, False, False, True, False, False]
    with pytest.raises(ValueError, match="only 3 can leave"):
        weight_mask.lowest({"0": torch.ones(6)}, mask, 4)


def test_least_keeps_the_best_of_every_tensor():
    scores = {"0": torch.tensor([1.0, 2.0]), "1": torch.tensor([7.0, 8.0, 9.0, 10.0])}
    found = weight_mask.lowest(scores, mask_of((2,), (4,)), 3, least=1)
    assert found["0"].tolist() == [False, True]
    assert found["1"].tolist() == [False, False, True, True]


def test_nan_scores_are_refused():
    with pytest.raises(ValueError, match="diverged"):
        weight_mask.lowest({"0": torch.tensor([1.0, float("nan")])}, mask_of((2,)), 1)


@pytest.mark.parametrize(
    "ratio, n, expected", [(0.2, 10, 2), (0.5, 5, 2), (0.0, 9, 0), (0.999, 10, 9)]
)
def test_removal_is_the_floor(ratio, n, expected):
    assert weight_mask.removal(ratio, n) == expected
    with pytest.raises(ValueError, match="must lie in"):
        weight_mask.removal(1.0, 4)


def test_distance():
    a, b = mask_of((4,)), mask_of((4,))
    b["0"][:3] = False
    assert a.distance(a) == 0 and a.distance(b) == b.distance(a) == 0.75
    assert WeightMask().distance(WeightMask()) == 0 == WeightMask().ratio


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.1),
        lambda p: torch.optim.Adam(p),
    ],
)
def test_held_weights_stay_zero_under_momentum_gathered_before(make):
    torch.manual_seed(0)
    model, x = small_net(), torch.randn(8, 3, 8, 8)
    optimiser = make(model.parameters())

    def step():
        optimiser.zero_grad()
        model(x).pow(2).sum().backward()
        optimiser.step()

    for _ in range(3):
        step()
    mask = weight_mask.full(model, weight_mask.names(model))
    mask["3.weight"][::2] = False
    with weight_mask.held(model, mask):
        for _ in range(3):
            step()
            assert not model[3].weight.grad[::2].any()
            model(x)
            assert not model[3].weight.detach()[::2].any()
    assert not model[3].weight.detach()[::2].any() and model[3].weight.detach()[1::2].any()
    step()
    assert model[3].weight.detach()[::2].any(), "nothing holds them any longer"
    assert not model._forward_pre_hooks


def test_effective_macs_follow_the_density_of_each_layer():
    model, example = small_net(), torch.randn(2, 3, 8, 8)
    mask = weight_mask.full(model, weight_mask.names(model, "conv"))
    everything = weight_mask.effective_macs(model, example, mask)
    assert everything == steps_cost(model, example)
    mask["0.weight"][:4] = False
    first = 2 * 64 * 8 * 27
    assert weight_mask.effective_macs(model, example, mask) == everything - first // 2


def steps_cost(model, example):
    from edgejoule.prune.cost import count

    return count(model, example).train_macs


def test_sliced_follows_a_cut():
    mask = mask_of((4, 3))
    mask["0"][2, 1] = False
    found = weight_mask.sliced(mask, {"0": {0: [0, 2], 1: [1]}})
    assert found["0"].tolist() == [[True], [False]]


def convs():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 16, 3), nn.Flatten(), nn.Linear(64, 20)
    )


ORACLES = {
    "magnitude": lambda m: oracle.l1_unstructured(m, "weight", amount=0.2),
    "l1": lambda m: oracle.ln_structured(m, "weight", amount=0.2, n=1, dim=1),
    "l2": lambda m: oracle.ln_structured(m, "weight", amount=0.2, n=2, dim=1),
    "linf": lambda m: oracle.ln_structured(m, "weight", amount=0.2, n=float("inf"), dim=1),
    "-linf": lambda m: oracle.ln_structured(m, "weight", amount=0.2, n=-float("inf"), dim=1),
}


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_masks_equal_those_of_torch_round_after_round(name):
    """Weights move between rounds, as training would move them."""
    model, twin = convs(), convs()
    trainer = FakeTrainer(model)
    method = Saliency("magnitude") if name == "magnitude" else Saliency("slices", norm=name)
    mask, before = weight_mask.full(model, weight_mask.names(model)), None
    generator = torch.Generator().manual_seed(3)
    for _ in range(6):
        with trainer.phase("score"):
            mask = mask_steps.thin(trainer, method, mask, 0.2)
        for index, layer in enumerate(m for m in twin if hasattr(m, "weight")):
            ORACLES[name](layer)
            key = weight_mask.names(model)[index]
            assert torch.equal(mask[key], layer.weight_mask.bool()), key
        assert before is None or all((flags <= before[key]).all() for key, flags in mask.items())
        before = mask
        for a, b in zip(
            (m for m in model if hasattr(m, "weight")), (m for m in twin if hasattr(m, "weight"))
        ):
            noise = torch.randn(a.weight.shape, generator=generator) * 0.1
            a.weight.data += noise
            b.weight_orig.data += noise
        weight_mask.apply(model, mask)
        twin(torch.zeros(1, 1, 6, 6))  # torch multiplies its masks in before a forward pass


def counts(shape, rounds, saliency, options=None):
    """What is left along the axis (or of the weights) of one tensor, round by round."""
    model = (
        nn.Sequential(nn.Linear(*shape[::-1]))
        if len(shape) == 2
        else nn.Sequential(nn.Conv2d(shape[1], shape[0], shape[2]))
    )
    trainer, method = FakeTrainer(small_net()), Saliency(saliency, **(options or {}))
    trainer.model = model
    mask, found = weight_mask.full(model, ["0.weight"]), []
    for _ in range(rounds):
        with trainer.phase("score"):
            mask = mask_steps.thin(trainer, method, mask, 0.2)
        left = mask["0.weight"]
        found.append(
            int(left.sum())
            if method.module.AXIS is None
            else int(left.transpose(0, 1).flatten(1).any(1).sum())
        )
    return found


@pytest.mark.parametrize("saliency", ["slices", "random_slices"])
def test_seed_003_s_rounding_stalls_narrow_layers(saliency):
    assert counts((6, 1, 3), 3, saliency) == [1, 1, 1]
    assert counts((16, 6, 3), 5, saliency) == [5, 4, 3, 2, 2]
    assert counts((120, 400), 8, saliency) == [320, 256, 205, 164, 131, 105, 84, 67]


@pytest.mark.parametrize("saliency", ["magnitude", "random"])
def test_seed_003_s_counts_of_single_weights(saliency):
    assert counts((120, 400), 8, saliency) == [
        38400,
        30720,
        24576,
        19661,
        15729,
        12583,
        10066,
        8053,
    ]


def test_random_thinning_counts_as_torch_does():
    layer = nn.Linear(13, 7)
    for expected in counts((7, 13), 5, "random"):
        oracle.random_unstructured(layer, "weight", amount=0.2)
        assert int(layer.weight_mask.sum()) == expected


def test_random_density_is_even():
    """Globally drawn, every tensor's density is within three standard deviations of the asked."""
    torch.manual_seed(0)
    trainer = FakeTrainer(convs())
    method = Saliency("random", seed=5)
    for scope in ("global", "layer"):
        how = Thinning(scope)
        mask = mask_steps.start(trainer, method, how)
        with trainer.phase("score"):
            found = mask_steps.draw(trainer, method, mask, 0.7, how)
            again = mask_steps.draw(trainer, method, mask, 0.7, how)
        assert found.distance(again) == 0
        for flags in found.values():
            spread = 3 * (0.7 * 0.3 / flags.numel()) ** 0.5
            assert abs(float(flags.float().mean()) - 0.3) <= (
                spread if scope == "global" else 1 / flags.numel()
            )


def test_an_emptied_layer_is_told_and_least_prevents_it():
    trainer = FakeTrainer(convs())
    trainer.model[0].weight.data *= 1e-6
    method = Saliency("magnitude")
    for least, warnings in ((0, 1), (1, 0)):
        trainer.warnings = []
        how = Thinning(least=least)
        mask = mask_steps.start(trainer, method, how)
        with trainer.phase("score"):
            found = mask_steps.draw(trainer, method, mask, 0.5, how)
        assert len(trainer.warnings) == warnings and found["0.weight"].any() == bool(least)


@pytest.mark.parametrize(
    "saliency, how, word",
    [
        ("magnitude", Thinning("all"), "'global' or 'layer'"),
        ("slices", Thinning("global"), "no effect"),
        ("slices", Thinning(least=1), "no effect"),
    ],
)
def test_settings_without_effect_are_refused(saliency, how, word):
    with pytest.raises(ValueError, match=word):
        mask_steps.start(FakeTrainer(), Saliency(saliency), how)


def drawn(scope, ratio, model):
    trainer, how = FakeTrainer(model), Thinning(scope)
    method = Saliency("magnitude")
    with trainer.phase("score"):
        return mask_steps.draw(trainer, method, mask_steps.start(trainer, method, how), ratio, how)


def test_layerwise_keeps_equal_shares_and_global_the_largest_overall():
    model = convs()
    model[0].weight.data *= 3
    layer, whole = drawn("layer", 0.5, model), drawn("global", 0.5, model)
    assert all(
        abs(float(flags.float().mean()) - 0.5) <= 1 / flags.numel() for flags in layer.values()
    )
    sizes = {name: model.get_parameter(name).detach().abs() for name in whole}
    gone = max(float(sizes[name][~flags].max()) for name, flags in whole.items() if not flags.all())
    kept = min(float(sizes[name][flags].min()) for name, flags in whole.items() if flags.any())
    assert gone <= kept


def test_scopes_agree_where_layers_have_the_same_quantiles():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight.data = -model[0].weight.data.t().clone()
    assert drawn("layer", 0.5, model).distance(drawn("global", 0.5, model)) == 0
