"""What each channel contributes to the layers that read it (ThiNet, Luo et al., 2017, 1707.06342).

For sampled points of a reader's output (image, position, filter), x[i, c] is channel c's part of
the sum before the bias; the parts of all channels add up to the output. Only inner products of
parts matter, so what is kept is the Gram matrix [channels, channels].
"""

from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple, Union

import numpy as np
import torch
from torch import Tensor, nn

from edgejoule.prune.groups import Group
from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.trainer import Batches

Plain = Union[nn.Conv2d, nn.Linear]


class Reader(NamedTuple):
    """A layer that reads a group: its weight's name, and each channel's positions in its input.

    `positions` is [channels, each]: a flattened channel owns several inputs of a linear layer.
    """

    tensor: str
    module: Plain
    positions: Tensor


def readers(model: nn.Module, group: Group) -> List[Reader]:
    """The ungrouped convolutions and linear layers that read a group's channels."""
    found = []
    for part in group.slices:
        module = model.get_submodule(part.tensor.rpartition(".")[0])
        if not isinstance(module, (nn.Conv2d, nn.Linear)) or getattr(module, "groups", 1) != 1:
            continue  # a filter of a grouped convolution reads a part of the channels only
        if part.axis == 1 and part.tensor.endswith("weight"):
            positions = torch.tensor([list(each) for each in part.indices])
            found.append(Reader(part.tensor, module, positions))
    return found


def grams(
    model: nn.Module, groups: Sequence[Group], batches: Batches, points: int, seed: int = 0
) -> Dict[str, np.ndarray]:
    """Per group with readers, inner products of its channels' contributions [channels, channels].

    `points` positions and filters are drawn per image and reader.
    """
    random = np.random.RandomState(seed)
    reading = {group.name: readers(model, group) for group in groups}
    found = {
        name: np.zeros((len(each[0].positions),) * 2) for name, each in reading.items() if each
    }
    hooks = []
    for name, each in reading.items():
        for reader in each:
            hooks.append(
                reader.module.register_forward_pre_hook(
                    _observer(found, name, reader, points, random)
                )
            )
    try:
        with torch.no_grad(), in_mode(model, False):
            for x, _ in batches:
                model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def order(gram: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Channels in the order of removal [n], and the squared error after each removal [n].

    Greedy: the next to go is the one whose absence, with those gone before, changes the sampled
    outputs least.
    """
    size = len(gram)
    gone, errors, error = [], [], 0.0
    cross, alive = np.zeros(size), np.ones(size, dtype=bool)
    for _ in range(size):
        # |s + x_c|^2 = |s|^2 + 2 s.x_c + |x_c|^2, s the sum of the parts that are gone
        after = np.where(alive, error + 2 * cross + np.diag(gram), np.inf)
        channel = int(after.argmin())
        error = max(float(after[channel]), 0.0)  # rounding may leave a little less than nothing
        alive[channel] = False
        cross += gram[channel]
        gone.append(channel)
        errors.append(error)
    return np.array(gone), np.array(errors)


def scaling(gram: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Factors [kept channels] with which the kept contributions come closest to the full sum.

    Least squares for the correction to 1, so that nothing is scaled where nothing is gone.
    """
    missing = gram[kept][:, ~kept].sum(1)
    # channels without contribution make the matrix singular; below rcond they keep the factor 1
    correction, _, _, _ = np.linalg.lstsq(gram[kept][:, kept], missing, rcond=1e-8)
    return 1 + correction


def scale(model: nn.Module, group: Group, kept: np.ndarray, factors: np.ndarray) -> None:
    """Multiplies the readers' weights of the kept channels by their factors."""
    for reader in readers(model, group):
        weight = reader.module.weight
        full = torch.ones(weight.shape[1])
        positions = reader.positions[torch.from_numpy(kept)]
        full[positions] = torch.from_numpy(factors).to(full)[:, None].expand_as(positions)
        with torch.no_grad():
            weight.mul_(full.view((1, -1) + (1,) * (weight.dim() - 2)).to(weight))


def contributions(module: Plain, x: Tensor, points: int, random: np.random.RandomState) -> Tensor:
    """Parts of each in-channel at random points of the module's output [images * points, in].

    A filter of a grouped convolution has no part of the channels that its group does not read: 0.
    """
    weight = module.weight.detach()
    filters = random.randint(len(weight), size=len(x) * points)
    chosen = weight[torch.from_numpy(filters).to(x.device)]
    if isinstance(module, nn.Conv2d):
        fields = patches(module, x, points, random)
        fields = fields.view((len(filters), module.groups) + chosen.shape[1:])
        parts = fields.new_zeros(fields.shape[:3])
        each, read = np.arange(len(filters)), filters // (len(weight) // module.groups)
        parts[each, read] = (fields[each, read] * chosen).flatten(2).sum(2)
        return parts.flatten(1)
    # a linear layer may read one vector per image or a sequence of them
    rows = x.flatten(1, -2) if x.dim() > 2 else x[:, None]
    tokens = torch.from_numpy(random.randint(rows.shape[1], size=len(filters))).to(x.device)
    images = torch.arange(len(x), device=x.device).repeat_interleave(points)
    return rows[images, tokens] * chosen


def _observer(
    found: Dict[str, np.ndarray],
    name: str,
    reader: Reader,
    points: int,
    random: np.random.RandomState,
) -> Callable[[nn.Module, Tuple[Tensor, ...]], None]:
    """A hook that adds what a group contributes to one reader to the group's Gram matrix."""

    def hook(module: nn.Module, inputs: Tuple[Tensor, ...]) -> None:
        parts = contributions(reader.module, inputs[0], points, random)
        # float64 before products are summed: opposite parts cancel to a small difference
        each = parts.cpu().double()[:, reader.positions].sum(2).numpy()
        found[name] += each.T.dot(each)

    return hook


def patches(module: nn.Conv2d, x: Tensor, points: int, random: np.random.RandomState) -> Tensor:
    """Random receptive fields of a convolution [images * points, in, k, k]."""
    x = padded(module, x)
    spans = [d * (k - 1) + 1 for d, k in zip(module.dilation, module.kernel_size)]
    outs = [(size - span) // s + 1 for size, span, s in zip(x.shape[2:], spans, module.stride)]
    found = []
    for image in x.repeat_interleave(points, 0):
        top, left = (int(random.randint(n)) * s for n, s in zip(outs, module.stride))
        found.append(
            image[
                :,
                top : top + spans[0] : module.dilation[0],
                left : left + spans[1] : module.dilation[1],
            ]
        )
    return torch.stack(found)


def padded(module: nn.Conv2d, x: Tensor) -> Tensor:
    """`x` [n, in, h, w] with the border that the convolution puts round it, filled as it does."""
    spans = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size)]
    if module.padding == "same":
        # of an odd number of rows the odd one goes behind, as torch has it
        sides = [(span // 2, span - span // 2) for span in spans]
    else:
        pad = (0, 0) if module.padding == "valid" else module.padding
        sides = [(int(each), int(each)) for each in pad]
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    return nn.functional.pad(x, sides[1] + sides[0], mode)  # the last axis comes first
