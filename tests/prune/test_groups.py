"""Which channels are found to leave together, how they are described, and what stays whole."""

import copy
import pickle

import pytest
import torch
from torch import nn

from edgejoule import plugins
from edgejoule.bench.zoo import attention, branches, chains, hidden, sequences, splits
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import grouping, groups
from edgejoule.prune.groups import Group, Slice, Unit

resnet20 = plugins.load("models", "resnet20")

IMAGE = torch.zeros(1, 3, 32, 32)


def found(net, mode="coupled", **settings):
    torch.manual_seed(0)
    model = awake(net.build())
    return model, grouping.find(model, example(net), mode, **settings)


def by_name(each):
    return {group.name: group for group in each}


def test_a_chain_is_described_to_the_last_index():
    model = nn.Sequential(
        nn.Conv2d(3, 2, 3, bias=False), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)
    )
    one = ((0,), (1,))
    assert list(grouping.find(model, torch.zeros(1, 3, 4, 4))) == [
        Group(
            "0",
            2,
            (
                Slice("0.weight", 0, one),
                Slice("1.weight", 0, one),
                Slice("1.bias", 0, one),
                Slice("1.running_mean", 0, one),
                Slice("1.running_var", 0, one),
                Slice("4.weight", 1, ((0, 1, 2, 3), (4, 5, 6, 7))),
            ),
            (Unit("0", "1"),),
        )
    ]


@pytest.mark.parametrize("shortcut,streams", [("A", 1), ("B", 3)])
def test_resnet20_streams(shortcut, streams):
    model = resnet20.build(shortcut=shortcut)
    each = grouping.find(model, IMAGE)
    inner = grouping.find(model, IMAGE, mode="inner")
    assert len(each) == 9 + streams and len(inner) == 9
    assert {group.channels for group in inner} == {16, 32, 64}
    assert all(len(group.units) == 1 and group.units[0].norm for group in inner)


def test_a_residual_stream_has_every_writer_as_unit():
    _, each = found(branches.NETS["residual"])
    assert [(g.name, [u.producer for u in g.units]) for g in each] == [
        ("stem.0", ["stem.0", "middle.f.1"]),
        ("middle.f.0.0", ["middle.f.0.0"]),
    ]
    _, inner = found(branches.NETS["residual"], "inner")
    assert [group.name for group in inner] == ["middle.f.0.0"]
    assert dict(inner.whole)["stem.0"].startswith("its channel axis is part of a residual stream")


def test_depthwise_channels_leave_with_their_filters():
    _, each = found(splits.NETS["dw_multiplier2"])
    stem = by_name(each)["stem.0"]
    depth = next(s for s in stem.slices if s.tensor == "middle.0.weight")
    assert depth.axis == 0 and depth.indices[:2] == ((0, 1), (2, 3))


def test_groups_of_a_convolution_lose_the_same_places():
    _, each = found(splits.NETS["grouped"])
    stem = by_name(each)["stem.0"]
    assert stem.channels == 4
    assert stem.slices[0].indices[1] == (1, 5, 9, 13)


def test_gates_of_an_lstm_leave_with_their_unit():
    _, each = found(sequences.NETS["lstm_head"])
    hidden = by_name(each)["rnn"]
    assert hidden.channels == 12 and hidden.units == (Unit("rnn", None, "rnn.weight_ih_l0", 0),)
    part = next(s for s in hidden.slices if s.tensor == "rnn.bias_hh_l0")
    assert part.indices[3] == (3, 15, 27, 39)


def test_filters_are_rows_and_norms_are_vectors():
    model, each = found(branches.NETS["residual"])
    stream = each[0]
    rows = groups.filters(model, stream)
    assert [tuple(r.shape) for r in rows] == [(16, 27), (16, 12 * 9)]
    assert torch.equal(rows[0], model.stem[0].weight.detach().flatten(1))
    (norm,) = groups.norms(model, stream)
    assert norm.shape == (4, 16) and torch.equal(norm[3], model.stem[1].running_var)
    assert groups.norm_eps(model, stream) == [model.stem[1].eps]


def test_filters_of_tied_positions_are_one_row():
    model, each = found(sequences.NETS["lstm_head"])
    (rows,) = groups.filters(model, by_name(each)["rnn"])
    weight = model.rnn.weight_ih_l0.detach()
    assert rows.shape == (12, 4 * 32)
    assert torch.equal(rows[5], torch.cat([weight[5 + 12 * gate] for gate in range(4)]))


def test_a_norm_without_scale_counts_as_the_identity():
    model, each = found(chains.NETS["norm_bn_noaffine"])
    middle = next(g for g in each if g.name == "middle.0")
    (norm,) = groups.norms(model, middle)
    assert norm[0].unique().tolist() == [1.0] and norm[1].unique().tolist() == [0.0]


def test_ignored_layers_keep_their_channels_and_the_rest_is_found():
    _, all_groups = found(branches.NETS["cat_branches"])
    _, each = found(branches.NETS["cat_branches"], ignore=("middle.a.*",))
    assert {g.name for g in all_groups} - {g.name for g in each} == {"middle.a.0"}
    assert dict(each.whole)["middle.a.0"] == "its channel axis is ignored on request"


def test_an_ignored_name_that_is_no_layer_is_an_error():
    with pytest.raises(ValueError, match="no layer called 'middle.z'"):
        found(branches.NETS["cat_branches"], ignore=("middle.z",))


def test_an_unknown_mode_is_an_error():
    with pytest.raises(ValueError, match="no mode called 'outer'.*coupled, inner, select"):
        found(branches.NETS["residual"], "outer")


@pytest.mark.parametrize(
    "net,layer,reason",
    [
        (hidden.NETS["unknown_op"], "a.0", "enters 'renorm', for which there is no rule"),
        (chains.NETS["hard_view"], "b.0", "fails when its channels are fewer"),
        (chains.NETS["norm_gn4"], "middle.0", "averaged over by group_norm in 'middle.1'"),
        (
            attention.NETS["channel_count"],
            "middle.a.0",
            "numbers that depend on the number of channels",
        ),
        (hidden.NETS["scripted"], "a.0", "code that can't be traced"),
        (sequences.NETS["projected"], "lead", "projected hidden states"),
        (hidden.NETS["zeroed_slices"], "a.0", "treats its channels by fixed numbers"),
    ],
)
def test_what_stays_whole_says_why(net, layer, reason):
    _, each = found(net)
    assert reason in dict(each.whole)[layer]
    assert layer not in by_name(each)


def test_control_flow_on_data_refuses_the_whole_model():
    _, each = found(hidden.NETS["data_branch"])
    assert not each and "its control flow depends on the data" in each.whole[0][1]


def test_finding_leaves_no_trace_on_the_model():
    torch.manual_seed(0)
    net = splits.NETS["shuffle"]
    model = awake(net.build()).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    grouping.find(model, example(net))
    assert torch.equal(state, torch.get_rng_state())
    assert model.training and not list(model._forward_hooks)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_groups_are_copied_and_pickled_as_values():
    _, each = found(branches.NETS["residual"])
    twin, thawed = copy.deepcopy(each), pickle.loads(pickle.dumps(each))
    assert list(twin) == list(thawed) == list(each) and twin.recording is each.recording
    assert thawed.recording is None and thawed.whole == each.whole


def test_the_same_groups_are_found_twice():
    _, one = found(splits.NETS["c2f_yolo"])
    _, two = found(splits.NETS["c2f_yolo"])
    assert list(one) == list(two)
