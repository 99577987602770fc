"""Recipes that cut channels more than once, or before training."""

import copy

import numpy as np
import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net

from edgejoule.prune import cutting, grouping
from edgejoule.prune.mask import Mask, masked
from edgejoule.prune.recipes import cnip_it, cut_at_init, iterative, one_shot, snap_it, thinet


def widths(model):
    return [model[0].out_channels, model[3].out_channels]


def kept(outcome):
    return [int(outcome.mask[group.name].sum()) for group in outcome.groups]


def test_composed_masks_speak_of_the_dense_model():
    flags = torch.tensor([1, 0, 1, 1], dtype=torch.bool)
    found = cutting.composed(
        Mask({"a": flags}, ["x"]), Mask({"a": torch.tensor([1, 0, 1], dtype=torch.bool)}, ["y"])
    )
    assert found["a"].tolist() == [True, False, False, True] and found.notes == ("x", "y")
    assert flags.tolist() == [True, False, True, True], "the first mask is untouched"


def test_cut_before_training():
    trainer = FakeTrainer()
    outcome = cut_at_init.run(trainer, ratio=0.5)
    assert trainer.phases() == [("retrain", 4)] and widths(outcome.model) == [4, 6]
    cut_at_init.run(FakeTrainer(epochs=1), ratio=0.5, criterion="slim")
    with pytest.raises(ValueError, match="cut_at_init with slim has no setting 'strength'"):
        cut_at_init.run(FakeTrainer(), ratio=0.5, criterion="slim", strength=1.0)


@pytest.mark.parametrize("criterion", ["slim", "l2", "snap", "thinet", "spline"])
def test_two_rounds_reach_the_ratio(criterion):
    trainer = FakeTrainer()
    outcome = iterative.run(trainer, ratio=0.5, criterion=criterion)
    assert trainer.phases() == [("dense", 4), ("retrain", 3 + 4)]
    assert kept(outcome) == widths(outcome.model) and sum(kept(outcome)) == 10
    assert [row[4] for row in trainer.log] == [20] * 4 + [row[4] for row in trainer.log[4:]]
    assert trainer.log[4][4] in (14, 15) and trainer.log[-1][4] == 10


def test_five_rounds_of_a_fifth():
    trainer = FakeTrainer(epochs=1)
    outcome = iterative.run(trainer, ratio=1 - 0.8**5, criterion="slim", rounds=5, strength=0.0)
    assert sum(kept(outcome)) == 20 - int(20 * (1 - 0.8**5))
    assert [row[4] for row in trainer.log[1:]] == [16, 13, 11, 9, 7]


RATES = {
    "full": [0.05, 0.05, 0.005, 0.0005],
    "last": [0.0005] * 4,
    "rewind": [0.05, 0.05, 0.005, 0.0005],
}


@pytest.mark.parametrize("retrain", iterative.WAYS)
def test_seed_004_s_cycles_fine_tune_rewind_the_rate_or_the_weights(retrain):
    """Five cycles of 20 %, each followed by as many epochs as the dense training has."""
    trainer = FakeTrainer()
    outcome = iterative.run(
        trainer, ratio=1 - 0.8**5, rounds=5, between=1.0, retrain=retrain, strength=0.0
    )
    assert trainer.phases() == [("dense", 4), ("retrain", 5 * 4)]
    assert [row[3] for row in trainer.log[4:]] == pytest.approx(RATES[retrain] * 5)
    assert [row[4] for row in trainer.log[4::4]] == [16, 13, 11, 9, 7]
    assert kept(outcome) == widths(outcome.model)


@pytest.mark.parametrize("mode", ["coupled", "inner", "select"])
def test_rewound_channels_have_their_first_weights_and_statistics(mode):
    from edgejoule.bench.architectures.preact_resnets import PreactResNet

    torch.manual_seed(0)
    trainer = FakeTrainer(PreactResNet(2, 4, 3), epochs=1)
    dense = copy.deepcopy(trainer.model)
    seen, replace = [], trainer.replace
    trainer.replace = lambda model: (seen.append(copy.deepcopy(model)), replace(model))
    outcome = iterative.run(
        trainer, ratio=0.6, criterion="l2", rounds=2, retrain="rewind", mode=mode
    )
    assert len(seen) == 4, "a cut network and a rewound one each round"
    for cut, rewound in (seen[:2], seen[2:]):
        shapes = [[(k, v.shape) for k, v in each.state_dict().items()] for each in (cut, rewound)]
        assert shapes[0] == shapes[1]
    for name, buffer in seen[3].named_buffers():
        if "index" not in name:
            assert (buffer == (1 if name.endswith("var") else 0)).all(), name
    expected = masked(dense, outcome.groups, outcome.mask).eval()(trainer.x)
    assert torch.allclose(seen[3].eval()(trainer.x), expected, atol=1e-5)


@pytest.mark.parametrize("retrain, rates", [("full", RATES["full"]), ("last", RATES["last"])])
def test_a_small_network_trains_as_long_as_a_pruned_one(retrain, rates):
    trainer = FakeTrainer()
    outcome = cut_at_init.run(trainer, ratio=0.5, retrain=retrain, repeats=2)
    assert trainer.phases() == [("retrain", 12)] and widths(outcome.model) == [4, 6]
    assert [row[3] for row in trainer.log] == pytest.approx(RATES["full"] + rates * 2)
    assert {row[4] for row in trainer.log} == {10}


def test_one_round_is_one_shot():
    trainer = FakeTrainer()
    assert sum(kept(iterative.run(trainer, ratio=0.5, rounds=1))) == 10
    assert trainer.phases() == [("dense", 4), ("retrain", 4)]
    with pytest.raises(ValueError, match="between=0"):
        iterative.run(FakeTrainer(), ratio=0.5, between=0)


def test_snap_it_before_training():
    trainer = FakeTrainer(epochs=2)
    outcome = snap_it.run(trainer, ratio=0.7, mode="coupled")
    assert trainer.phases() == [("retrain", 2)]
    assert sum(kept(outcome)) == 6 and kept(outcome) == widths(outcome.model)
    assert len(trainer.charged) == 7


def test_snap_it_during_training_gets_cheaper_as_it_goes():
    trainer = FakeTrainer(epochs=6)
    outcome = snap_it.run(trainer, ratio=0.7, when="during", steps=1, first_event=1, interval=2)
    assert trainer.phases() == [("search", 5), ("retrain", 1)]
    assert [row[4] for row in trainer.log] == [20, 10, 10, 8, 8, 6]
    assert [row[1] for row in trainer.log] == list(range(6))
    assert sum(kept(outcome)) == 6


def test_snap_it_keeps_the_best_channel_and_says_so():
    trainer = FakeTrainer(epochs=1)
    outcome = snap_it.run(trainer, ratio=0.97)
    assert widths(outcome.model) == [1, 1]
    assert any("down to one channel" in sentence for sentence in trainer.warnings)


def test_cnip_it_s_split():
    assert cnip_it.split(np.array([1.0, 2.0, 9.0]), np.array([5.0, 6.0]), 3) == (2, 1)
    assert cnip_it.split(np.array([1.0, 2.0, 3.0]), np.array([50.0, 60.0]), 3) == (3, 0)
    assert cnip_it.split(np.zeros(3), np.zeros(2), 4) == (3, 1)


def test_snap_it_by_algorithm_1_cuts_twice_at_the_end():
    trainer = FakeTrainer(epochs=6)
    snap_it.run(trainer, ratio=0.7, when="during", timing="algorithm", steps=1, interval=2)
    assert [row[4] for row in trainer.log] == [20, 20, 10, 10, 6, 6]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"when": "during", "steps": 1, "first_event": 1, "interval": 1},
        {"when": "during", "steps": 1, "timing": "algorithm", "interval": 1},
    ],
)
def test_cnip_it(options):
    trainer = FakeTrainer(epochs=5)
    outcome = cnip_it.run(trainer, ratio=0.8, **options)
    left = outcome.weight_mask.kept + outcome.mask.kept
    first = 216 + 864 + 48 + 20
    assert left <= int(0.2 * first + 1e-9) + 1
    assert widths(outcome.model) == kept(outcome)
    for name, flags in outcome.weight_mask.items():
        tensor = outcome.model.get_parameter(name).detach()
        assert tensor.shape == flags.shape and not tensor[~flags].any()
    assert sum(epochs for _, epochs in trainer.phases()) == 5


def test_cnip_it_cuts_worthless_channels_and_spares_valuable_ones():
    """Nodes far above the weights: only weights leave; dead nodes: channels leave too."""
    model = small_net()
    with torch.no_grad():
        model[4].weight[:6] = 0
    trainer = FakeTrainer(model, epochs=1)
    outcome = cnip_it.run(trainer, ratio=0.5)
    assert widths(outcome.model)[1] <= 6
    assert widths(outcome.model)[0] == 8


def test_thinet_goes_layer_by_layer():
    trainer = FakeTrainer()
    outcome = thinet.run(trainer, ratio=0.5)
    assert trainer.phases() == [("dense", 4), ("retrain", 1 + 1 + 4)]
    assert [row[4] for row in trainer.log[4:6]] == [16, 10]
    assert [row[3] for row in trainer.log[4:6]] == pytest.approx([0.0005] * 2)
    assert kept(outcome) == widths(outcome.model) == [4, 6]


def test_thinet_rescales_better_than_it_cuts():
    """Right after the cut, the scaled network's outputs are nearer to the dense ones."""
    errors = []
    for scaled in (True, False):
        trainer = FakeTrainer(epochs=2)
        with trainer.phase("dense"):
            trainer.train(2)
        dense = trainer.model.eval()(trainer.x).detach()
        trainer.epochs, trainer.train = 0, lambda *a, **k: 0
        if not scaled:
            original, thinet.reconstruction.scale = thinet.reconstruction.scale, lambda *a: None
        try:
            outcome = thinet.run(
                trainer, ratio=0.25, between=0, points_per_image=30, score_batches=3
            )
        finally:
            if not scaled:
                thinet.reconstruction.scale = original
        errors.append(float((outcome.model.eval()(trainer.x).detach() - dense).pow(2).sum()))
    assert errors[0] < errors[1]


@pytest.mark.parametrize(
    "run, options, word",
    [
        (thinet.run, {"points_per_image": 0}, "points"),
        (thinet.run, {"between": -1}, "between"),
        (snap_it.run, {"interval": 3}, "no effect"),
        (cnip_it.run, {"when": "after"}, "before, during"),
        (snap_it.run, {"criterion": "l2", "score_batches": 3}, "no data"),
        (iterative.run, {"rounds": 0}, "rounds"),
        (iterative.run, {"retrain": "half"}, "full, last, rewind"),
        (cut_at_init.run, {"repeats": 2}, "repeats=2 has no effect without retrain"),
        (cut_at_init.run, {"repeats": 0, "retrain": "full"}, "start at 1"),
        (cut_at_init.run, {"retrain": "rewind"}, "full, last"),
    ],
)
def test_refuses(run, options, word):
    with pytest.raises(ValueError, match=word):
        run(FakeTrainer(), ratio=0.6, **options)


def test_groups_keep_their_names_through_a_cut():
    trainer = FakeTrainer(epochs=1)
    before = [group.name for group in grouping.find(trainer.model, trainer.example)]
    outcome = cut_at_init.run(trainer, ratio=0.5)
    assert [group.name for group in grouping.find(outcome.model, trainer.example)] == before


def test_a_schedule_that_min_channels_stops_is_told():
    trainer = FakeTrainer(epochs=1)
    outcome = snap_it.run(trainer, ratio=0.8, min_channels=3)
    assert widths(outcome.model) == [3, 3]
    assert any("only" in sentence for sentence in trainer.warnings)


@pytest.mark.parametrize("mode", grouping.MODES)
@pytest.mark.parametrize("criterion", ["slim", "l2", "spline", "spline_pca", "snap", "thinet"])
def test_every_cut_mode_of_a_pre_activation_network(mode, criterion):
    """An index in front of a reader has no hyperplane: spline leaves it whole and says so."""
    from edgejoule.bench.architectures.preact_resnets import PreactResNet

    torch.manual_seed(0)
    trainer = FakeTrainer(PreactResNet(2, 4, 3), epochs=1)
    found = grouping.find(trainer.model, trainer.example, mode=mode)
    outcome = one_shot.run(trainer, ratio=0.4, criterion=criterion, mode=mode)
    indexed = [group for group in found if group.units[0].axis == 1]
    assert bool(indexed) == (mode == "select")
    assert set(outcome.mask) == {group.name for group in found}
    skips = mode == "select" and criterion.startswith("spline")
    assert all(bool(outcome.mask[group.name].all()) for group in indexed) or not skips
    assert skips == any("cannot judge 6 of 19" in sentence for sentence in trainer.warnings)
    assert outcome.mask.ratio > (0.1 if skips else 0.35)
