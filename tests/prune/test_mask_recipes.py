"""Recipes for masks: what is rewound, what stays zero, how much is gone, which epochs run."""

import pytest
import torch
from rigs.fake_trainer import FakeTrainer

from edgejoule.bench import suite
from edgejoule.prune.recipes import at_init, imp, iterative_masks, lottery, snip_it
from edgejoule.prune.weightmasks import controls, treatments, weight_mask

TOTAL = 3 * 8 * 9 + 8 * 12 * 9 + 48


def zeros(outcome):
    """True if exactly the masked weights are zero."""
    tensors = (
        (outcome.model.get_parameter(name), flags) for name, flags in outcome.weight_mask.items()
    )
    return all(torch.equal(tensor.detach() != 0, flags) for tensor, flags in tensors)


def test_one_shot_ticket():
    trainer = FakeTrainer()
    outcome = lottery.run(trainer, ratio=0.5)
    assert trainer.phases() == [("dense", 4), ("retrain", 4)]
    assert outcome.weight_mask.weights - outcome.weight_mask.kept == TOTAL // 2
    assert zeros(outcome) and outcome.mask is None and outcome.groups is None
    stage = outcome.facts["masked"][0]
    assert stage["epochs"] == 4 and stage["kept"] == outcome.weight_mask.kept
    assert 0 < stage["effective_flops_per_sample"] < stage["dense_flops_per_sample"]


def rewound(monkeypatch, **options):
    """The weights with which each retraining starts, by round, and the initial ones."""
    trainer, starts = FakeTrainer(), []
    initial = treatments.snapshot(trainer.model)
    real = weight_mask.held

    def spy(model, mask):
        starts.append((treatments.snapshot(model), mask))
        return real(model, mask)

    monkeypatch.setattr(weight_mask, "held", spy)
    lottery.run(trainer, ratio=0.5, **options)
    return trainer, initial, starts


def test_survivors_return_to_their_initial_values_bit_by_bit(monkeypatch):
    trainer, initial, starts = rewound(monkeypatch, rounds=3)
    assert trainer.phases() == [("dense", 4), ("retrain", 12)]
    for state, _ in starts:
        assert all(torch.equal(value, initial[name]) for name, value in state.items())
    masks = [mask for _, mask in starts]
    assert all((b[name] <= a[name]).all() for a, b in zip(masks, masks[1:]) for name in a)
    gone = [int(TOTAL * (1 - 0.5 ** (i / 3)) + 1e-9) for i in (1, 2, 3)]
    assert gone == [mask.weights - mask.kept for mask in masks]


def test_late_reset_returns_to_an_epoch(monkeypatch):
    trainer, initial, starts = rewound(monkeypatch, rewind_epoch=1)
    twin = FakeTrainer()
    with twin.phase("dense"):
        twin.train(1, total=4)
    assert all(
        torch.equal(value, starts[0][0][name]) for name, value in twin.model.state_dict().items()
    )
    assert [row[:2] for row in trainer.log] == [
        ("dense", 0),
        ("dense", 1),
        ("dense", 2),
        ("dense", 3),
        ("retrain", 1),
        ("retrain", 2),
        ("retrain", 3),
    ]


def test_rewinding_to_a_step(monkeypatch):
    trainer, initial, starts = rewound(monkeypatch, rewind_step=3)
    twin = FakeTrainer()
    with twin.phase("dense"):
        twin.train(1, total=4)
    assert all(
        torch.equal(value, starts[0][0][name]) for name, value in twin.model.state_dict().items()
    )
    assert trainer.phases() == [("dense", 4), ("retrain", 3)]


@pytest.mark.parametrize("treatment", ["reinit", "sign", "sigma_sign"])
def test_other_starts(monkeypatch, treatment):
    _, initial, starts = rewound(monkeypatch, weights=treatment)
    assert not torch.equal(starts[0][0]["0.weight"], initial["0.weight"])
    if treatment != "reinit":
        assert torch.equal(starts[0][0]["0.weight"].sign(), initial["0.weight"].sign())


def test_learning_rate_rewinding_and_fine_tuning():
    for how, rates in (
        (None, [0.05, 0.05, 0.005, 0.0005]),
        ("full", [0.05, 0.05, 0.005, 0.0005]),
        ("last", [0.0005] * 4),
    ):
        trainer = FakeTrainer()
        lottery.run(trainer, ratio=0.3, weights="keep", retrain=how, layers="conv", rounds=2)
        assert [row[3] for row in trainer.log[4:]] == pytest.approx(rates * 2)


def test_only_convolutions():
    outcome = lottery.run(FakeTrainer(epochs=1), ratio=0.5, layers="conv")
    assert sorted(outcome.weight_mask) == ["0.weight", "3.weight"]


def test_half_rate_of_the_classifier():
    outcome = lottery.run(
        FakeTrainer(epochs=1), ratio=1 - 0.8**3, rounds=3, scope="layer", classifier_rate=0.5
    )
    density = {name: float(flags.float().mean()) for name, flags in outcome.weight_mask.items()}
    assert density["8.weight"] == pytest.approx(0.9**3, abs=1 / 48)
    assert density["3.weight"] == pytest.approx(0.8**3, abs=1 / 864)


@pytest.mark.parametrize(
    "options, word",
    [
        ({"weights": "keep", "rewind_epoch": 1}, "no effect"),
        ({"retrain": "last"}, "no effect"),
        ({"rewind_epoch": 4}, "between 0 and 3"),
        ({"rewind_epoch": 1, "rewind_step": 2}, "one of"),
        ({"rewind_step": 99}, "12 steps"),
        ({"classifier_rate": 0.5}, "scope='layer'"),
        ({"weights": "lost"}, "keep, rewind"),
        ({"rounds": 0}, "rounds start at 1"),
        ({"weights": "keep", "retrain": "half"}, "full, last"),
        ({"ratio": 1.0}, "lies in"),
        ({"saliency": "magnitud"}, "Did you mean 'magnitude'"),
        ({"seed": 1}, "no setting 'seed'"),
    ],
)
def test_lottery_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        lottery.run(FakeTrainer(), **dict({"ratio": 0.5}, **options))


@pytest.mark.parametrize("saliency", ["snip", "magnitude", "random"])
def test_before_training(saliency):
    trainer = FakeTrainer()
    outcome = at_init.run(trainer, ratio=0.6, saliency=saliency)
    assert trainer.phases() == [("retrain", 4)]
    assert outcome.weight_mask.weights - outcome.weight_mask.kept == int(0.6 * TOTAL)
    assert zeros(outcome)


@pytest.mark.parametrize(
    "options, rates",
    [
        ({}, []),
        ({"retrain": "full"}, [0.05, 0.05, 0.005, 0.0005]),
        ({"retrain": "last"}, [0.0005] * 4),
        ({"retrain": "last", "repeats": 3}, [0.0005] * 12),
    ],
)
def test_a_small_network_has_the_doubled_schedule(options, rates):
    trainer = FakeTrainer()
    replaced, replace = [], trainer.replace
    trainer.replace = lambda model: (replaced.append(model), replace(model))
    outcome = at_init.run(trainer, ratio=0.6, saliency="random", rescale=True, **options)
    assert [row[3] for row in trainer.log] == pytest.approx([0.05, 0.05, 0.005, 0.0005] + rates)
    assert [stage["epochs"] for stage in outcome.facts["masked"]] == [4] * (1 + len(rates) // 4)
    assert len(replaced) == len(rates) // 4, "a new optimiser each time"
    assert zeros(outcome)


def test_controls():
    masks = {
        control: at_init.run(
            FakeTrainer(epochs=1), ratio=0.5, saliency="magnitude", control=control
        ).weight_mask
        for control in controls.CONTROLS
    }
    plain, shuffled, inverted = (masks[name] for name in controls.CONTROLS)
    assert all(int(plain[name].sum()) == int(shuffled[name].sum()) for name in plain)
    assert 0 < plain.distance(shuffled) < 1
    assert plain.distance(inverted) > 0.99, "half by half, the complement up to one weight"
    scores = {"a": torch.tensor([1.0, 3.0, 2.0])}
    assert controls.inverted(controls.inverted(scores))["a"].tolist() == [1, 3, 2]
    with pytest.raises(ValueError, match="none, shuffle, invert"):
        at_init.run(FakeTrainer(), ratio=0.5, control="reinit")


def test_snip_is_charged_for_its_batches():
    trainer = FakeTrainer(epochs=1)
    at_init.run(trainer, ratio=0.6, score_batches=2)
    macs = 64 * 8 * 27 * 2 + 64 * 12 * 72 * 3 + 48 * 3
    assert trainer.charged == [("score", 2 * macs * 32, "snip scores")]


def test_fresh_weights_and_restored_variance(monkeypatch):
    seen = []
    real = weight_mask.held
    monkeypatch.setattr(
        weight_mask,
        "held",
        lambda model, mask: (seen.append(treatments.snapshot(model)), real(model, mask))[1],
    )
    for options in ({}, {"weights": "reinit"}, {"rescale": True}):
        at_init.run(FakeTrainer(epochs=1), ratio=0.6, saliency="random", scope="layer", **options)
    plain, fresh, scaled = (state["3.weight"] for state in seen)
    assert float(fresh.std()) == pytest.approx(float(plain.std()), rel=0.1)
    assert not torch.equal(fresh, plain)
    density = (864 - int(0.6 * 864)) / 864
    assert torch.allclose(scaled, plain * density**-0.5)


@pytest.mark.parametrize(
    "options, word",
    [
        ({"saliency": "magnitude", "score_batches": 2}, "no data"),
        ({"score_batches": 0}, "at least"),
        ({"weights": "rewind"}, "keep, reinit"),
        ({"retrain": "half"}, "full, last"),
        ({"repeats": 2}, "repeats=2 has no effect without retrain"),
        ({"retrain": "full", "repeats": 0}, "start at 1"),
    ],
)
def test_at_init_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        at_init.run(FakeTrainer(), ratio=0.5, **options)


def test_snip_it_before_training():
    trainer = FakeTrainer(epochs=2)
    outcome = snip_it.run(trainer, ratio=0.98)
    assert trainer.phases() == [("retrain", 2)]
    assert [phase for phase, *_ in trainer.charged] == ["score"] * 7
    assert outcome.weight_mask.weights - outcome.weight_mask.kept == int(0.98 * TOTAL)
    assert zeros(outcome)


def test_snip_it_during_training():
    trainer = FakeTrainer(epochs=9)
    outcome = snip_it.run(trainer, ratio=0.9, when="during", steps=1, first_event=2, interval=3)
    assert trainer.phases() == [("search", 8), ("retrain", 1)]
    assert [row[1] for row in trainer.log] == list(range(9))
    gone = [stage["weights"] - stage["kept"] for stage in outcome.facts["masked"]]
    assert gone == [int(share * TOTAL + 1e-9) for share in (0, 0.5, 0.7, 0.9)]
    assert [stage["epochs"] for stage in outcome.facts["masked"]] == [2, 3, 3, 1]
    assert zeros(outcome)


def test_snip_it_by_algorithm_1_prunes_twice_at_the_end():
    trainer = FakeTrainer(epochs=6)
    outcome = snip_it.run(
        trainer, ratio=0.9, when="during", timing="algorithm", steps=1, interval=2
    )
    assert trainer.phases() == [("search", 4), ("retrain", 2)]
    assert [stage["epochs"] for stage in outcome.facts["masked"]] == [2, 2, 2]
    gone = [stage["weights"] - stage["kept"] for stage in outcome.facts["masked"]]
    assert gone == [int(share * TOTAL + 1e-9) for share in (0, 0.5, 0.9)]
    assert len(trainer.charged) == 3 and zeros(outcome)


def test_snip_it_s_guard_is_told():
    trainer = FakeTrainer(epochs=1)
    outcome = snip_it.run(trainer, ratio=0.3)
    assert "one event" in trainer.warnings[0]
    assert outcome.weight_mask.weights - outcome.weight_mask.kept == int(0.3 * TOTAL)


@pytest.mark.parametrize(
    "options, word",
    [
        ({"when": "during"}, "end at epoch 32"),
        ({"interval": 2}, "no effect"),
        ({"timing": "algorithm"}, "no effect"),
        ({"when": "during", "timing": "algorithm", "first_event": 2}, "no effect"),
        ({"when": "during", "timing": "paper"}, "code, algorithm"),
        ({"score_batches": 0}, "at least one"),
        ({"when": "after"}, "before, during"),
    ],
)
def test_snip_it_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        snip_it.run(FakeTrainer(), ratio=0.9, **options)


SHARES = (0.5, 0.74, 0.86, 0.92, 0.95, 0.965, 0.98)  # SNIP-it's rule of thumb towards 98 %


def test_imp_trains_80_epochs_in_all_and_masks_snip_it_s_shares(monkeypatch):
    """As the paper had it: 7 rewinds to epoch 6, one every 4 epochs, and no training more."""
    trainer, starts = FakeTrainer(epochs=80, images=16), []
    real = weight_mask.held

    def spy(model, mask):
        starts.append(treatments.snapshot(model))
        return real(model, mask)

    monkeypatch.setattr(weight_mask, "held", spy)
    outcome = imp.run(trainer, ratio=0.98)
    assert trainer.phases() == [("search", 32), ("retrain", 48)]
    assert [row[1] for row in trainer.log] == list(range(80))
    stages = outcome.facts["masked"]
    assert [stage["epochs"] for stage in stages] == [6, 2, 4, 4, 4, 4, 4, 4, 48]
    gone = [stage["weights"] - stage["kept"] for stage in stages]
    assert gone == [0, 0] + [int(share * TOTAL + 1e-9) for share in SHARES]
    after_six = starts[1]  # the second stretch of training begins there, and all later ones again
    for state in starts[2:]:
        assert all(torch.equal(state[name], value) for name, value in after_six.items())
    assert zeros(outcome)


def test_imp_masks_the_smallest_weights_of_all_layers_together(monkeypatch):
    trainer, before = FakeTrainer(epochs=10), []
    real = imp.mask_steps.draw

    def spy(trainer, saliency, mask, *rest):
        weights = [trainer.model.get_parameter(name).detach().abs() for name in mask]
        before.append(
            (torch.cat([each.flatten() for each in weights]), real(trainer, saliency, mask, *rest))
        )
        return before[-1][1]

    monkeypatch.setattr(imp.mask_steps, "draw", spy)
    imp.run(trainer, ratio=0.9, steps=0, first_event=4, interval=2, rewind_epoch=2)
    for sizes, mask in before:
        kept = torch.cat([flags.flatten() for flags in mask.values()])
        assert sizes[kept].min() >= sizes[~kept].max()


@pytest.mark.parametrize(
    "options, word",
    [
        ({"rewind_epoch": 9}, "after 8 epochs"),
        ({"rewind_epoch": -1}, "between 0"),
        ({}, "interval"),
    ],
)
def test_imp_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        imp.run(FakeTrainer(epochs=80 if options else 30), ratio=0.98, **options)


def test_every_method_of_the_snapit_suite_trains_80_epochs_in_all(monkeypatch):
    """The paper gave all methods that do not prune after training the same budget."""
    recipes = {"imp": imp, "snip_it": snip_it, "at_init": at_init}
    seen = set()
    for case in suite.read("snapit").cases:
        recipe = recipes.get(case.prune["recipe"])
        told = (case.prune["recipe"], case.prune.get("when"))
        if recipe is None or told in seen:
            continue
        seen.add(told)
        trainer = FakeTrainer(epochs=case.train["epochs"], images=16)
        options = {k: v for k, v in case.prune.items() if k not in ("recipe", "label")}
        recipe.run(trainer, **options)
        assert sum(count for _, count in trainer.phases()) == 80, told
    assert len(seen) == 4
    assert "lottery" not in {case.prune["recipe"] for case in suite.read("snapit").cases}


@pytest.mark.parametrize("technique", sorted(iterative_masks.TECHNIQUES))
def test_seed_003_s_techniques(technique):
    trainer = FakeTrainer(epochs=2)
    outcome = iterative_masks.run(trainer, technique=technique, rounds=3)
    assert trainer.phases() == [("dense", 2), ("retrain", 6)]
    expected = {"fc_only": ["8.weight"]}.get(technique, ["0.weight", "3.weight", "8.weight"])
    assert sorted(outcome.weight_mask) == expected
    left = {name: int(flags.sum()) for name, flags in outcome.weight_mask.items()}
    if technique in ("l1_us", "random_us", "hybrid", "fc_only"):
        assert left["8.weight"] == 24  # 48, 38, 30, 24
    else:
        assert left["8.weight"] == 4 * 6  # inputs 12, 10, 8, 6
    if technique in ("l1_s", "l2_s", "linf_s", "random_s", "hybrid"):
        assert left["3.weight"] == 12 * 9 * 4  # channels 8, 6, 5, 4
        columns = outcome.weight_mask["3.weight"].transpose(0, 1).flatten(1).float().mean(1)
        assert set(columns.tolist()) == {0.0, 1.0}
    assert zeros(outcome)
    assert len(outcome.facts["masked"]) == 3


@pytest.mark.parametrize(
    "options, word",
    [
        ({"technique": "l3"}, "l1_us"),
        ({"rate": 1.0}, "rate"),
        ({"rounds": 0}, "rounds"),
        ({"weights": "zhou"}, "sigma_sign"),
        ({"weights": "keep", "rewind_epoch": 1}, "needs"),
    ],
)
def test_iterative_masks_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        iterative_masks.run(FakeTrainer(), **dict({"technique": "l1_us"}, **options))
