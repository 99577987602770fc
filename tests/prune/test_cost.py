"""Training FLOPs: closed forms, torch's own counter, and the published figures."""

import pytest
import torch
from torch import nn

from edgejoule import plugins
from edgejoule.prune import cost, macs

PICTURE = (3, 12, 10)


def counted(*layers, shape=PICTURE, n=1):
    return cost.count(nn.Sequential(*layers), torch.zeros((n,) + shape))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("padding", [0, 1])
def test_a_convolution_is_its_closed_form(stride, groups, padding):
    first = nn.Conv2d(3, 4, 1)
    layer = nn.Conv2d(4, 8, 3, stride, padding, groups=groups)
    h, w = (12 + 2 * padding - 3) // stride + 1, (10 + 2 * padding - 3) // stride + 1
    macs_of_layer = 8 * h * w * 9 * (4 // groups)
    macs_of_first = 4 * 12 * 10 * 3
    found = counted(first, layer)
    assert found.forward_macs == macs_of_first + macs_of_layer
    assert found.input_gradient_macs == macs_of_layer
    assert found.weight_gradient_macs == macs_of_first + macs_of_layer
    assert found.elementwise == 4 * 12 * 10 + 8 * h * w


@pytest.mark.parametrize("groups", [1, 2])
def test_a_transposed_convolution_works_per_input_pixel(groups):
    found = counted(
        nn.ConvTranspose2d(4, 6, 3, stride=2, groups=groups, bias=False), shape=(4, 5, 7)
    )
    assert found.forward_macs == 4 * 5 * 7 * 9 * (6 // groups)
    assert found.input_gradient_macs == 0


def test_a_linear_layer_works_at_every_position():
    assert counted(nn.Linear(7, 5), shape=(3, 7)).forward_macs == 3 * 7 * 5


@pytest.mark.parametrize("kind, gates", [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
def test_a_recurrent_layer_reads_each_weight_once_a_step(kind, gates):
    steps, inputs, hidden = 6, 5, 7
    layer = kind(inputs, hidden, batch_first=True)
    found = cost.count(layer, torch.zeros(2, steps, inputs))
    into, again = gates * hidden * inputs, gates * hidden * hidden
    assert found.forward_macs == found.weight_gradient_macs == steps * (into + again)
    assert found.input_gradient_macs == (steps - 1) * again


def test_cost_is_per_sample_whatever_the_batch():
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)
    assert counted(*layers, n=1) == counted(*layers, n=5)


def test_elementwise_rules():
    found = counted(nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d((2, 5), (2, 5)), nn.AvgPool2d(2))
    assert found.elementwise == 360 * 2 + 360 + 10 * 36 + 4 * 9
    assert found.forward_macs == 0


def test_frozen_layers_owe_no_gradients():
    first, second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1)
    first.requires_grad_(False)
    found = counted(first, second)
    assert (found.input_gradient_macs, found.weight_gradient_macs) == (0, 5 * 4 * 120)


def test_an_example_that_needs_its_gradient_makes_it_three_times_forward():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))
    found = cost.count(net, torch.zeros((1,) + PICTURE, requires_grad=True))
    assert found.train_macs == 3 * found.forward_macs


class Attention(nn.Module):
    """Weights used without their layer being called, and a layer that is never reached."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2)
        self.spare = nn.Linear(4, 4)
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.attention(x, x, x)[0] * self.scale


def test_layers_without_a_rule_are_named():
    names = cost.count(Attention(), torch.zeros(3, 1, 4)).uncounted
    kinds = [name.split(" (")[0] for name in names]
    assert kinds == ["the model itself", "attention", "attention.out_proj", "spare"]
    assert "attention (MultiheadAttention)" in names


class Noisy(nn.Module):
    """A forward pass that draws, counts its calls and replaces a buffer."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3, momentum=None)
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("last", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        self.last = torch.rand(())
        return self.norm(x + torch.rand_like(x))


@pytest.mark.parametrize("convention", cost.CONVENTIONS)
def test_counting_leaves_no_trace(convention):
    net = Noisy().train()
    net.norm.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    example, random = torch.ones((2,) + PICTURE), torch.get_rng_state()
    with torch.no_grad():
        cost.train_flops(net, example, convention)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training and not net.norm.training and bool((example == 1).all())
    assert not any(module._forward_hooks for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_counting_leaves_no_trace_of_a_network_that_fails():
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Linear(3, 3)).train()
    with pytest.raises(RuntimeError):
        cost.count(net, torch.ones((1,) + PICTURE))
    assert net.training and not any(module._forward_hooks for module in net.modules())


def test_paper_is_undefined_where_its_rounding_would_matter():
    small = nn.Sequential(nn.Conv2d(3, 4, 3))
    figure = cost.paper_flops(small, torch.zeros((1,) + PICTURE))
    assert figure.flops is None and "0.01 GFLOP" in figure.reason
    assert cost.train_flops(small, torch.zeros((1,) + PICTURE), "paper") is None


def test_an_unknown_convention_names_the_known_ones():
    with pytest.raises(ValueError, match="'exakt'.*exact, paper, fvcore"):
        cost.train_flops(nn.ReLU(), torch.zeros(1, 1), "exakt")


UNGROUPED = [
    "resnet20",
    "vgg16",
    "preresnet101",
    "resnet18",
    "resnet50",
    "densenet40",
    "resnet56",
    "conv6",
    "lenet300",
    "gru_s",
]
# methods.md E.1: forward FLOPs of the reference counter (G), its published training PFLOPs
PUBLISHED = {
    "vgg16": (0.627356, 50000 * 160, 15.12),
    "preresnet101": (0.313959, 50000 * 160, 7.44),
    "resnet18": (3.63723, 1281167 * 90, 1259.13),
    "resnet50": (8.21201, 1281167 * 90, 2839.96),
}


def network(name):
    module = plugins.load("models", name)
    return module.build(), torch.zeros((1,) + module.INPUT_SHAPE)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_paper_convention_gives_the_published_digits(name):
    forward, samples, pflops = PUBLISHED[name]
    net, example = network(name)
    assert cost.paper_forward(net, example) / 1e9 == pytest.approx(forward, rel=5e-6)
    total = cost.train_flops(net, example, "paper") * samples
    assert "{:.2f}".format(total / 1e15) == "{:.2f}".format(pflops)


def torch_counter(net, example):
    """Training FLOPs by torch's own counter, which old releases do not have."""
    counter = pytest.importorskip("torch.utils.flop_counter").FlopCounterMode(display=False)
    with counter:
        net.eval()(example).sum().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("name", UNGROUPED)
def test_exact_equals_torch_on_ungrouped_networks(name):
    net, example = network(name)
    assert cost.train_flops(net, example, "exact") == torch_counter(net, example)


def test_a_network_of_depthwise_convolutions():
    """torch's counter gave 12.27970 GFLOP for this network, the truth is a seventh of it."""
    assert cost.train_flops(*network("mobilenetv2"), "exact") / 1e9 == pytest.approx(
        1.78297, abs=5e-6
    )


def test_exact_equals_torch_on_transposed_convolutions():
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.ConvTranspose2d(4, 5, 3, stride=2, padding=1)
    )
    example = torch.zeros((1,) + PICTURE)
    assert cost.train_flops(net, example, "exact") == torch_counter(net, example)


@pytest.mark.parametrize("groups", [2, 4, 8])
def test_exact_is_right_on_grouped_convolutions(groups):
    """torch's counter charges a grouped weight gradient `groups` times; the closed form does not.

    Groups side by side are `groups` ungrouped convolutions of a share of the channels.
    """
    grouped = counted(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 16, 3, groups=groups))
    share = counted(nn.Conv2d(3, 8 // groups, 1), nn.Conv2d(8 // groups, 16 // groups, 3))
    stem = 3 * 8 * 120
    assert grouped.weight_gradient_macs - stem == (
        groups * (share.weight_gradient_macs - stem // groups)
    )
    assert grouped.input_gradient_macs == groups * share.input_gradient_macs


@pytest.mark.parametrize("name", ["vgg16", "preresnet101"])
def test_fvcore_by_operator_agrees_on_convolutions(name):
    pytest.importorskip("fvcore")
    net, example = network(name)
    operators = cost.fvcore_forward(net, example)
    assert operators["conv"] + operators["linear"] == cost.count(net, example).forward_macs
    assert cost.train_flops(net, example, "fvcore") == 3 * sum(operators.values())


def test_fvcore_absent_is_a_reason_and_not_a_zero(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fvcore.nn", None)
    figure = cost.fvcore_flops(nn.Linear(2, 2), torch.zeros(1, 2))
    assert figure.flops is None and "not installed" in figure.reason


def test_observed_calls_name_each_call_of_a_layer():
    relu = nn.ReLU()
    net = nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu)
    names = [call.name for call in macs.observe(net, torch.zeros(1, 4)).calls]
    assert names == ["0", "1", "2", "1"]
