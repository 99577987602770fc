"""Every network of bench/models: its pinned size, its shapes, and the figures papers print."""

import pytest
import torch
from rigs import foreign_operators
from torch import nn

from edgejoule import members, plugins
from edgejoule.bench.architectures import cifar_resnets, weights
from edgejoule.prune import cost

NAMES = plugins.names("models")


def module_of(name):
    return plugins.load("models", name)


@pytest.fixture
def undrawn(monkeypatch):
    """Networks keep torch's own draw: their shape is asked for, and orthogonal draws are slow."""
    for name in ("orthogonal_", "kaiming_normal_", "normal_", "trunc_normal_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)


@pytest.mark.parametrize("name", NAMES)
def test_size_and_work_are_pinned(name, undrawn):
    module = module_of(name)
    counted = cost.count(module.build(), torch.zeros((1,) + module.INPUT_SHAPE))
    assert counted.params == module.PARAMETERS
    assert counted.forward_macs == module.MACS
    assert counted.uncounted == ()


@pytest.mark.parametrize("name", NAMES)
def test_any_number_of_classes_and_channels(name, undrawn):
    module = module_of(name)
    _, h, w = module.INPUT_SHAPE
    net = module.build(7, 2).eval()
    with torch.no_grad():
        assert net(torch.zeros(2, 2, h, w)).shape == (2, 7)


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_the_shape_it_is_made_for(name):
    module = module_of(name)
    if isinstance(module, members.Member):
        net = module.build()
        assert list(net.parameters())[-1].shape[0] == module.CLASSES
        return
    defaults = module.build.__defaults__
    assert defaults == (module.CLASSES, module.INPUT_SHAPE[0])


# (model, parameters in millions, MACs in millions or None) as methods papers and code print them
PUBLISHED = [
    ("resnet56", 0.853018, 125.49),
    ("resnet110", 1.727962, 252.89),
    ("resnet32", 0.464154, None),
    ("resnet32_grasp", 1.860522, None),
    ("densenet40", 1.059, 282.9),
    ("conv6", 1.806666, 153.4),
    ("lenet5", 0.143098, None),
    ("lenet", 0.060074, None),
    ("lenet300", 0.266610, None),
    ("conv2_lottery", 4.3, None),
    ("conv4_lottery", 2.4, None),
    ("alexnet_snipit", 28.28, 232.9),
    ("vgg16_snipit", 50.704, 356.2),
    ("resnet18_snipit", 11.708, 37.5),
    ("mobilenetv2", 3.505, 300.8),
    ("vgg19", 20.04, None),
    ("alexnet_imagenet", 61.1, None),
    ("vgg11_imagenet", 132.86, None),
    ("wrn_16_10", 17.1, None),
    ("wrn_22_8", 17.2, None),
    ("resnet50", 25.557, 4089.2),
]


def rounds_to(value, printed):
    """True if a value, rounded as the printed figure is, is that figure."""
    digits = len(str(printed).split(".")[1])
    return round(value, digits) == pytest.approx(printed, abs=1e-9)


@pytest.mark.parametrize("name, millions, macs", PUBLISHED)
def test_published_sizes(name, millions, macs):
    module = module_of(name)
    assert rounds_to(module.PARAMETERS / 1e6, millions)
    assert macs is None or rounds_to(module.MACS / 1e6, macs)


def without_norms(net):
    """Weights and biases of convolutions, linear and recurrent layers: what SNIP counts."""
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    return sum(
        parameter.numel()
        for layer in net.modules()
        if not isinstance(layer, norms)
        for parameter in layer.parameters(recurse=False)
    )


@pytest.mark.parametrize(
    "name, printed",
    [
        ("alexnet_s", 5.07),
        ("alexnet_b", 8.49),
        ("vgg_c", 10.5),
        ("vgg_d", 15.2),
        ("vgg_like", 15.0),
    ],
)
def test_snip_counts_leave_out_norms(name, printed, undrawn):
    assert rounds_to(without_norms(module_of(name).build()) / 1e6, printed)


@pytest.mark.parametrize(
    "name, single_bias",
    [("lstm_s", 136586), ("lstm_b", 535306), ("gru_s", 103690), ("gru_b", 403978)],
)
def test_recurrent_counts_with_one_bias_vector(name, single_bias):
    net = module_of(name).build()
    assert module_of(name).PARAMETERS - net.cell.bias_hh_l0.numel() == single_bias


# width of each pair of convolutions, and their weights, in the tickets' figure 2 38K, 260K, 1.1M
LOTTERY_CONVS = [
    ("conv2_lottery", (64,), 38592),
    ("conv4_lottery", (64, 128), 259776),
    ("conv6_lottery", (64, 128, 256), 1144512),
]


@pytest.mark.parametrize("name, pairs, convolutional", LOTTERY_CONVS)
def test_the_convolutions_of_the_lottery_tickets_by_hand(name, pairs, convolutional):
    """Parameters and MACs from the widths alone; a pooling halves the side after each pair."""
    inputs, side, convolved, parameters, work = 3, 32, 0, 0, 0
    for width in pairs:
        for channels in (inputs, width):
            convolved += 9 * channels * width
            parameters += 9 * channels * width + width
            work += 9 * channels * width * side * side
        inputs, side = width, side // 2
    for features, units in ((inputs * side * side, 256), (256, 256), (256, 10)):
        parameters += features * units + units
        work += features * units
    module = module_of(name)
    assert convolved == convolutional
    assert parameters == module.PARAMETERS and work == module.MACS


@pytest.mark.parametrize("name", ["conv2_lottery", "conv4_lottery", "conv6_lottery"])
def test_the_lottery_convolutions_take_other_sides(name, undrawn):
    net = module_of(name).build(10, 1, side=8)
    assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_glorot_has_the_stated_deviation():
    layer = nn.Conv2d(64, 128, 3)
    weights.glorot(nn.Sequential(layer))
    expected = (2 / (9 * 64 + 9 * 128)) ** 0.5
    assert float(layer.weight.detach().std()) == pytest.approx(expected, rel=0.02)
    assert torch.equal(layer.bias, torch.zeros(128))


@pytest.fixture
def unfilled(undrawn, monkeypatch):
    """Weights are not even torch's own: only the layers are looked at."""
    monkeypatch.setattr(nn.init, "kaiming_uniform_", lambda tensor, *args, **kwargs: tensor)


def having(setting):
    """The models that have a setting."""
    return [name for name in NAMES if setting in plugins.options("models", name, "build")]


def activations_of(net):
    return [layer for layer in net.modules() if isinstance(layer, (nn.ReLU, nn.LeakyReLU))]


def test_all_but_capped_and_recurrent_networks_have_a_slope():
    assert set(NAMES) - set(having("slope")) == {
        "mobilenetv2",
        "lstm_s",
        "lstm_b",
        "gru_s",
        "gru_b",
    }


@pytest.mark.parametrize("name", having("slope"))
def test_the_slope_reaches_every_activation(name, unfilled):
    build, usual = module_of(name).build, plugins.options("models", name, "build")["slope"]
    found = {slope: activations_of(build(slope=slope)) for slope in (0.0, 0.05, 0.2)}
    assert len({len(each) for each in found.values()} | {len(activations_of(build()))}) == 1
    assert found[0.0] and all(type(each) is nn.ReLU for each in found[0.0])
    for slope in (0.05, 0.2):
        assert all(each.negative_slope == slope for each in found[slope])
    # where it is not asked for, each is what its paper has: a ReLU, in SNIP-it 0.05
    assert usual == (0.05 if "snipit" in name or name in ("conv6", "lenet5", "mlp5") else 0.0)
    assert [repr(each) for each in activations_of(build())] == [repr(e) for e in found[usual]]


@pytest.mark.parametrize("name", ["resnet20", "vgg11", "mlp5", "preresnet101", "conv2_lottery"])
def test_a_slope_changes_what_comes_out_and_no_work(name):
    module = module_of(name)
    x = torch.randn((2,) + module.INPUT_SHAPE)
    logits = []
    for slope in (0.0, 0.1):
        torch.manual_seed(0)
        net = module.build(slope=slope).eval()
        counted = cost.count(net, x)
        assert (counted.params, counted.forward_macs) == (module.PARAMETERS, module.MACS)
        logits.append(net(x))
    assert not torch.equal(*logits)


@pytest.mark.parametrize("name", having("dropout"))
def test_the_dropout_reaches_every_place(name, unfilled):
    for share in (0.0, 0.25):
        net = module_of(name).build(dropout=share)
        found = [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout)]
        assert found and set(found) == {share}


@pytest.mark.parametrize(
    "name, thousands, side", [("alexnet_imagenet", 61100, 64), ("vgg11_imagenet", 132863, 32)]
)
def test_the_study_of_masks_trains_a_thousand_outputs_on_ten_classes(
    name, thousands, side, undrawn
):
    """Its table 1 counts 61,100 and 132,863 thousand parameters, for CIFAR-10."""
    net = module_of(name).build(10, 3, outputs=1000).eval()
    assert sum(each.numel() for each in net.parameters()) // 1000 == thousands
    with torch.no_grad():
        assert net(torch.zeros(1, 3, side, side)).shape == (1, 1000)


def test_mlp5_on_cifar():
    net = module_of("mlp5").build(10, 3, side=32)
    assert sum(parameter.numel() for parameter in net.parameters()) == 2370570


@pytest.mark.parametrize("shortcut, parameters", [("A", 269722), ("B", 272474)])
def test_shortcuts_of_resnet20(shortcut, parameters):
    net = module_of("resnet20").build(shortcut=shortcut)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters


@pytest.mark.parametrize("name", ["resnet20", "resnet56", "vgg16", "preresnet101", "densenet40"])
def test_small_digits_pass(name):
    net = module_of(name).build(10, 1).eval()
    with torch.no_grad():
        assert net(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_an_unknown_shortcut_names_both():
    with pytest.raises(ValueError, match="'C'.*'A'.*'B'"):
        module_of("resnet20").build(shortcut="C")
    with pytest.raises(ValueError, match="cannot narrow 32 to 16"):
        module_of("resnet20").build(shortcut="A", widths=(32, 16, 64))


def test_widths_change_the_network():
    net = module_of("resnet20").build(widths=[4, 8, 12])
    assert net.fc.in_features == 12 and net.conv1.out_channels == 4


def test_padding_shortcut_keeps_every_second_pixel():
    x = torch.randn(2, 3, 6, 6)
    y = cifar_resnets.PadShortcut(1, 2, 2)(x)
    assert y.shape == (2, 6, 3, 3)
    assert torch.equal(y[:, 1:4], x[:, :, ::2, ::2])
    assert not y[:, :1].any() and not y[:, 4:].any()


@pytest.mark.parametrize(
    "name, theirs",
    [
        ("resnet18", "resnet18"),
        ("resnet50", "resnet50"),
        ("mobilenetv2", "mobilenet_v2"),
        ("alexnet_imagenet", "alexnet"),
        ("vgg11_imagenet", "vgg11"),
    ],
)
def test_state_dicts_of_torchvision_fit(name, theirs, undrawn):
    models = foreign_operators.needed("torchvision.models")
    torch.manual_seed(0)
    ours, other = module_of(name).build().eval(), getattr(models, theirs)().eval()
    ours.load_state_dict(other.state_dict())
    assert list(ours.state_dict()) == list(other.state_dict())
    with torch.no_grad():
        x = torch.randn(1, 3, 224, 224)
        assert torch.equal(ours(x), other(x))


@pytest.mark.parametrize(
    "name",
    ["resnet20", "densenet40", "wrn_16_4", "lstm_s", "conv6", "resnet18_snipit", "mobilenetv2"],
)
def test_every_parameter_is_trained(name):
    module = module_of(name)
    net = module.build()
    shape = (4,) + module.INPUT_SHAPE if name != "mobilenetv2" else (4, 3, 32, 32)
    net(torch.randn(shape)).logsumexp(1).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_he_has_the_stated_deviation():
    conv = nn.Conv2d(64, 128, 3)
    norm = nn.BatchNorm2d(4)
    weights.he(nn.Sequential(conv, norm), gamma=0.5)
    assert float(conv.weight.detach().std()) == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)
    assert torch.equal(norm.weight, torch.full((4,), 0.5))
    assert torch.equal(conv.bias, torch.zeros(128))


def test_orthogonal_has_the_gain_of_its_activation():
    first, last = nn.Linear(64, 64), nn.Linear(64, 10)
    weights.orthogonal(nn.Sequential(first, last), 0.05)
    gain = 2 / (1 + 0.05**2)
    assert torch.allclose(first.weight @ first.weight.t(), gain * torch.eye(64), atol=1e-4)
    assert torch.allclose(last.weight @ last.weight.t(), torch.eye(10), atol=1e-4)


def test_variance_scaling_has_unit_fan_in_variance():
    layer = nn.Linear(400, 500)
    weights.variance_scaling(nn.Sequential(layer))
    assert float(layer.weight.detach().var()) == pytest.approx(1 / 400, rel=0.02)
    assert float(layer.weight.detach().abs().max()) <= 2.3 / 20
    assert torch.equal(layer.bias, torch.zeros(500))
