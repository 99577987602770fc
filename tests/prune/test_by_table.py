"""Recipe by_table: the papers' tables, strategies of scoring, and filters that stay frozen."""

import copy

import pytest
import torch
from rigs.fake_trainer import FakeTrainer

from edgejoule import plugins
from edgejoule.prune import grouping
from edgejoule.prune.criteria import l1
from edgejoule.prune.mask import masked
from edgejoule.prune.recipes import by_table
from edgejoule.prune.scoring import layer_tables
from edgejoule.prune.select import select, shares


def kept(outcome):
    return [int(flags.sum()) for flags in outcome.mask.values()]


MODELS = {
    "l1_vgg16": "vgg16",
    "hrank_vgg16": "vgg16",
    "l1_resnet56_a": "resnet56",
    "l1_resnet56_b": "resnet56",
    "l1_resnet110_a": "resnet110",
    "l1_resnet110_b": "resnet110",
}


def test_every_table_has_a_model_here():
    assert set(MODELS) == set(layer_tables.TABLES)


def groups_of(model):
    """The groups that mode "inner" finds in these models: VGG's layers, a block's first ones."""
    built = plugins.load("models", model).build()
    return grouping.find(built, torch.randn(1, 3, 32, 32), mode="inner")


@pytest.mark.parametrize("table", sorted(MODELS))
def test_a_table_s_names_are_groups_of_its_model(table):
    found = shares(layer_tables.named(table), groups_of(MODELS[table]))
    assert set(layer_tables.named(table)) <= set(found)


@pytest.mark.parametrize("table, model", [("l1_vgg16", "vgg16"), ("hrank_vgg16", "vgg16")])
def test_vgg16_s_widths(table, model):
    found = groups_of(model)
    gone = shares(layer_tables.named(table), found)
    left = [each.channels - int(gone[each.name] * each.channels + 1e-9) for each in found]
    widths = {
        "l1_vgg16": [32, 64, 128, 128, 256, 256, 256] + [256] * 6,
        "hrank_vgg16": [4, 32, 64, 64, 128, 128, 128, 52, 52, 52, 52, 103, 103],
    }
    assert left == widths[table]


@pytest.mark.parametrize(
    "table, depth, stages, skipped",
    [
        ("l1_resnet56_a", 56, (0.1, 0.1, 0.1), [16, 20, 38, 54]),
        ("l1_resnet56_b", 56, (0.6, 0.3, 0.1), [16, 18, 20, 34, 38, 54]),
        ("l1_resnet110_a", 110, (0.5, 0.0, 0.0), [36]),
        ("l1_resnet110_b", 110, (0.5, 0.4, 0.3), [36, 38, 74]),
    ],
)
def test_resnets_skip_the_layers_of_the_paper_counted_one_by_one(table, depth, stages, skipped):
    model = plugins.load("models", "resnet{}".format(depth)).build()
    convolutions = [
        name
        for name, each in model.named_modules()
        if isinstance(each, torch.nn.Conv2d) and each.kernel_size == (3, 3)
    ]
    expected = {}
    for place, name in enumerate(convolutions, 1):
        if place > 1 and place % 2 == 0 and place not in skipped and stages[int(name[7])]:
            expected[name] = stages[int(name[7])]
    assert layer_tables.named(table) == expected


def test_layers_lose_their_shares_in_one_cut():
    trainer = FakeTrainer(epochs=2)
    outcome = by_table.run(trainer, table={"0": 0.25, "3": 0.5})
    assert kept(outcome) == [6, 6] and trainer.phases() == [("dense", 2), ("retrain", 2)]
    assert len(trainer.charged) == 1
    assert kept(by_table.run(FakeTrainer(epochs=1), table={"*": 0.5})) == [4, 6]
    assert kept(by_table.run(FakeTrainer(epochs=1), table={"3": 0.5})) == [8, 6]


def test_one_layer_after_the_other():
    trainer = FakeTrainer(epochs=2)
    outcome = by_table.run(trainer, table={"*": 0.5}, between=1, criterion="hrank")
    assert kept(outcome) == [4, 6] and len(trainer.charged) == 1
    assert [row[4] for row in trainer.log] == [20, 20, 16, 10, 10, 10]


def test_greedy_scores_see_what_is_cut_and_independent_ones_do_not():
    answers = []
    for rescore in (False, True):
        trainer = FakeTrainer(epochs=0)
        with torch.no_grad():  # filter 0 of the second layer reads channel 0 alone, which leaves
            trainer.model[0].weight[0] = 0
            trainer.model[3].weight[0] = 0
            trainer.model[3].weight[0, 0] = 9.0
        dense = copy.deepcopy(trainer.model)
        found = grouping.find(dense, trainer.example, mode="inner")
        outcome = by_table.run(trainer, table={"*": 0.5}, rescore=rescore, retrain_epochs=0)
        first = select(l1.scores(dense, found, []), found[:1], {"0": 0.5})
        model = masked(dense, found, first) if rescore else dense
        second = select(l1.scores(model, found, []), found[1:], {"3": 0.5})
        assert outcome.mask["0"].tolist() == first["0"].tolist()
        assert outcome.mask["3"].tolist() == second["3"].tolist()
        answers.append(bool(outcome.mask["3"][0]))
    assert answers == [True, False]


def test_the_cut_network_is_the_masked_one():
    trainer = FakeTrainer(epochs=0)
    dense = trainer.model
    outcome = by_table.run(trainer, table={"*": 0.5}, rescore=True, retrain_epochs=0)
    expected = masked(dense, outcome.groups, outcome.mask).eval()(trainer.x)
    assert torch.allclose(outcome.model.eval()(trainer.x), expected, atol=1e-5)


def test_frozen_filters_keep_their_values_and_others_move():
    """Half of 4 and of 6 kept filters: those of least score, through weight decay and momentum."""
    trainer = FakeTrainer(epochs=1)
    seen, replace = [], trainer.replace
    trainer.replace = lambda model: (seen.append(copy.deepcopy(model)), replace(model))
    outcome = by_table.run(trainer, table={"*": 0.5}, frozen=0.5)
    after_cut, scores = seen[-1], l1.scores
    for layer in (0, 3):
        moved = (outcome.model[layer].weight - after_cut[layer].weight).flatten(1).abs().sum(1)
        frozen = moved == 0
        assert int(frozen.sum()) == len(moved) // 2
    found = grouping.find(after_cut, trainer.example, mode="inner")
    norms = scores(after_cut, found, [])["0"]
    first = (outcome.model[0].weight - after_cut[0].weight).flatten(1).abs().sum(1)
    assert set(norms.argsort()[:2].tolist()) == set((first == 0).nonzero().flatten().tolist())


@pytest.mark.parametrize(
    "options, words",
    [
        ({"table": "l1_vgg"}, "no table called 'l1_vgg'; there are: hrank_vgg16, l1_resnet110_a"),
        ({"table": "l1_vgg16"}, "no group matches 'features.0'; groups are: 0, 3"),
        ({"table": {"0": 1.0}}, "ratio is 1.0"),
        ({"table": {"*": 0.0}}, "removes nothing"),
        ({"table": {"*": 0.5}, "frozen": 1.0}, "frozen=1.0"),
        ({"table": {"*": 0.5}, "between": -1}, "between=-1"),
        ({"table": {"*": 0.5}, "ratio": 0.5}, "has no setting 'ratio'"),
        ({}, "table is missing"),
    ],
)
def test_it_refuses_before_it_trains(options, words):
    trainer = FakeTrainer(epochs=1)
    with pytest.raises(ValueError, match=words):
        by_table.run(trainer, **options)
    assert not trainer.log


def test_groups_that_the_criterion_cannot_judge_are_told():
    layers = list(FakeTrainer().model)
    trainer = FakeTrainer(torch.nn.Sequential(*layers[:1] + layers[2:]), epochs=1)
    outcome = by_table.run(trainer, table={"*": 0.5}, criterion="slim")
    assert kept(outcome) == [8, 6]
    assert any("slim cannot judge 0" in sentence for sentence in trainer.warnings)
