"""RigL decides as a naive version does, keeps its counts, and tells what it costs."""

import math

import pytest
import torch
from rigs.fake_trainer import FakeTrainer, small_net

from edgejoule.prune import cost
from edgejoule.prune.recipes import rigl, static_sparse
from edgejoule.prune.weightmasks.rewiring import Rewiring

TOTAL = 3 * 8 * 9 + 8 * 12 * 9 + 48
KEPT = (216 - 172) + (864 - 691) + (48 - 38)  # of ratio 0.8


class Double(FakeTrainer):
    """Trains in float64."""

    def __init__(self, **options):
        super().__init__(**options)
        self.model = self.model.double()
        self.x = self.x.double()
        self.example = self.x[:1]
        self.replace(self.model)


def watched(monkeypatch, trainer, **options):
    """(outcome, one dict for each step: weights, gradients and masks before, and what came)."""
    seen, real = [], Rewiring.step_begun

    def spy(self, model):
        entry = {
            "step": self.steps + 1,
            "weights": {name: self.weight(name).clone() for name in self.mask},
            "gradients": {name: self.gradient(name).clone() for name in self.mask},
            "before": dict(self.mask),
            "state": {name: value.clone() for name, value in model.state_dict().items()},
        }
        real(self, model)
        entry["after"] = dict(self.mask)
        seen.append(entry)

    ended = Rewiring.step_ended

    def end(self, model):
        ended(self, model)
        seen[-1]["left"] = {name: value.clone() for name, value in model.state_dict().items()}
        seen[-1]["momentum"] = {
            name: state["momentum_buffer"].clone()
            for name in self.mask
            for state in [self.trainer.optimizer.state.get(model.get_parameter(name), {})]
            if state
        }

    monkeypatch.setattr(Rewiring, "step_begun", spy)
    monkeypatch.setattr(Rewiring, "step_ended", end)
    return rigl.run(trainer, **options), seen


def naive(weight, gradient, kept, share):
    """RigL's new mask, place by place, on lists of numbers."""
    weight, gradient, kept = weight.tolist(), gradient.tolist(), kept.tolist()
    active = sorted((abs(weight[i]), i) for i in range(len(kept)) if kept[i])
    count = math.floor(share * len(active) + 1e-9)
    stay = {i for _, i in active[count:]}
    absent = sorted((-abs(gradient[i]), i) for i in range(len(kept)) if i not in stay)
    return [i in stay or i in {j for _, j in absent[:count]} for i in range(len(kept))]


def test_its_exchanges_are_those_of_a_naive_version(monkeypatch):
    outcome, seen = watched(monkeypatch, Double(epochs=10), ratio=0.8, interval=3, until=0.8)
    end, changed = 24, []
    for each in seen:
        due = each["step"] % 3 == 0 and each["step"] < end
        share = 0.15 * (1 + math.cos(math.pi * each["step"] / end))
        for name, kept in each["before"].items():
            expected = kept.flatten().tolist()
            if due and not kept.all():
                values = [each[key][name].flatten() for key in ("weights", "gradients")]
                expected = naive(values[0], values[1], kept.flatten(), share)
            assert each["after"][name].flatten().tolist() == expected
        changed += [each["step"]] if due else []
    assert changed == [3, 6, 9, 12, 15, 18, 21] and len(seen) == 30
    assert outcome.facts["masked"][0]["changes"] == 7


def test_an_exchange_stands_in_place_of_the_step(monkeypatch):
    _, seen = watched(monkeypatch, Double(epochs=4), ratio=0.8, interval=4, until=1.0)
    for each in seen:
        same = [
            bool((each["left"][name] == value)[moved_not(each, name, value)].all())
            for name, value in each["state"].items()
            if "running" not in name and "batches" not in name
        ]
        assert all(same) is (each["step"] in (4, 8)), each["step"]  # the step 12 is the end


def moved_not(each, name, value):
    """Places whose connections stayed as they were."""
    if name not in each["before"]:
        return torch.ones_like(value, dtype=torch.bool)
    return each["before"][name] == each["after"][name]


def test_what_comes_is_zero_and_new_to_the_optimiser(monkeypatch):
    _, seen = watched(monkeypatch, FakeTrainer(epochs=8), ratio=0.8, interval=2)
    grown = 0
    for each in seen:
        for name, before in each["before"].items():
            new = each["after"][name] & ~before
            grown += int(new.sum())
            assert not each["left"][name][new].any()
            if name in each["momentum"]:
                assert not each["momentum"][name][new].any()
                assert not each["momentum"][name][before & ~each["after"][name]].any()
    assert grown > 50


@pytest.mark.parametrize("amsgrad", [True, False])
def test_all_moments_of_adam_are_forgotten(monkeypatch, amsgrad):
    trainer, found = FakeTrainer(epochs=4), []
    trainer.optimizer = torch.optim.Adam(trainer.model.parameters(), amsgrad=amsgrad)
    real = Rewiring.change

    def change(self, masks):
        before = dict(self.mask)
        real(self, masks)
        for name, flags in self.mask.items():
            state = trainer.optimizer.state[trainer.model.get_parameter(name)]
            moved, stayed = before[name] != flags, before[name] & flags
            for value in state.values():
                if isinstance(value, torch.Tensor) and value.shape == flags.shape:
                    found.append(int(moved.sum()))
                    assert not value[moved].any() and value[stayed].any()

    monkeypatch.setattr(Rewiring, "change", change)
    outcome = rigl.run(trainer, ratio=0.8, interval=3, until=1.0, densities="uniform")
    assert len(found) == 3 * 3 * (3 if amsgrad else 2) and sum(found) > 0
    assert absent_is_zero(outcome)


def absent_is_zero(outcome):
    """True if no masked weight of the network is other than zero."""
    model = outcome.model
    return not any(
        model.get_parameter(name).detach()[~flags].any()
        for name, flags in outcome.weight_mask.items()
    )


@pytest.mark.parametrize("grow", rigl.GROW)
def test_counts_never_change(monkeypatch, grow):
    trainer = FakeTrainer(epochs=40)
    outcome, seen = watched(
        monkeypatch, trainer, ratio=0.8, interval=2, grow=grow, anneal="constant", until=0.9
    )
    first = {name: int(flags.sum()) for name, flags in seen[0]["before"].items()}
    assert sum(first.values()) == KEPT
    for each in seen:
        assert {name: int(flags.sum()) for name, flags in each["after"].items()} == first
    assert sum(stage["changes"] for stage in outcome.facts["masked"]) == 53
    assert outcome.weight_mask.kept == KEPT and absent_is_zero(outcome)
    assert outcome.weight_mask.weights == TOTAL


def meddling(monkeypatch, meddle, **options):
    """The outcome of a run in which `meddle(rewiring)` acts before each step is begun."""
    real = Rewiring.step_begun

    def begun(self, model):
        self.steps += 1
        meddle(self)
        self.steps -= 1
        real(self, model)

    monkeypatch.setattr(Rewiring, "step_begun", begun)
    return rigl.run(FakeTrainer(epochs=2), ratio=0.8, until=1.0, **options)


def test_one_that_comes_back_at_once_keeps_its_value(monkeypatch):
    planted = []

    def plant(rewiring):
        if rewiring.steps == 4:
            weight, kept = rewiring.weight("3.weight"), rewiring.mask["3.weight"]
            place = tuple(kept.nonzero()[0].tolist())
            # the smallest weight and the steepest gradient
            weight[place], rewiring.gradient("3.weight")[place] = 1e-9, 1e9
            planted.append(place)
        elif rewiring.steps == 5:
            assert rewiring.mask["3.weight"][planted[0]]
            assert float(rewiring.weight("3.weight")[planted[0]]) == pytest.approx(1e-9)
            planted.append(True)

    meddling(monkeypatch, plant, interval=4)
    assert planted[1:] == [True]


@pytest.mark.parametrize("wrong", [float("inf"), float("nan")])
def test_gradients_that_are_not_finite_exchange_nothing(monkeypatch, wrong):
    masks = []

    def spoil(rewiring):
        masks.append(dict(rewiring.mask))
        if rewiring.steps == 4:
            rewiring.gradient("3.weight").view(-1)[0] = wrong
        elif rewiring.steps == 5:
            with torch.no_grad():  # what the spoilt step made of the network
                for value in rewiring.trainer.model.state_dict().values():
                    value.copy_(torch.nan_to_num(value.double(), 0.0).to(value.dtype))

    meddling(monkeypatch, spoil, interval=4)
    assert all(torch.equal(masks[3][name], masks[4][name]) for name in masks[0])


@pytest.mark.parametrize("step, expected", [(0, 0.3), (50, 0.15), (100, 0.0)])
def test_the_fraction_falls_as_a_cosine(step, expected):
    assert rigl.fraction(step, 100, 0.3) == pytest.approx(expected)
    assert rigl.fraction(step, 100, 0.3, "constant") == 0.3


def test_what_it_costs_is_told_exactly():
    trainer = FakeTrainer(epochs=4)
    outcome = rigl.run(trainer, ratio=0.8, densities="uniform", interval=3, until=0.75)
    assert trainer.phases() == [("search", 3), ("retrain", 1)] and trainer.charged == []
    search, retrain = outcome.facts["masked"]
    conv1, conv2, fc = 64 * 27 * 8, 64 * 72 * 12, 48  # MACs of one pass
    assert search["dense_flops_per_sample"] == 2 * (2 * conv1 + 3 * conv2 + 3 * fc)
    left = (44 / 216, 173 / 864, 10 / 48)
    sparse = 2 * (2 * conv1 * left[0] + 3 * conv2 * left[1] + 3 * fc * left[2])
    assert retrain["effective_flops_per_sample"] == pytest.approx(sparse, abs=2)
    # steps 3 and 6 of 9 need all gradients of the weights
    more = 2 * (conv1 * (1 - left[0]) + conv2 * (1 - left[1]) + fc * (1 - left[2])) * 2 / 9
    assert search["effective_flops_per_sample"] == pytest.approx(sparse + more, abs=2)
    assert (search["changes"], retrain["changes"]) == (2, 0)
    dense = 2 * (conv1 + conv2 + fc)
    kept = 2 * (conv1 * left[0] + conv2 * left[1] + fc * left[2])
    expected = (3 * kept * 3 + 2 * kept + dense) / 4
    assert outcome.facts["paper_flops_per_sample"] == pytest.approx(expected, abs=4)


def test_the_papers_own_figure():
    assert rigl.paper_flops(100, 1000, 100) == round((3 * 100 * 100 + 200 + 1000) / 101)
    assert rigl.paper_flops(1000, 1000, 7) == 3000 - 0


def test_a_dense_network_is_trained_as_ever():
    """Where nothing is absent no step gives way to an exchange."""
    trainer, twin = FakeTrainer(epochs=2), FakeTrainer(epochs=2)
    rigl.run(trainer, ratio=0.0, interval=2)
    with twin.phase("dense"):
        twin.train(2)
    state = twin.model.state_dict()
    assert all(torch.equal(state[name], each) for name, each in trainer.model.state_dict().items())


def test_without_room_for_an_exchange_it_says_so():
    trainer = FakeTrainer(epochs=2)
    outcome = rigl.run(trainer, ratio=0.5)
    assert "no connection is exchanged" in trainer.warnings[0]
    assert [stage["changes"] for stage in outcome.facts["masked"]] == [0]


def test_static_is_what_rigl_is_without_exchanges():
    one = static_sparse.run(FakeTrainer(epochs=3), ratio=0.7)
    other = rigl.run(FakeTrainer(epochs=3), ratio=0.7, interval=99)
    assert one.weight_mask.distance(other.weight_mask) == 0
    state = other.model.state_dict()
    assert all(torch.equal(state[name], each) for name, each in one.model.state_dict().items())
    assert one.facts["densities"] == other.facts["densities"]
    assert one.facts["densities"]["8.weight"] == 1.0, "the kernel rule fills the small layer"


def test_another_seed_draws_other_connections():
    masks = [rigl.run(FakeTrainer(epochs=1, seed=s), ratio=0.7).weight_mask for s in (0, 0, 1)]
    assert masks[0].distance(masks[1]) == 0 < masks[0].distance(masks[2])


@pytest.mark.parametrize(
    "options, word",
    [
        ({"interval": 0}, "start at 1 step"),
        ({"drop": 1.0}, r"lies in \(0, 1\)"),
        ({"until": 0.0}, r"in \(0, 1\]"),
        ({"anneal": "linear"}, "cosine, constant"),
        ({"grow": "momentum"}, "gradient, random"),
        ({"ratio": 1.0}, r"lie in \[0, 1\)"),
        ({"layers": "conv"}, "no setting 'layers'"),
    ],
)
def test_it_refuses_before_it_trains(options, word):
    trainer = FakeTrainer()
    with pytest.raises(ValueError, match=word):
        rigl.run(trainer, **dict({"ratio": 0.5}, **options))
    assert trainer.log == []


def test_the_masked_network_is_what_was_trained():
    """Setting the absent weights to zero once more changes nothing of its answers."""
    trainer = FakeTrainer(epochs=4)
    outcome = rigl.run(trainer, ratio=0.8, interval=2)
    twin = small_net()
    state = outcome.model.state_dict()
    state.update({name: state[name] * flags for name, flags in outcome.weight_mask.items()})
    twin.load_state_dict(state)
    assert torch.equal(twin.eval()(trainer.x), outcome.model.eval()(trainer.x))
    assert (
        cost.count(twin, trainer.example).params
        == cost.count(outcome.model, trainer.example).params
    )
