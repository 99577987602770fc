"""What each channel contributes to the layers that read it (ThiNet, Luo et al., 2017, 1707.06342).

For sampled points of a reader's output (image, position, filter), x[i, c] is channel c's part of
the sum before the bias; the parts of all channels add up to the output. Only inner products of
parts matter, so what is kept is the Gram matrix [channels, channels].
"""

from typing import Dict, List, NamedTuple, Tuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from edgejoule.prune.scoring.gradients import standing


class Reader(NamedTuple):
    """A layer that reads a group: its weight's name and the in-positions of each channel."""

    tensor: str
    module: nn.Module
    index: Tensor


def readers(model, group) -> List[Reader]:
    """The ungrouped convolutions and linear layers that read a group's channels."""
    found = []
    for part in group.slices:
        module = model.get_submodule(part.tensor.rpartition(".")[0])
        plain = isinstance(module, nn.Linear) or (
            isinstance(module, nn.Conv2d) and module.groups == 1
        )
        if plain and part.axis == 1 and part.tensor.endswith("weight"):
            found.append(
                Reader(part.tensor, module, torch.tensor([list(each) for each in part.indices]))
            )
    return found


def grams(model, groups, batches, points: int, seed: int = 0) -> Dict[str, np.ndarray]:
    """Per group with readers, inner products of its channels' contributions [channels, channels].

    `points` positions and filters are drawn per image and reader.
    """
    random = np.random.RandomState(seed)
    reading = {group.name: readers(model, group) for group in groups}
    found = {name: 0 for name, each in reading.items() if each}
    hooks = []
    for name, each in reading.items():
        for reader in each:
            hooks.append(
                reader.module.register_forward_pre_hook(
                    _observer(found, name, reader, points, random)
                )
            )
    try:
        with torch.no_grad(), standing(model, False):
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
        after = np.where(alive, error + 2 * cross + np.diag(gram), np.inf)
        channel = int(after.argmin())
        error = max(float(after[channel]), 0.0)
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
    correction, _, _, _ = np.linalg.lstsq(gram[kept][:, kept], missing, rcond=1e-8)
    return 1 + correction


def scale(model, group, kept: np.ndarray, factors: np.ndarray) -> None:
    """Multiplies the readers' weights of the kept channels by their factors."""
    for reader in readers(model, group):
        full = torch.ones(reader.module.weight.shape[1])
        positions = reader.index[torch.from_numpy(kept)]
        full[positions] = torch.from_numpy(factors).to(full)[:, None].expand_as(positions)
        shape = (1, -1) + (1,) * (reader.module.weight.dim() - 2)
        with torch.no_grad():
            reader.module.weight.mul_(full.view(shape).to(reader.module.weight))


def _observer(found, name: str, reader: Reader, points: int, random):
    def hook(module, inputs):
        parts = _contributions(module, inputs[0], points, random)
        each = parts.cpu().double()[:, reader.index].sum(2).numpy()
        found[name] = found[name] + each.T.dot(each)

    return hook


def _contributions(module, x: Tensor, points: int, random) -> Tensor:
    """Parts of each in-channel at random points of the module's output [images * points, in]."""
    weight = module.weight.detach()
    filters = torch.from_numpy(random.randint(len(weight), size=len(x) * points)).to(x.device)
    chosen = weight[filters]
    if isinstance(module, _ConvNd):
        return (_patches(module, x, points, random) * chosen).flatten(2).sum(2)
    rows = x.flatten(1, -2) if x.dim() > 2 else x[:, None]
    tokens = torch.from_numpy(random.randint(rows.shape[1], size=len(filters))).to(x.device)
    images = torch.arange(len(x), device=x.device).repeat_interleave(points)
    return rows[images, tokens] * chosen


def _patches(module, x: Tensor, points: int, random) -> Tensor:
    """Random receptive fields of a convolution [images * points, in, k, k]."""
    pad = module.padding if isinstance(module.padding, tuple) else (0, 0)
    x = nn.functional.pad(x, (pad[1], pad[1], pad[0], pad[0]))
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
