"""Random programs of layers: whatever they wire together, masked equals shrunk.

A program is a list of steps; each reads one or two earlier maps and appends its own. Everything
that joins, splits, shares or gates channels occurs, in any order.
"""

import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from edgejoule.bench.zoo.examination import cut, empty, parity_of, untrained
from edgejoule.bench.zoo.net import awake
from edgejoule.prune import grouping

KINDS = (
    "conv",
    "norm",
    "add",
    "cat",
    "chunk",
    "half",
    "grouped",
    "depthwise",
    "excite",
    "again",
    "shuffle",
    "scale",
    "pool",
    "tail",
    "gate",
    "fixed",
)
WIDTHS = (4, 6, 8, 12)


class Program(nn.Module):
    """A network from steps (kind, source, other source, width) over maps of 6 x 6."""

    def __init__(self, steps, flat):
        super().__init__()
        self.layers, self.plan, self.flat = nn.ModuleList(), [], flat
        widths = [6]
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        for kind, one, two, width in steps:
            a, b = one % len(widths), two % len(widths)
            layer, out = getattr(self, "make_" + kind)(widths[a], widths[b], width)
            self.plan.append((kind, a, b, len(self.layers)))
            self.layers.append(layer)
            widths.append(out)
        self.fc = nn.Linear(widths[-1] * (36 if flat else 1), 3)

    def forward(self, x):
        maps = [self.stem(x)]
        for kind, a, b, index in self.plan:
            maps.append(getattr(self, "run_" + kind)(self.layers[index], maps[a], maps[b]))
        return self.fc(maps[-1].flatten(1) if self.flat else maps[-1].mean((2, 3)))

    def make_conv(self, a, b, width):
        return nn.Conv2d(a, width, 3, padding=1), width

    def run_conv(self, layer, x, y):
        return F.relu(layer(x))

    def make_norm(self, a, b, width):
        return nn.BatchNorm2d(a), a

    run_norm = run_conv

    def make_add(self, a, b, width):
        return nn.Identity() if a == b else nn.Conv2d(b, a, 1), a

    def run_add(self, layer, x, y):
        return x + layer(y)

    def make_cat(self, a, b, width):
        return nn.Conv2d(a + b, width, 1), width

    def run_cat(self, layer, x, y):
        return layer(torch.cat([x, y], 1))

    def make_chunk(self, a, b, width):
        return nn.Conv2d(a, 2 * width, 1), width

    def run_chunk(self, layer, x, y):
        one, two = layer(x).chunk(2, 1)
        return one * torch.sigmoid(two)

    def make_half(self, a, b, width):
        return nn.Conv2d(a // 2, width, 1), width

    def run_half(self, layer, x, y):
        return layer(x[:, : x.shape[1] // 2])

    def make_grouped(self, a, b, width):
        return nn.Conv2d(a, width, 3, padding=1, groups=2), width

    run_grouped = run_conv

    def make_depthwise(self, a, b, width):
        return nn.Conv2d(a, 2 * a, 3, padding=1, groups=a), 2 * a

    run_depthwise = run_conv

    def make_excite(self, a, b, width):
        return nn.Sequential(nn.Linear(a, width), nn.ReLU(), nn.Linear(width, a)), a

    def run_excite(self, layer, x, y):
        return x * torch.sigmoid(layer(x.mean((2, 3))))[:, :, None, None]

    def make_again(self, a, b, width):
        """An earlier layer of the right widths once more."""
        for layer in self.layers:
            if (
                isinstance(layer, nn.Conv2d)
                and layer.in_channels == a
                and layer.out_channels > 1
                and layer.groups == 1
            ):
                return layer, layer.out_channels
        return nn.Conv2d(a, a, 1), a

    run_again = run_conv

    def make_shuffle(self, a, b, width):
        return nn.Identity(), a

    def run_shuffle(self, layer, x, y):
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)

    def make_scale(self, a, b, width):
        layer = nn.Module()
        layer.gain = nn.Parameter(torch.ones(1, a, 1, 1))
        return layer, a

    def run_scale(self, layer, x, y):
        return x * layer.gain

    def make_pool(self, a, b, width):
        return nn.MaxPool2d(3, 1, 1), a

    run_pool = run_conv

    def make_tail(self, a, b, width):
        return nn.Conv2d(2, width, 1), width

    def run_tail(self, layer, x, y):
        return layer(x[:, -2:])

    def make_gate(self, a, b, width):
        return nn.Conv2d(b, 1, 1), a

    def run_gate(self, layer, x, y):
        return x * torch.sigmoid(layer(y))

    def make_fixed(self, a, b, width):
        return nn.Conv2d(4, width, 1), width

    def run_fixed(self, layer, x, y):
        return layer(x[:, :4])


def runs(model, x):
    """Whether the program makes sense: literal slices may ask for channels that aren't there."""
    try:
        return bool(torch.isfinite(model(x)).all())
    except RuntimeError:
        return False


STEP = st.tuples(
    st.sampled_from(KINDS), st.integers(0, 30), st.integers(0, 30), st.sampled_from(WIDTHS)
)
PROGRAMS = st.lists(STEP, min_size=2, max_size=9)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(PROGRAMS, st.booleans(), st.sampled_from(grouping.MODES), st.sampled_from([0.3, 0.5, 0.9]))
def test_masked_equals_shrunk(steps, flat, mode, ratio):
    torch.manual_seed(0)
    model, x = Program(steps, flat).double(), torch.randn(3, 3, 6, 6).double()
    assume(runs(model, x))
    awake(model)
    case = cut(model, x, grouping.find(model, x, mode), ratio, "random")
    assert parity_of(case, x) < 1e-10
    assert not empty(case.small)
    assert set(untrained(case.small, x)) <= set(untrained(model, x))
