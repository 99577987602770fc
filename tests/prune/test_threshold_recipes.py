"""Thresholds instead of ratios: the valley of a histogram, what is below it, and the recipes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies
from rigs.fake_trainer import FakeTrainer, small_net
from rigs.hand_groups import group
from torch import nn

from edgejoule import plugins
from edgejoule.prune.criteria import linf, polarization
from edgejoule.prune.grouping import find
from edgejoule.prune.mask import masked
from edgejoule.prune.recipes import cut_below, mask_below
from edgejoule.prune.scoring.thresholds import above, of_groups, valley
from edgejoule.prune.shrink import shrink
from edgejoule.prune.weightmasks import thresholds, weight_mask

UNTRAINED = dict(rate=0.0, epochs=1)


def naive_valley(values, bins=100):
    counts = [0] * bins
    for each in values:
        counts[min(bins - 1, int(np.floor(each * bins)))] += 1
    for i in range(bins - 2):
        if counts[i + 1] <= counts[i] and counts[i + 1] <= counts[i + 2]:
            return (i + 1) / bins
    return None


def test_the_first_valley():
    assert valley([0.001] * 9 + [0.9] * 5) == 0.01
    assert valley([0.05] * 3 + [0.15] * 2 + [0.25] * 4, bins=10) == pytest.approx(0.1)
    assert valley([0.05, 0.55, 0.55, 0.95, 0.95, 0.95], bins=3) is None, "it only rises"


@settings(max_examples=80, deadline=None)
@given(strategies.lists(strategies.integers(0, 99), min_size=1, max_size=300))
def test_the_valley_by_counting(places):
    values = [(place + 0.5) / 100 for place in places]
    expected = naive_valley(values)
    assert valley(values) == (None if expected is None else pytest.approx(expected))


def test_a_group_without_a_valley_gets_the_fixed_threshold_and_a_note():
    rising = torch.cat([torch.full((i,), (i + 0.5) / 100) for i in range(100)])
    found, notes = of_groups({"a": rising, "b": torch.tensor([0.0, 1.0])}, None)
    assert found == {"a": 0.01, "b": 0.01} and len(notes) == 1 and "'a' has no valley" in notes[0]
    assert of_groups({"a": rising}, 0.3) == ({"a": 0.3}, [])


def test_channels_above_and_the_least_that_stay():
    model = small_net()
    groups = [group(model, "0", "1", ["3"]), group(model, "3", "4", ["8"]), group(model, "8")]
    scores = {"0": torch.tensor([0.0, 0.5, 0.2, 0.9, 0.2, 0.2, 0.2, 0.2]), "3": torch.zeros(12)}
    mask = above(scores, groups, {"0": 0.2, "3": 0.2}, least=2)
    assert mask["0"].tolist() == [False, True, False, True] + [False] * 4
    assert mask["3"].tolist() == [True, True] + [False] * 10 and mask["8"].all()
    assert (
        len(mask.notes) == 1
        and "'3' was held at 2 of 12 channels; 0 are above 0.2" in mask.notes[0]
    )
    with pytest.raises(ValueError, match="NaN"):
        above({"0": torch.full((8,), float("nan"))}, groups[:1], {"0": 0.1})


def test_criteria_of_the_two_papers():
    model = small_net()
    both = group(model, "0", "1", ["3"])
    model[1].weight.data[:3] = torch.tensor([-1.0, 0.5, 2.0])
    assert polarization.scores(model, [both, group(model, "8")], [])["0"][:3].tolist() == [
        0,
        0.5,
        1,
    ]
    expected = [float(each.abs().max()) for each in model[0].weight.detach()]
    assert linf.scores(model, [both], [])["0"].tolist() == expected
    doubled = both._replace(units=both.units * 2)
    assert linf.scores(model, [doubled], [])["0"].tolist() == expected


def planted():
    """A trainer that learns nothing, with channels 1 and 4 silent by scale and by filter."""
    trainer = FakeTrainer(**UNTRAINED)
    with torch.no_grad():
        trainer.model[1].weight.copy_(torch.tensor([0.9, 0.0, 0.8, 0.9, 0.004, 1.0, 0.9, 0.9]))
        trainer.model[0].weight[[1, 4]] = 5e-4
    return trainer


@pytest.mark.parametrize(
    "options",
    [{}, dict(criterion="linf", regularizer="group_hs", threshold=1e-3, strength=0.0)],
)
def test_silent_channels_leave_and_the_rest_computes_the_same(options):
    trainer, before = planted(), []
    replace = trainer.replace
    trainer.replace = lambda model: (before.append(trainer.model), replace(model))
    outcome = cut_below.run(trainer, **options)
    assert outcome.mask["0"].tolist() == [True, False, True, True, False, True, True, True]
    assert outcome.mask["3"].all() and not trainer.warnings
    reference = masked(before[0], outcome.groups, outcome.mask).eval()
    small = shrink(before[0], trainer.example, outcome.groups, outcome.mask).eval()
    assert torch.allclose(reference(trainer.x), small(trainer.x), atol=1e-6)
    assert set(outcome.facts["thresholds"]) == {"0", "3"} and trainer.channels() == 18
    assert trainer.phases() == [("dense", 1), ("retrain", 1)]


def test_polarized_training_cuts_by_itself():
    trainer = FakeTrainer(epochs=6, seed=2)
    with torch.no_grad():
        for norm in (trainer.model[1], trainer.model[4]):
            norm.weight.uniform_(0, 1)
    outcome = cut_below.run(trainer, strength=0.5, t=1.0)
    assert 0.3 < outcome.mask.ratio < 0.9 and trainer.channels() == outcome.mask.kept


def test_a_group_that_would_vanish_is_told():
    trainer = FakeTrainer(**UNTRAINED)
    outcome = cut_below.run(trainer, criterion="linf", threshold=1e9, min_channels=3)
    assert [int(flags.sum()) for flags in outcome.mask.values()] == [3, 3]
    assert len(trainer.warnings) == 2


def test_weights_below_a_threshold_by_comparison():
    model = small_net()
    mask = weight_mask.full(model, weight_mask.names(model))
    found = thresholds.above(model, mask, threshold=0.1)
    for name, flags in found.items():
        assert flags.tolist() == (model.get_parameter(name).abs() > 0.1).tolist()
    found = thresholds.above(model, mask, deviations=0.5)
    for name, flags in found.items():
        values = model.get_parameter(name).detach().numpy()
        assert (flags.numpy() == (np.abs(values) > 0.5 * values.std())).all()
    again = thresholds.above(model, found, threshold=0.0)
    assert all(torch.equal(again[name], found[name]) for name in found), "gone stays gone"
    held = thresholds.above(model, mask, threshold=1e9, least=2)
    for name, flags in held.items():
        values = model.get_parameter(name).detach().abs()
        assert sorted(values[flags].tolist()) == sorted(values.flatten().tolist())[-2:]


def test_a_diverged_network_is_refused():
    model = nn.Linear(2, 2)
    model.weight.data[0, 0] = float("nan")
    with pytest.raises(ValueError, match="diverged"):
        thresholds.above(model, weight_mask.full(model, ["weight"]))


@pytest.mark.parametrize("options", [{}, {"threshold": 0.03}, {"deviations": 0.25}])
def test_mask_below_masks_what_is_below_and_holds_it(options):
    trainer = FakeTrainer(epochs=3)
    seen = []
    replace = trainer.replace
    trainer.replace = lambda model: (
        seen.append({name: p.detach().clone() for name, p in model.named_parameters()}),
        replace(model),
    )
    outcome = mask_below.run(trainer, strength=1e-3, retrain_epochs=2, **options)
    assert trainer.phases() == [("dense", 3), ("retrain", 2)]
    for name, flags in outcome.weight_mask.items():
        dense, final = seen[-1][name], outcome.model.get_parameter(name).detach()
        limit = options.get("threshold", 1e-4)
        if "deviations" in options:
            limit = 0.25 * float(dense.std(unbiased=False))
        assert torch.equal(flags, dense.abs() > limit) and not final[~flags].any()
    assert outcome.facts["masked"][0]["kept"] == outcome.weight_mask.kept


def test_an_emptied_layer_is_told():
    trainer = FakeTrainer(epochs=1)
    mask_below.run(trainer, threshold=1e9, layers="linear")
    assert "nothing is left of 8.weight" in trainer.warnings[0]


@pytest.mark.parametrize(
    "run, options, word",
    [
        (mask_below.run, {"threshold": 1.0, "deviations": 1.0}, "give one of them"),
        (mask_below.run, {"deviations": -1.0}, "start at 0"),
        (mask_below.run, {"layers": "fc"}, "no layers called"),
        (mask_below.run, {"ratio": 0.5}, "no setting 'ratio'"),
        (cut_below.run, {"threshold": -0.1}, "start at 0"),
        (cut_below.run, {"ratio": 0.5}, "no setting 'ratio'"),
    ],
)
def test_refused_before_any_training(run, options, word):
    trainer = FakeTrainer(epochs=1)
    with pytest.raises(ValueError, match=word):
        run(trainer, **options)
    assert not trainer.log


def test_a_network_without_channels_to_cut_is_refused():
    flat = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    trainer = FakeTrainer(model=flat, epochs=1)
    with pytest.raises(ValueError, match="nothing of this model can be cut"):
        cut_below.run(trainer)
    assert not trainer.log


def test_thresholds_on_resnet20():
    model = plugins.load("models", "resnet20").build(10, 3)
    images = torch.randn(4, 3, 32, 32)
    groups = find(model, images[:1])
    scores = polarization.scores(model, groups, [])
    limits, _ = of_groups(scores, None)
    assert set(scores) == {each.name for each in groups}
    assert above(scores, groups, limits).ratio == 0, "untrained scales are 1"
    assert model(images).shape == (4, 10)
