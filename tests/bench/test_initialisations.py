"""Initial weights: drawn ones against torch's own and closed forms, trained ones by effect."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from rigs.fake_meter import FakeMeter, Silent
from rigs.fake_trainer import small_net
from torch import nn
from torch.utils.data import TensorDataset

from edgejoule import plugins
from edgejoule.bench import plan, settings, suite
from edgejoule.bench.architectures import weights
from edgejoule.bench.data import Data
from edgejoule.bench.initialisations import (
    adversarial,
    gaussian,
    kaiming,
    layerwise,
    orthogonal,
    xavier,
)
from edgejoule.bench.initialisations import model as own
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training import autoencoders, initial
from edgejoule.bench.training.journal import Journal, fingerprint
from edgejoule.bench.training.resume import ResumingTrainer
from edgejoule.prune import cost
from edgejoule.prune.recipes import lottery

NAMES = plugins.names("initialisations")
TRAINED = [name for name in NAMES if plugins.load("initialisations", name).TRAINS]
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def section(**given):
    """A train section with every default filled in."""
    return settings.resolve("train", dict({"epochs": 2, "batch_size": 8}, **given))


def various():
    """Layers of every kind that gets weights, and a norm that keeps its own."""
    return nn.ModuleList(
        [
            nn.Conv2d(3, 8, 3, stride=2),
            nn.Conv2d(8, 8, 3, groups=4, bias=False),
            nn.BatchNorm2d(8),
            nn.Linear(8, 5),
            nn.LSTM(5, 6, batch_first=True),
        ]
    )


def naive(net, draw):
    """Every matrix of the network by torch's own function, its vectors 0 but for norms'."""
    for layer in net.modules():
        if not isinstance(layer, NORMS):
            for each in layer.parameters(recurse=False):
                if each.dim() > 1:
                    draw(each)
                else:
                    nn.init.zeros_(each)
    return net


@pytest.mark.parametrize(
    "module, options, theirs",
    [
        (kaiming, {}, lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
        (kaiming, {"draw": "uniform"}, lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu")),
        (
            kaiming,
            {"gain": 1.0, "fan": "out"},
            lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="linear"),
        ),
        (xavier, {}, nn.init.xavier_uniform_),
        (xavier, {"draw": "normal", "gain": 2.0}, lambda w: nn.init.xavier_normal_(w, 2.0)),
        (gaussian, {}, lambda w: nn.init.normal_(w, 0.0, 0.1)),
        (orthogonal, {"gain": 1.5}, lambda w: nn.init.orthogonal_(w, 1.5)),
    ],
)
def test_drawn_weights_are_those_of_torch(module, options, theirs):
    ours, other = various(), various()
    torch.manual_seed(3)
    assert module.initialise(ours, **options) is ours
    torch.manual_seed(3)
    expected = dict(naive(other, theirs).named_parameters())
    for name, value in ours.named_parameters():
        assert torch.allclose(value, expected[name], rtol=1e-6, atol=1e-7), name


@pytest.mark.parametrize(
    "module, options, deviation, extreme",
    [
        (kaiming, {}, math.sqrt(2 / 450), None),
        (kaiming, {"fan": "out", "draw": "uniform"}, math.sqrt(2 / 900), math.sqrt(6 / 900)),
        (xavier, {}, math.sqrt(2 / 1350), math.sqrt(6 / 1350)),
        (xavier, {"draw": "normal", "gain": 3.0}, 3 * math.sqrt(2 / 1350), None),
        (gaussian, {"deviation": 0.3}, 0.3, None),
    ],
)
def test_moments_are_the_stated_ones(module, options, deviation, extreme):
    layer = nn.Conv2d(50, 100, 3)  # 450 inputs a unit, 900 outputs an input, 45000 weights
    torch.manual_seed(0)
    module.initialise(layer, **options)
    drawn = layer.weight.detach()
    assert float(drawn.std()) == pytest.approx(deviation, rel=0.02)
    assert abs(float(drawn.mean())) < 5 * deviation / math.sqrt(drawn.numel())
    if extreme is not None:  # of 45000 uniform numbers the largest is close to the edge
        assert 0.99 * extreme < float(drawn.abs().max()) <= extreme * (1 + 1e-6)
    else:
        assert float(drawn.abs().max()) > 3 * deviation


@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (40, 3, 3, 3), (12, 12)])
def test_orthogonal_rows_or_columns_have_the_norm_of_the_gain(shape):
    layer = nn.Linear(*shape[::-1]) if len(shape) == 2 else nn.Conv2d(3, shape[0], 3)
    orthogonal.initialise(layer, gain=1.5)
    rows = layer.weight.detach().flatten(1)
    product = rows @ rows.t() if rows.shape[0] <= rows.shape[1] else rows.t() @ rows
    assert torch.allclose(product, 2.25 * torch.eye(len(product)), atol=1e-5)


def test_the_default_is_the_weights_that_a_model_is_built_with():
    torch.manual_seed(5)
    net = small_net()
    before, after = fingerprint(net), torch.get_rng_state()
    assert own.initialise(net) is net and fingerprint(net) == before
    assert initial.drawn(net, section()) is net and fingerprint(net) == before
    assert torch.equal(torch.get_rng_state(), after)
    assert initial.drawn(net, {"epochs": 2}) is net  # of a record older than the choice


@pytest.fixture
def marking(monkeypatch):
    """Draws become ones: whom they reach is asked, and a draw of millions takes seconds."""
    for name in ("orthogonal_", "kaiming_normal_", "normal_", "trunc_normal_", "uniform_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *args, **kwargs: nn.init.ones_(tensor))
    monkeypatch.setattr(nn.init, "kaiming_uniform_", lambda tensor, *args, **kwargs: tensor)


@pytest.mark.parametrize("model", plugins.names("models"))
def test_every_draw_reaches_all_of_every_model(model, marking):
    net = plugins.load("models", model).build()
    matrices = list(weights.matrices(net))
    # nothing that has a fan is left out
    assert len(matrices) == sum(each.dim() > 1 for each in net.parameters()) > 0
    for name in set(NAMES) - set(TRAINED) - {"model"}:
        for each in net.parameters():
            nn.init.constant_(each, 2.0)
        plugins.load("initialisations", name).initialise(net)
        assert all(float(each.detach().flatten()[0]) == 1.0 for each in matrices), name
        for layer in net.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)) and layer.bias is not None:
                assert not layer.bias.detach().any(), name
            if isinstance(layer, NORMS):
                assert torch.equal(layer.weight, torch.full_like(layer.weight, 2.0)), name


@pytest.mark.parametrize("model", ["lenet", "resnet20", "alexnet_s", "wrn_16_4", "mlp5", "lstm_s"])
def test_the_layers_that_learn_layerwise_are_all_but_the_last(model, marking):
    module = plugins.load("models", model)
    net = module.build()
    example = torch.zeros((2,) + module.INPUT_SHAPE)
    found = [layer for _, layer in autoencoders.layers(net, example)]
    every = [each for each in net.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
    assert set(every) - set(found) == {every[-1]} and len(found) == len(set(found))
    for layer in found[:3] + found[-1:]:
        entering = autoencoders.entering(net, layer, example)
        assert autoencoders.Autoencoder(layer)(entering).shape == entering.shape


def test_settings_are_those_of_the_chosen_one():
    assert section(initialisation="orthogonal", gain=2)["gain"] == 2.0
    assert section(initialisation="layerwise")["pretrain_epochs"] == 10
    with pytest.raises(ValueError, match="train has no setting 'gain'"):
        section(gain=2.0)
    with pytest.raises(ValueError, match="no initialisation called 'kaming'.*'kaiming'"):
        section(initialisation="kaming")
    with pytest.raises(ValueError, match="train.fan = 'both'; choose one of: in, out"):
        section(initialisation="kaiming", fan="both")
    with pytest.raises(ValueError, match="train.draw"):
        section(initialisation="xavier", draw="cauchy")
    with pytest.raises(ValueError, match="train.pretrain_epochs"):
        section(initialisation="adversarial", pretrain_epochs=0)


def test_an_axis_of_initialisations_is_a_grid_each_with_its_settings(tmp_path):
    (tmp_path / "a.toml").write_text(
        'question = "Which?"\nmodel = "fcnet"\ndataset = "xshape"\n'
        '[train]\nepochs = 1\ninitialisation = ["model", "orthogonal", "layerwise"]\n'
        '[[prune]]\nrecipe = "dense"\n'
    )
    found = [each.train for each in suite.read(str(tmp_path / "a.toml")).cases]
    assert [each["initialisation"] for each in found] == ["model", "orthogonal", "layerwise"]
    assert ["gain" in each for each in found] == [False, True, False]
    assert ["pretrain_rate" in each for each in found] == [False, False, True]


def case(**train):
    """A case of lenet300 on the 8 x 8 digits."""
    return suite.Case(
        model=settings.resolve("model", {"name": "lenet300", "side": 8}),
        dataset=settings.resolve("dataset", {"name": "digits"}),
        train=section(**train),
        prune=settings.resolve("prune", {"recipe": "dense"}),
        measure=settings.resolve("measure", {}),
    )


def test_a_default_changes_no_case_id_and_a_choice_does():
    assert suite.case_id(case()) == suite.case_id(case(initialisation="model"))
    ids = {suite.case_id(case(initialisation=name)) for name in NAMES}
    assert len(ids) == len(NAMES)


def trainer_on(folder, model=None, images=32, train=None, build=small_net):
    """A resuming trainer on random pictures of 4 classes, 24 of them for tests."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(images + 24, 3, 8, 8, generator=generator)
    y = torch.arange(images + 24) % 4
    data = Data(
        TensorDataset(x[:images], y[:images]),
        TensorDataset(x[images:], y[images:]),
        lambda x, noise: x + 0.1 * torch.randn(x.shape, generator=noise),
    )
    chosen = train or section(seed=1)
    torch.manual_seed(1)
    return ResumingTrainer(
        Journal(folder, {}),
        build() if model is None else model,
        data,
        chosen,
        Ledger(FakeMeter(None), lambda: None),
        Silent(),
        lambda: None,
        lambda: initial.drawn(build(), chosen),
    )


def test_random_labels_are_a_seeded_permutation_of_the_true_ones():
    x, y = torch.randn(90, 2), (torch.arange(90) % 5).clamp(max=2)  # three fifths are of class 2
    split = TensorDataset(x, y)
    dealt = adversarial.shuffled(split, 7)
    assert torch.equal(dealt.tensors[0], x)
    assert torch.equal(dealt.tensors[1].bincount(), y.bincount())
    assert not torch.equal(dealt.tensors[1], y)
    assert torch.equal(dealt.tensors[1], adversarial.shuffled(split, 7).tensors[1])
    assert not torch.equal(dealt.tensors[1], adversarial.shuffled(split, 8).tensors[1])


class Listed:
    """A split that is read from disk: a list of labels, and pictures that count their readings."""

    def __init__(self, labels):
        self.listing, self.read = [(None, label) for label in labels], 0

    def __len__(self):
        return len(self.listing)

    def __getitem__(self, index):
        self.read += 1
        return torch.full((1,), float(index)), self.listing[index][1]


def test_labels_of_pictures_on_disk_are_shuffled_without_reading_one():
    split = Listed([0, 0, 0, 1, 1, 2] * 5)
    dealt = adversarial.shuffled(split, 1)
    assert split.read == 0 and len(dealt) == 30
    pairs = [dealt[index] for index in range(30)]
    assert [float(x) for x, _ in pairs] == list(range(30))
    told = [label for _, label in pairs]
    assert sorted(told) == sorted(label for _, label in split.listing)
    assert told != [label for _, label in split.listing]


def test_labels_of_a_split_without_a_list_are_read():
    assert adversarial.labels([("a picture", 4), ("another", 5)]).tolist() == [4, 5]


def test_adversarial_weights_know_the_random_labels(tmp_path):
    chosen = section(
        seed=1,
        initialisation="adversarial",
        pretrain_epochs=60,
        pretrain_until=0.9,
        learning_rate=0.1,
        milestones=[],
    )
    trainer = trainer_on(tmp_path, train=chosen)
    true, test_before = trainer.data, trainer.data.test.tensors[1].clone()
    initial.pretrain(trainer, chosen)
    epochs = trainer.ledger.epochs
    assert epochs[0].train_accuracy < 0.5 and epochs[-1].train_accuracy >= 0.9  # chance is 0.25
    assert len(epochs) < 60  # it ended when they were known
    assert trainer.data is true and torch.equal(true.test.tensors[1], test_before)
    # what is known are the shuffled labels, not the true ones
    x, y = adversarial.shuffled(true.train, 1).tensors
    trainer.model.eval()
    told = trainer.model(x).argmax(1)
    assert (
        float((told == y).float().mean())
        > 0.8
        > float((told == true.train.tensors[1]).float().mean())
    )
    (phase,) = trainer.ledger.phases
    per_picture = 2 * cost.count(trainer.model, trainer.example).train_macs
    assert phase.name == "pretrain" and phase.flops["exact"] == len(epochs) * 32 * per_picture
    assert not trainer.warnings


def test_labels_that_were_not_learned_are_told(tmp_path, monkeypatch):
    chosen = section(initialisation="adversarial", pretrain_epochs=1)
    trainer, replaced = trainer_on(tmp_path, train=chosen), []
    monkeypatch.setattr(trainer, "replace", replaced.append)
    initial.pretrain(trainer, chosen)
    assert replaced == [trainer.model]  # a new optimiser: momentum does not go on
    assert (
        len(trainer.warnings) == 1 and "of the random labels after 1 epochs" in trainer.warnings[0]
    )


def test_adversarial_pretraining_augments_nothing(tmp_path):
    chosen = section(initialisation="adversarial", pretrain_epochs=1)
    trainer = trainer_on(tmp_path, train=chosen)

    def refuse(x, noise):
        raise AssertionError("augmented")

    trainer.data = trainer.data._replace(augment=refuse, varied=trainer.data.train)
    initial.pretrain(trainer, chosen)
    assert trainer.data.augment is refuse


def test_every_layer_learns_to_give_back_what_enters_it(tmp_path):
    trainer = trainer_on(tmp_path)
    last = trainer.model[-1].weight.detach().clone()
    state = {name: value.clone() for name, value in trainer.model.named_buffers()}
    chance = torch.get_rng_state()
    with trainer.phase("pretrain"):
        losses = layerwise.initialise(trainer, pretrain_epochs=8, pretrain_rate=0.01)
    assert list(losses) == ["0", "3"] and all(len(each) == 8 for each in losses.values())
    assert all(each[-1] < 0.9 * each[0] for each in losses.values())
    assert torch.equal(trainer.model[-1].weight, last)  # it gives the classes
    assert all(torch.equal(state[name], value) for name, value in trainer.model.named_buffers())
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(each.grad is None for each in trainer.model.parameters())
    assert not trainer.warnings


def test_a_layer_learns_on_what_the_learned_layers_before_it_give(tmp_path):
    """The second layer's input is recomputed: its weights depend on the first one's."""
    trainer = trainer_on(tmp_path)
    net = trainer.model
    x = trainer.data.train.tensors[0][:16]
    expected = net[2](torch.nn.functional.batch_norm(net[0](x), None, None, training=True))
    assert torch.allclose(autoencoders.entering(net, net[3], x), expected, atol=1e-6)
    assert net.training


@pytest.mark.parametrize("units", [1, 2])
def test_a_linear_layer_loses_no_less_than_the_discarded_eigenvalues(tmp_path, units):
    """Any code of k numbers with a linear decoder: the mean loss is bounded by PCA's."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(96, 6, generator=generator) * torch.tensor([3.0, 2.0, 1.0, 0.5, 0.3, 0.1])
    net = nn.Sequential(nn.Linear(6, units), nn.ReLU(), nn.Linear(units, 4))
    trainer = trainer_on(tmp_path, model=nn.Sequential(nn.Flatten(), nn.Linear(192, 4)))
    trainer.model, trainer.example = net, x[:1]
    trainer.data = Data(TensorDataset(x, torch.arange(96) % 4), trainer.data.test, None)
    with trainer.phase("pretrain"):
        losses = layerwise.initialise(trainer, pretrain_epochs=40, pretrain_rate=0.02)["0"]
    centred = (x - x.mean(0)).double()
    _, sizes, _ = torch.svd(centred)
    bound = float((sizes[units:] ** 2).sum()) / x.numel()
    assert bound - 1e-4 < losses[-1] < losses[0]


def test_layerwise_work_is_counted_layer_by_layer(tmp_path):
    trainer = trainer_on(tmp_path)
    with trainer.phase("pretrain"):
        layerwise.initialise(trainer, pretrain_epochs=3)
    first, second = 8 * 27 * 64, 12 * 72 * 64  # MACs of the two convolutions on 8 x 8 pixels
    # encoder: forward and weights (its input needs no gradient); decoder: those and its input
    steps = (2 + 3) * first + first + (2 + 3) * second  # the second goes forward through the first
    assert trainer.ledger.phases[0].flops["exact"] == 3 * 32 * 2 * steps


@pytest.mark.parametrize("name", TRAINED)
def test_a_plan_has_the_work_of_the_run(tmp_path, name):
    chosen = section(initialisation=name, pretrain_epochs=2)
    trainer = trainer_on(tmp_path, train=chosen)
    source = SimpleNamespace(TRAIN_IMAGES=32, CLASSES=4, INPUT_SHAPE=(3, 8, 8))
    planned = plan.rehearsed(
        SimpleNamespace(train=chosen, prune={"recipe": "dense"}), small_net(), source, (3, 8, 8)
    )
    initial.pretrain(trainer, chosen)
    assert planned.flops["pretrain"] == trainer.ledger.phases[0].flops["exact"] > 0
    assert [part.phase for part in planned.parts] == ["pretrain", "dense"]


def run(folder, chosen):
    """(trainer, outcome) of a lottery after pretraining, with dropout that draws by chance."""

    def build():
        return nn.Sequential(small_net(), nn.Dropout(0.1))

    trainer = trainer_on(folder, train=chosen, build=build)
    trainer.replace(initial.drawn(trainer.model, chosen))
    initial.pretrain(trainer, chosen)
    return trainer, lottery.run(trainer, ratio=0.5, weights="reinit")


@pytest.mark.parametrize("name", NAMES)
def test_an_interrupted_run_ends_bit_equal(tmp_path, name):
    more = {"pretrain_epochs": 2} if name in TRAINED else {}
    chosen = section(seed=1, initialisation=name, **more)
    whole, outcome = run(tmp_path, chosen)
    count = len(whole.ledger.phases)
    for later in reversed(range(1, count)):
        (tmp_path / "journal" / "phase-{:02d}.json".format(later)).unlink()
        trainer, again = run(tmp_path, chosen)
        assert len(trainer.resumed) == later
        found, expected = again.model.state_dict(), outcome.model.state_dict()
        # not the fingerprint: a masked weight may be 0 or -0
        assert all(torch.equal(found[key], expected[key]) for key in expected)
        assert json.dumps(trainer.warnings) == json.dumps(whole.warnings)


@pytest.mark.parametrize("name", ["kaiming", "orthogonal"])
def test_networks_built_anew_are_initialised_likewise_with_other_draws(tmp_path, name):
    trainer = trainer_on(tmp_path, train=section(initialisation=name))
    one, two = trainer.fresh(), trainer.fresh()
    assert fingerprint(one) != fingerprint(two)
    for net in (one, two):
        rows = net[3].weight.detach().flatten(1)
        square = torch.allclose(rows @ rows.t(), torch.eye(12), atol=1e-5)
        assert square == (name == "orthogonal") and not net[-1].bias.detach().any()
