"""Controls before and after training, pruning in steps, early stopping, kept rounds, kappa."""

import json

import pytest
import torch
from rigs.fake_trainer import FakeTrainer
from torch.nn import functional

from edgejoule.prune import schedules
from edgejoule.prune.cost import count
from edgejoule.prune.recipes import at_init, auto_kappa, lottery
from edgejoule.prune.saliency import snip
from edgejoule.prune.scoring.knee import knee
from edgejoule.prune.weightmasks import treatments, weight_mask
from edgejoule.prune.weightmasks.early_stopping import EarlyStop

EVERY = ("grasp", "magnitude", "random", "snip", "synflow")
FEW = {"synflow": {"iterations": 5}, "grasp": {"score_batches": 3, "per_class": 6}}


def masked(monkeypatch, saliency, **options):
    """(the mask, the weights that training starts with) of a run with half of the weights."""
    seen, real = [], weight_mask.held
    with monkeypatch.context() as patch:
        patch.setattr(
            weight_mask,
            "held",
            lambda model, mask: (seen.append(treatments.snapshot(model)), real(model, mask))[1],
        )
        options = dict(FEW.get(saliency, {}), **options)
        outcome = at_init.run(FakeTrainer(epochs=1), ratio=0.5, saliency=saliency, **options)
    return outcome.weight_mask, seen[0]


@pytest.mark.parametrize("saliency", EVERY)
def test_every_score_before_training_has_all_controls(monkeypatch, saliency):
    plain, weights = masked(monkeypatch, saliency)
    initial = FakeTrainer().model.state_dict()
    assert all(torch.equal(initial[name], value) for name, value in weights.items())
    shuffled, _ = masked(monkeypatch, saliency, control="shuffle")
    assert all(int(plain[name].sum()) == int(shuffled[name].sum()) for name in plain)
    assert plain.distance(shuffled) > 0.1
    inverted, _ = masked(monkeypatch, saliency, control="invert")
    assert inverted.kept == plain.kept
    if saliency != "synflow":  # scored anew on what is left, so no plain complement
        assert plain.distance(inverted) > 0.99
    same, fresh = masked(monkeypatch, saliency, weights="reinit")
    assert plain.distance(same) == 0
    assert not torch.equal(fresh["3.weight"], initial["3.weight"])


def test_inverted_flow_removes_the_largest_flows(monkeypatch):
    plain, _ = masked(monkeypatch, "synflow", iterations=1)
    inverted, _ = masked(monkeypatch, "synflow", iterations=1, control="invert")
    assert plain.distance(inverted) > 0.99


def test_in_steps_every_score_sees_what_the_step_before_left(monkeypatch):
    """Against the same steps one by one, each with a mask of weights set to zero."""
    trainer, seen, real = FakeTrainer(epochs=1), [], snip.scores

    def spy(model, mask, batches, **options):
        zeros = [model.get_parameter(name).detach() == 0 for name in mask]
        seen.append(all(torch.equal(z, ~flags) for z, flags in zip(zeros, mask.values())))
        return real(model, mask, batches, **options)

    monkeypatch.setattr(snip, "scores", spy)
    outcome = at_init.run(trainer, ratio=0.9, saliency="snip", iterations=4)
    assert seen == [True] * 4
    assert outcome.weight_mask.kept == 1128 - int(0.9 * 1128)
    assert len(trainer.charged) == 4
    with pytest.raises(ValueError, match="rounds"):
        at_init.run(FakeTrainer(), ratio=0.9, iterations=0)
    assert schedules.geometric(0.9, 1) == [0.9]


def test_controls_after_training():
    """Frankle et al., 2021, appendix F: the mask of trained weights, permuted or turned over."""
    plain, shuffled, inverted = (
        lottery.run(FakeTrainer(epochs=2), ratio=0.5, rounds=2, control=each)
        for each in ("none", "shuffle", "invert")
    )
    counts = [[int(f.sum()) for f in o.weight_mask.values()] for o in (plain, shuffled)]
    assert counts[0] == counts[1]
    assert 0.1 < plain.weight_mask.distance(shuffled.weight_mask) < 0.9
    assert inverted.weight_mask.kept == plain.weight_mask.kept
    assert [s["kept"] for s in plain.facts["masked"]] == [
        s["kept"] for s in inverted.facts["masked"]
    ]
    trainer = FakeTrainer(epochs=2)
    one = lottery.run(trainer, ratio=0.5, control="invert")
    twin = lottery.run(FakeTrainer(epochs=2), ratio=0.5)
    assert one.weight_mask.distance(twin.weight_mask) > 0.99
    with pytest.raises(ValueError, match="none, shuffle, invert"):
        lottery.run(FakeTrainer(), ratio=0.5, control="reinit")


def test_shuffled_rounds_before_the_last_are_the_true_ones():
    trainer, twin = FakeTrainer(epochs=1), FakeTrainer(epochs=1)
    lottery.run(trainer, ratio=0.75, rounds=2, control="shuffle")
    lottery.run(twin, ratio=0.75, rounds=2)
    assert trainer.rounds[1][0].distance(twin.rounds[1][0]) == 0
    assert trainer.rounds[2][0].distance(twin.rounds[2][0]) > 0.1


@pytest.mark.parametrize("keep", [False, True])
def test_a_lottery_keeps_its_rounds(keep):
    trainer = FakeTrainer(epochs=1)
    outcome = lottery.run(trainer, ratio=0.75, rounds=2, keep_weights=keep)
    masks = [mask for mask, _, _ in trainer.rounds]
    assert [mask.kept for mask in masks] == [1128, 564, 282]
    assert masks[-1].distance(outcome.weight_mask) == 0
    assert [weights for *_, weights in trainer.rounds] == [keep] * 3
    assert trainer.rounds[-1][1] == trainer.accuracy()


def test_reset_to_epoch_5_as_in_grasp_s_table(monkeypatch):
    trainer, twin = FakeTrainer(epochs=8), FakeTrainer(epochs=8)
    seen, real = [], treatments.treat

    def spy(model, *rest):
        real(model, *rest)
        seen.append(treatments.snapshot(model))

    monkeypatch.setattr(treatments, "treat", spy)
    lottery.run(trainer, ratio=0.5, rewind_epoch=5)
    with twin.phase("dense"):
        twin.train(5, total=8)
    assert all(torch.equal(seen[0][n], v) for n, v in twin.model.state_dict().items())
    assert [row[1] for row in trainer.log if row[0] == "retrain"] == [5, 6, 7]


def naive_losses(trainer, epochs, images):
    """The loss on the images after each epoch of a twin's training, and the state of the least."""
    losses, states = [], []

    def look(epoch):
        trainer.model.eval()
        logits = torch.cat([trainer.model(x).detach() for x, _ in images])
        labels = torch.cat([y for _, y in images])
        losses.append(float(functional.cross_entropy(logits, labels)))
        states.append(treatments.snapshot(trainer.model))

    with trainer.phase("dense"):
        trainer.train(epochs, after_epoch=look)
    return losses, states


def test_early_stopping_prunes_the_weights_of_the_least_held_out_loss():
    """Trained so fast that the least loss is not the last."""
    options = {"epochs": 6, "rate": 1.5}
    trainer, twin = FakeTrainer(**options), FakeTrainer(**options)
    losses, states = naive_losses(twin, 6, twin.batches(2, "test"))
    best = min(range(6), key=losses.__getitem__)
    outcome = lottery.run(trainer, ratio=0.5, early_stop=2)
    dense, sparse = outcome.facts["early_stops"]
    assert dense["early_stop_epoch"] == best + 1
    assert dense["validation_loss"] == pytest.approx(losses[best], rel=1e-6)
    assert 1 <= sparse["early_stop_epoch"] <= 6
    values = torch.cat([states[best][name].abs().flatten() for name in outcome.weight_mask])
    kept = torch.cat([flags.flatten() for flags in outcome.weight_mask.values()])
    assert values[kept].min() >= values[~kept].max()
    assert trainer.phases() == [("dense", 6), ("retrain", 6)]
    forward = count(trainer.model, trainer.example).forward_macs
    looks = [row for row in trainer.charged if row[2] == "validation for early stopping"]
    assert (
        looks
        == [("dense", 2 * 32 * forward, looks[0][2])] * 6
        + [("retrain", 2 * 32 * forward, looks[0][2])] * 6
    )
    assert json.dumps(outcome.facts)


def test_early_stopping_changes_no_training():
    plain, watched = FakeTrainer(epochs=3), FakeTrainer(epochs=3)
    with plain.phase("dense"):
        plain.train(3)
    watch = EarlyStop(watched, watched.batches(1, "test"))
    with watched.phase("dense"):
        watched.train(3, after_epoch=watch)
    state = watched.model.state_dict()
    assert all(torch.equal(state[n], v) for n, v in plain.model.state_dict().items())
    tensors, facts = watch.state()
    other = EarlyStop(watched, [])
    other.restore(tensors, json.loads(json.dumps(facts)))
    assert other.facts(2) == watch.facts(2) and other.facts(2)["early_stop_epoch"] > 2
    other.recall()
    assert all(torch.equal(watched.model.state_dict()[n], v) for n, v in tensors.items())


def test_a_training_that_diverged_has_no_early_stopping_point():
    trainer = FakeTrainer(epochs=1)
    watch = EarlyStop(trainer, trainer.batches(1, "test"))
    trainer.model[8].bias.data.fill_(float("nan"))
    with trainer.phase("dense"):
        watch(0)
    assert set(watch.facts(0).values()) == {None} and watch.weights is None
    watch.recall()


@pytest.mark.parametrize(
    "options, word",
    [
        ({"early_stop": 0}, "start at 1"),
        ({"early_stop": 1, "rewind_step": 2}, "rewind_epoch instead"),
    ],
)
def test_lottery_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        lottery.run(FakeTrainer(), ratio=0.5, **options)


def test_the_knee_of_two_kinds_of_scores_lies_between_them():
    low, high = torch.full((90,), 0.01), torch.full((10,), 1.0)
    assert knee({"a": low, "b": high}) == pytest.approx(0.89)
    assert knee({"a": torch.ones(5)}) == 0
    assert knee({"a": torch.arange(10.0)}) == 0


def test_the_knee_hangs_on_the_largest_score():
    """Why its authors gave it up: one outlier among ten thousand moves kappa by several percent."""
    torch.manual_seed(0)
    scores = torch.randn(10_000).abs() * torch.randn(10_000).abs()
    before = knee({"a": scores})
    scores[0] = 10 * scores.max()
    assert knee({"a": scores}) > before + 0.03


def test_auto_kappa_tells_what_each_sample_says():
    trainer = FakeTrainer(epochs=1)
    drawn = trainer.batches(3)
    trainer.batches = lambda count, split="train": [drawn.pop()]
    outcome = auto_kappa.run(trainer, samples=3)
    told = outcome.facts
    assert len(told["kappas"]) == 3 and 0 < told["spread"] < 1
    assert outcome.weight_mask.kept == 1128 - weight_mask.removal(told["kappas"][0], 1128)
    assert [row[0] for row in trainer.charged] == ["score"] * 3
    with pytest.raises(ValueError, match="samples start at 1"):
        auto_kappa.run(FakeTrainer(), samples=0)
