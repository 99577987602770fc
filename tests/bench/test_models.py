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
