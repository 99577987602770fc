"""Deep Compression as a whole: the file of a network, and the recipe that leads to it."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies
from rigs.fake_trainer import FakeTrainer, small_net
from torch import nn

from edgejoule import plugins
from edgejoule.prune.compression import archive, layers, sharing
from edgejoule.prune.compression.layers import Bits
from edgejoule.prune.recipes import deep_compression
from edgejoule.prune.weightmasks import thresholds, weight_mask

NARROW = Bits((4, 8), (3, 5))


def shared_net(seed=0, deviations=0.7, dtype=torch.float32, model=None, bits=NARROW):
    """A network whose weights share few values, some of them 0."""
    torch.manual_seed(seed)
    model = (small_net() if model is None else model).to(dtype)
    mask = weight_mask.full(model, weight_mask.names(model))
    mask = thresholds.above(model, mask, deviations=deviations)
    with torch.no_grad():
        for name, (value_bits, _) in bits.of(model).items():
            weight = model.get_parameter(name)
            weight.copy_(sharing.share(weight, mask[name], value_bits).weights())
    return model


def raw(tensor):
    return tensor.detach().contiguous().numpy().tobytes()


@settings(max_examples=20, deadline=None)
@given(
    strategies.integers(0, 10**6),
    strategies.floats(0, 3),
    strategies.sampled_from([torch.float32, torch.float64]),
)
def test_a_network_comes_back_bit_by_bit(seed, deviations, dtype):
    model = shared_net(seed, deviations, dtype)
    found = archive.decode(archive.encode(model, NARROW))
    expected = model.state_dict()
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and found[name].shape == value.shape
        assert raw(found[name]) == raw(value), name


def test_the_decoded_network_computes_the_same():
    model = shared_net().eval()
    other = small_net().eval()
    other.load_state_dict(archive.decode(archive.encode(model, NARROW)))
    x = torch.randn(5, 3, 8, 8)
    assert torch.equal(model(x), other(x))


def test_networks_of_other_layers():
    model = nn.Sequential(
        nn.Conv1d(2, 4, 3, groups=2), nn.ConvTranspose1d(4, 3, 2), nn.Flatten(), nn.LSTM(27, 4)
    )
    found = archive.decode(archive.encode(shared_net(model=model), NARROW))
    assert all(raw(found[name]) == raw(value) for name, value in model.state_dict().items())
    coded = layers.coded(model, NARROW)
    assert set(coded) == {"0.weight", "1.weight"}, "recurrent weights stay as they are"


def test_widths_of_convolutions_and_of_linear_layers():
    coded = layers.coded(shared_net(bits=Bits()), Bits())
    assert [(each.value_bits, each.run_bits) for each in coded.values()] == [(8, 8)] * 2 + [(5, 5)]
    for wrong in ((0, 4), (4, 17)):
        with pytest.raises(ValueError, match="between 1 and 16"):
            Bits(conv=wrong)


def test_stages_are_counted_layer_by_layer():
    model = shared_net()
    found = archive.stages(model, NARROW)
    state = model.state_dict()
    rest = sum(v.numel() * v.element_size() for n, v in state.items() if n not in NARROW.of(model))
    assert found["dense"] == sum(v.numel() * v.element_size() for v in state.values())
    entries = 0
    for name, (_, run_bits) in NARROW.of(model).items():
        positions = np.flatnonzero(state[name].numpy())
        gaps = np.diff(positions, prepend=-1)
        entries += (32 + run_bits) * int(sum((gap - 1) // 2**run_bits + 1 for gap in gaps))
    assert found["pruned"] == -(-entries // 8) + rest
    assert found["payload"] < found["huffman"] < found["file"]
    assert found["shared"] < found["pruned"] < found["dense"]
    assert found["file"] == len(archive.encode(model, NARROW))


def test_a_file_on_disk(tmp_path):
    model = shared_net()
    archive.save(tmp_path / "net", model, NARROW)
    assert (tmp_path / "net").read_bytes() == archive.encode(model, NARROW)
    found = archive.load(tmp_path / "net")
    assert all(raw(found[name]) == raw(value) for name, value in model.state_dict().items())


def test_the_header_says_what_follows():
    packed = archive.encode(shared_net(), NARROW)
    length = int.from_bytes(packed[8:12], "little")
    tensors = json.loads(packed[16 : 16 + length].decode())["tensors"]
    assert tensors[0]["name"] == "0.weight" and tensors[0]["shape"] == [8, 3, 3, 3]
    assert tensors[1] == {"name": "1.weight", "shape": [8], "dtype": "float32"}
    body = 16 + length
    for each in tensors:
        if "packed" in each:
            body += (
                4 * each["values"] + each["values"] + 2 ** each["run_bits"] + sum(each["packed"])
            )
        else:
            body += int(np.prod(each["shape"])) * np.dtype(each["dtype"]).itemsize
    assert body == len(packed)


@pytest.mark.parametrize(
    "spoil, word",
    [
        (lambda packed: b"EJSIGNS1" + packed[8:], "no compressed network"),
        (lambda packed: packed[:10], "no compressed network"),
        (lambda packed: packed[:-1], "damaged"),
        (lambda packed: packed[:-9] + bytes([packed[-9] ^ 1]) + packed[-8:], "damaged"),
        (lambda packed: packed[:16] + b"?" + packed[17:], "header is not JSON"),
    ],
)
def test_damaged_files_are_refused(spoil, word):
    with pytest.raises(ValueError, match=word):
        archive.decode(spoil(archive.encode(shared_net(), NARROW)))


def test_networks_that_share_nothing_are_refused():
    with pytest.raises(ValueError, match="share weights first"):
        archive.encode(small_net(), NARROW)
    with pytest.raises(ValueError, match="bfloat16"):
        archive.encode(small_net().bfloat16(), NARROW)


SMALL = dict(conv_bits=4, linear_bits=3, deviations=0.5, centroid_gradient="mean")


@pytest.mark.parametrize("gradient", sharing.GRADIENTS)
def test_the_recipe_prunes_shares_and_tunes(gradient):
    trainer = FakeTrainer(epochs=4)
    outcome = deep_compression.run(
        trainer, retrain_epochs=3, tune_epochs=2, **dict(SMALL, centroid_gradient=gradient)
    )
    assert trainer.phases() == [("dense", 4), ("retrain", 5)]
    state = outcome.model.state_dict()
    for (name, flags), most in zip(outcome.weight_mask.items(), (15, 15, 7)):
        assert not state[name][~flags].any()
        assert 1 < len(state[name][flags].unique()) <= most
    assert [stage["epochs"] for stage in outcome.facts["masked"]] == [3, 2]
    bits = Bits((4, 8), (3, 5))
    assert outcome.facts["bytes"] == archive.stages(outcome.model, bits)
    found = archive.decode(archive.encode(outcome.model, bits))
    assert all(raw(found[name]) == raw(value) for name, value in outcome.model.state_dict().items())
    phase, flops, what = trainer.charged[0]
    assert (phase, what) == ("score", "k-means") and flops > 0


def test_tuning_moves_the_values_and_lowers_the_loss():
    losses = []
    for epochs in (0, 6):
        trainer = FakeTrainer(epochs=6, rate=0.2)
        outcome = deep_compression.run(trainer, tune_epochs=epochs, **dict(SMALL, conv_bits=2))
        outcome.model.train()
        with torch.no_grad():
            losses.append(float(nn.functional.cross_entropy(outcome.model(trainer.x), trainer.y)))
    assert losses[1] < losses[0]


def test_layers_that_are_not_pruned_share_all_the_same():
    trainer = FakeTrainer(epochs=1)
    outcome = deep_compression.run(trainer, layers="conv", **SMALL)
    assert set(outcome.weight_mask) == {"0.weight", "3.weight"}
    assert len(outcome.model[8].weight.unique()) <= 7 and outcome.facts["bytes"]["file"] > 0


@pytest.mark.parametrize(
    "options, word",
    [
        ({"deviations": -1.0}, "start at 0"),
        ({"conv_bits": 0}, "between 1 and 16"),
        ({"linear_run_bits": 20}, "between 1 and 16"),
        ({"tune_epochs": -1}, "start at 0"),
        ({"centroid_gradient": "median"}, "sum, mean"),
        ({"ratio": 0.5}, "no setting 'ratio'"),
    ],
)
def test_refused_before_any_training(options, word):
    trainer = FakeTrainer(epochs=1)
    with pytest.raises(ValueError, match=word):
        deep_compression.run(trainer, **options)
    assert not trainer.log


def test_resnet20_in_a_file():
    model = shared_net(model=plugins.load("models", "resnet20").build(10, 3), bits=Bits())
    images = torch.randn(4, 3, 32, 32)
    again = plugins.load("models", "resnet20").build(10, 3)
    again.load_state_dict(archive.decode(archive.encode(model, Bits())))
    assert torch.equal(model.eval()(images), again.eval()(images))
    found = archive.stages(model, Bits())
    assert found["file"] < 0.4 * found["dense"]
