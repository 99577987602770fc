"""SET, DSR and Deep-R: what goes, what comes, and that the number of connections stays."""

import pytest
import torch
from rigs import small_training
from rigs.fake_trainer import FakeTrainer

from edgejoule.prune.recipes import deepr, dsr
from edgejoule.prune.recipes import set as evolution
from edgejoule.prune.weightmasks.rewiring import Rewiring


@pytest.fixture
def watched(monkeypatch):
    """Every call of `Rewiring.change`: masks and weights before, masks and weights after."""
    found, real = [], Rewiring.change

    def change(self, masks):
        before = dict(self.mask)
        weights = {name: self.weight(name).clone() for name in before}
        real(self, masks)
        left = {name: self.weight(name).clone() for name in before}
        found.append((self.steps, before, weights, dict(self.mask), left, dict(self.notes)))

    monkeypatch.setattr(Rewiring, "change", change)
    return found


def counts(masks):
    """Connections of each tensor."""
    return {name: int(flags.sum()) for name, flags in masks.items()}


def whole(outcome):
    """True if no absent weight of the network is other than zero."""
    return not any(
        outcome.model.get_parameter(name).detach()[~flags].any()
        for name, flags in outcome.weight_mask.items()
    )


def plain(**options):
    """A trainer whose steps are plain SGD."""
    return FakeTrainer(momentum=0.0, **options)


@pytest.mark.parametrize("mode", sorted(evolution.MODES))
def test_set_moves_the_smallest_after_each_epoch_but_the_last(watched, mode):
    trainer = FakeTrainer(epochs=52)
    outcome = evolution.run(trainer, ratio=0.8, mode=mode, sparse_layers="all", densities="uniform")
    assert trainer.phases() == [("search", 51), ("retrain", 1)]
    assert [each[0] for each in watched] == [3 * epoch for epoch in range(1, 52)]
    for _, before, weights, after, left, _ in watched:
        assert counts(before) == counts(after)
        for name, kept in before.items():
            gone, new = kept & ~after[name], after[name] & ~kept
            assert gone.flatten().tolist() == smallest(weights[name], kept, mode)
            assert not left[name][new].any()
            assert torch.equal(left[name][kept & after[name]], weights[name][kept & after[name]])
    assert outcome.facts["masked"][0]["changes"] == 51 and whole(outcome)


def smallest(weight, kept, mode):
    """SET's rule on lists of numbers: which places go."""
    weight, kept = weight.flatten().double().tolist(), kept.flatten().tolist()
    active = [place for place, is_kept in enumerate(kept) if is_kept]
    parts = [active]
    if mode == "per_sign":
        parts = [[i for i in active if weight[i] > 0], [i for i in active if weight[i] < 0]]
    gone = set()
    for part in parts:
        part.sort(key=lambda place: abs(weight[place]))
        gone |= set(part[: int(0.3 * len(part) + 1e-9)])
    return [place in gone for place in range(len(weight))]


def test_set_by_its_own_epsilon_leaves_the_classifier_dense():
    outcome = evolution.run(FakeTrainer(epochs=2), epsilon=2.0)
    assert counts(outcome.weight_mask) == {
        "0.weight": 2 * (8 + 27),
        "3.weight": 2 * (12 + 72),
        "8.weight": 48,
    }


def test_set_moves_what_was_evaluated(monkeypatch):
    trainer, order = small_training.trainer(epochs=3), []
    monkeypatch.setattr(trainer, "accuracy", noted(trainer.accuracy, order, "evaluated"))
    monkeypatch.setattr(Rewiring, "change", noted(Rewiring.change, order, "moved"))
    evolution.run(trainer, ratio=0.5)
    assert order == ["evaluated", "moved", "evaluated", "moved", "evaluated"]


def noted(function, order, word):
    """The function, which adds a word to the order when it is called."""

    def called(*arguments):
        order.append(word)
        return function(*arguments)

    return called


@pytest.mark.parametrize(
    "options, word",
    [
        ({}, "give one of them"),
        ({"ratio": 0.5, "epsilon": 20.0}, "give one of them"),
        ({"epsilon": 20.0, "densities": "erk"}, "no effect with epsilon"),
        ({"epsilon": 0.0}, "above 0"),
        ({"ratio": 0.5, "drop": 0.0}, r"lies in \(0, 1\)"),
        ({"ratio": 0.5, "mode": "sign"}, "per_sign, magnitude"),
    ],
)
def test_set_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        evolution.run(FakeTrainer(), **options)


def test_the_threshold_of_dsr_follows_its_target():
    threshold, found = 1e-3, []
    for gone in (400, 250, 120, 105, 80, 95, 110, 111):
        threshold = dsr.moved(threshold, gone, 100, 0.1)
        found.append(threshold)
    assert found == [5e-4, 2.5e-4, 1.25e-4, 1.25e-4, 2.5e-4, 2.5e-4, 2.5e-4, 1.25e-4]


def test_the_spacing_of_dsr_doubles():
    steps = [0, 249, 250, 799, 800, 1399, 1400]
    found = [dsr.spacing(step, 100, (250, 800, 1400)) for step in steps]
    assert found == [100, 100, 200, 200, 400, 400, 800]


def test_dsr_trades_between_layers_and_keeps_their_sum(watched):
    trainer = FakeTrainer(epochs=40)
    outcome = dsr.run(
        trainer, ratio=0.7, interval=2, threshold=0.02, doublings=(), sparse_layers="all"
    )
    threshold, target, traded = 0.02, 340 // 100, set()
    assert [each[0] for each in watched] == list(range(2, 114, 2))
    for _, before, weights, after, left, notes in watched:
        assert notes["threshold"] == threshold
        lost = {}
        for name, kept in before.items():
            gone = kept & (weights[name].abs() < threshold)
            if int(gone.sum()) == int(kept.sum()):
                gone.view(-1)[weights[name].abs().argmax()] = False
            lost[name] = int(gone.sum())
            # what went does not come back while there is room elsewhere
            assert not (gone & after[name]).any() or after[name].all()
            assert (after[name] | gone)[kept].all()
            assert not left[name][after[name] & ~kept].any()
        survivors = {name: int(kept.sum()) - lost[name] for name, kept in before.items()}
        total = sum(lost.values())
        for name, grown in counts(after).items():
            share = total * survivors[name] / sum(survivors.values())
            full = all(int(after[n].sum()) < after[n].numel() for n in after)
            assert not full or abs(grown - survivors[name] - share) < 1
        assert sum(counts(after).values()) == sum(counts(before).values())
        traded.add(tuple(counts(after).values()))
        threshold = dsr.moved(threshold, total, target, 0.1)
    assert len(traded) > 5 and whole(outcome)
    assert outcome.facts["threshold"] == threshold


def test_dsr_tells_the_mean_work_of_a_mask_that_moves(watched):
    trainer = FakeTrainer(epochs=6)
    outcome = dsr.run(
        trainer, ratio=0.7, interval=2, threshold=0.05, doublings=(), sparse_layers="all", until=0.5
    )
    search, retrain = outcome.facts["masked"]
    macs = {"0.weight": 2 * 64 * 27 * 8, "3.weight": 3 * 64 * 72 * 12, "8.weight": 3 * 48}
    sizes = {"0.weight": 216, "3.weight": 864, "8.weight": 48}
    first, last = watched[0][1], outcome.weight_mask
    masks = [first]
    for step in range(2, 10):  # the mask of each of nine steps
        masks.append(next((w[3] for w in reversed(watched) if w[0] < step), first))

    def work(mask):
        return sum(2 * macs[name] * n / sizes[name] for name, n in counts(mask).items())

    expected = sum(work(mask) for mask in masks) / 9
    assert search["effective_flops_per_sample"] == pytest.approx(expected, abs=2)
    assert retrain["effective_flops_per_sample"] == pytest.approx(work(last), abs=2)
    assert work(first) != pytest.approx(work(last), abs=100), "the mask moved"
    assert trainer.phases() == [("search", 3), ("retrain", 3)]


@pytest.mark.parametrize(
    "options, word",
    [
        ({"interval": 0}, "start at 1 step"),
        ({"doublings": [1.5]}, "shares of the training"),
        ({"threshold": 0.0}, "above 0"),
        ({"target": 0}, "starts at 1"),
        ({"tolerance": 1.0}, r"lies in \[0, 1\)"),
    ],
)
def test_dsr_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        dsr.run(FakeTrainer(), ratio=0.5, **options)


class Given:
    """A trainer of one linear layer that takes one step with a given gradient."""

    def __init__(self, weights, gradient, rate):
        self.model = torch.nn.Linear(len(weights), 1, bias=False).double()
        with torch.no_grad():
            self.model.weight.copy_(torch.tensor([weights], dtype=torch.float64))
        self.gradient = torch.tensor([gradient], dtype=torch.float64)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=rate)
        self.example = torch.ones(1, len(weights), dtype=torch.float64)
        self.epochs, self.steps_per_epoch, self.seed, self.log = 1, 1, 0, []

    def phase(self, name):
        return torch.no_grad()  # any context will do

    def train(self, epochs, penalty, after_step, **options):
        self.model.weight.grad = self.gradient.clone()
        penalty(self.model)
        self.optimizer.step()
        self.log.append(self.model.weight.detach().clone())
        after_step(self.model)
        return epochs


def test_a_step_of_deep_r_by_hand():
    """theta = (.3, .02, .001) with signs (1, -1, 1), of six connections none asleep but three."""
    trainer = Given([0.3, -0.02, 0.001], [0.5, -0.5, 0.5], rate=0.05)
    outcome = deepr.run(trainer, ratio=0.0, l1=0.01, temperature=0.0)
    moved = trainer.log[0][0] * torch.tensor([1.0, -1.0, 1.0])
    assert moved.tolist() == pytest.approx([0.2745, -0.0055, -0.0245])
    assert outcome.weight_mask.kept == 3, "where no other sleeps, the same two wake"
    assert outcome.model.weight[0].tolist() == pytest.approx([0.2745, -1e-12, 1e-12])


def test_the_noise_of_deep_r():
    walk = deepr.Walk(temperature=1e-4)
    assert walk.deviation(0.05) == pytest.approx(0.0031622777)
    assert deepr.Walk(noise="code", gdnoise=2e-5).deviation(0.05) == pytest.approx(1e-6)
    count = 20000
    trainer = Given([1.0] * count, [0.0] * count, rate=0.05)
    deepr.run(trainer, ratio=0.5, temperature=1e-4, l1=0.02)
    moved = trainer.log[0][trainer.log[0] != 0] - 1
    assert len(moved) == count // 2
    assert float(moved.std()) == pytest.approx(0.0031622777, rel=0.03)
    assert float(moved.mean()) == pytest.approx(-0.05 * 0.02, abs=1e-4)


@pytest.mark.parametrize("noise", deepr.NOISE)
def test_at_a_rate_of_zero_nothing_ever_changes(watched, noise):
    trainer = plain(epochs=3, rate=0.0)
    before = {name: value.clone() for name, value in trainer.model.named_parameters()}
    outcome = deepr.run(trainer, ratio=0.5, noise=noise, sparse_layers="all")
    assert [stage["changes"] for stage in outcome.facts["masked"]] == [0] and len(watched) == 9
    for name, value in trainer.model.named_parameters():
        flags = outcome.weight_mask.get(name, torch.ones_like(value, dtype=torch.bool))
        assert torch.equal(value, before[name] * flags)


@pytest.mark.parametrize("scope", deepr.SCOPES)
def test_deep_r_keeps_signs_and_counts(watched, scope):
    trainer = plain(epochs=30)
    signs = {n: torch.where(v < 0, -1.0, 1.0) for n, v in trainer.model.named_parameters()}
    outcome = deepr.run(trainer, ratio=0.7, scope=scope, sparse_layers="all", temperature=1e-6)
    per_layer, woken = set(), 0
    for _, before, weights, after, _, _ in watched:
        assert sum(counts(before).values()) == sum(counts(after).values()) == 340
        per_layer.add(tuple(counts(after).values()))
        for name, kept in before.items():
            asleep = kept & (weights[name] * signs[name] <= 0)
            woken += int((after[name] & ~kept).sum())
            assert not (asleep & after[name]).any(), "others slept"
            assert after[name][kept & ~asleep].all()
    assert len(watched) == 90 and woken > 50
    assert (len(per_layer) == 1) is (scope == "layer")
    for name, flags in outcome.weight_mask.items():
        theta = outcome.model.get_parameter(name).detach() * signs[name]
        assert (theta[flags] > 0).all() and not theta[~flags].any()


def test_deep_r_rests_when_it_was_asked_to(watched):
    trainer = plain(epochs=4)
    outcome = deepr.run(trainer, ratio=0.7, sparse_layers="all", until=0.5)
    assert len(watched) == 6 and trainer.phases() == [("search", 2), ("retrain", 2)]
    assert outcome.facts["masked"][1]["changes"] == 0 and whole(outcome)


@pytest.mark.parametrize(
    "options, word",
    [
        ({"noise": "pink"}, "paper, code"),
        ({"gdnoise": 1e-5}, "no effect with noise='paper'"),
        ({"noise": "code", "temperature": 1e-5}, "no effect with noise='code'"),
        ({"l1": -1.0}, "negative"),
        ({"wake": 0.0}, "above 0"),
        ({"scope": "net"}, "layer, global"),
        ({"until": 1.5}, r"in \(0, 1\]"),
    ],
)
def test_deep_r_refuses(options, word):
    with pytest.raises(ValueError, match=word):
        deepr.run(plain(), ratio=0.5, **options)


def test_deep_r_needs_plain_steps():
    with pytest.raises(ValueError, match="SGD with momentum 0.9; set train.optimiser"):
        deepr.run(FakeTrainer(), ratio=0.5)
    trainer = FakeTrainer()
    trainer.optimizer = torch.optim.Adam(trainer.model.parameters())
    with pytest.raises(ValueError, match="plain SGD, the training has Adam"):
        deepr.run(trainer, ratio=0.5)
