"""What a layer reads now and what it put out before anything was cut, at the same random points.

For He et al., 2017: choose a group's channels by a LASSO over their parts of these outputs, and
refit the weights that read them by least squares.
"""

from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from edgejoule.prune.groups import Group
from edgejoule.prune.scoring import lasso
from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.scoring.reconstruction import Plain, Reader, patches, readers
from edgejoule.prune.trainer import Batches

ROWS = 400  # points of the LASSO, as in the authors' code; least squares takes all
FILTERS = 16  # whose parts are held at a time: points x filters x channels numbers
RCOND = 1e-8  # of moments; inputs that depend on each other share a correction


class Sample(NamedTuple):
    """Of one reader: inputs [points, in, taps] and outputs to reach [points, out], less biases."""

    reader: Reader
    inputs: np.ndarray
    target: np.ndarray


def samples(
    model: nn.Module,
    original: nn.Module,
    group: Group,
    batches: Batches,
    points: int,
    seed: int,
    rows: Dict[str, np.ndarray],
) -> List[Sample]:
    """A sample per layer that reads the group, `points` positions of every image.

    `rows` says which outputs of the original layers are still there.
    """
    reading = readers(model, group)
    names = [each.tensor.rpartition(".")[0] for each in reading]
    now, before = (_fields(each, names, batches, points, seed) for each in (model, original))
    found = []
    for reader, name in zip(reading, names):
        weight = original.get_parameter(reader.tensor)
        target = before[name].reshape(len(before[name]), -1).dot(_matrix(weight).T)
        found.append(Sample(reader, now[name], target[:, rows[reader.tensor]]))
    return found


def choose(
    found: Sequence[Sample], keep: int, intercept: bool, random: np.random.RandomState
) -> Tuple[np.ndarray, int]:
    """Flags of the group's channels [channels], and the FLOPs of choosing them."""
    sums, work = lasso.Sums(len(found[0].reader.positions)), 0
    for sample in found:
        at = random.permutation(len(sample.inputs))[:ROWS]
        some = sample._replace(inputs=sample.inputs[at], target=sample.target[at])
        for first in range(0, some.target.shape[1], FILTERS):
            sums.add(*_parts(some, slice(first, first + FILTERS)))
        work += 2 * some.inputs.size * some.target.shape[1]
    flags, steps = lasso.chosen(sums.moments(intercept), keep)
    return flags, work + steps + 2 * sums.rows * len(flags) ** 2


def refit(sample: Sample, kept: np.ndarray) -> int:
    """Fits a reader's weights of what stays to its target, in place; the FLOPs of that.

    Least squares for the correction, with one of the bias where there is one: where nothing is
    lost nothing changes.
    """
    weight, bias = sample.reader.module.weight, sample.reader.module.bias
    stays = np.ones(weight.shape[1], dtype=bool)
    stays[sample.reader.positions.numpy()[~kept].ravel()] = False
    columns = sample.inputs[:, stays].reshape(len(sample.inputs), -1)
    present = _matrix(weight[:, torch.from_numpy(stays).to(weight.device)])
    missing = sample.target - columns.dot(present.T)
    if bias is not None:
        columns = np.concatenate([columns, np.ones((len(columns), 1))], 1)
    change = np.linalg.lstsq(columns.T.dot(columns), columns.T.dot(missing), rcond=RCOND)[0].T
    with torch.no_grad():
        if bias is not None:
            bias.add_(torch.from_numpy(change[:, -1]).to(bias))
            change = change[:, :-1]
        at = torch.from_numpy(np.flatnonzero(stays)).to(weight.device)
        shape = (len(weight), len(at)) + tuple(weight.shape[2:])
        weight.index_add_(1, at, torch.from_numpy(change.copy()).view(shape).to(weight))
    size = columns.shape[1]
    # two products with all rows, the moments, and a solution by singular values (about 9 n^3)
    return 2 * len(columns) * size * (2 * len(weight) + size) + 9 * size**3


def _parts(sample: Sample, filters: slice) -> Tuple[np.ndarray, np.ndarray]:
    """Each channel's part of sampled outputs [points * filters, channels], and what is left.

    The rest is the target [points * filters] less the parts of inputs that are of other groups.
    """
    weight = sample.reader.module.weight[filters].detach().double().cpu().numpy()
    weight = weight.reshape(weight.shape[0], weight.shape[1], -1)
    each = np.einsum("nit,oit->noi", sample.inputs, weight)
    positions = sample.reader.positions.numpy()
    others = np.ones(weight.shape[1], dtype=bool)
    others[positions.ravel()] = False
    target = sample.target[:, filters] - each[:, :, others].sum(2)
    parts = each[:, :, positions].sum(3)
    return parts.reshape(-1, len(positions)), target.ravel()


def _matrix(weight: Tensor) -> np.ndarray:
    """A weight as a matrix [out, in * taps], float64."""
    return weight.detach().flatten(1).double().cpu().numpy()


def _fields(
    model: nn.Module, names: Sequence[str], batches: Batches, points: int, seed: int
) -> Dict[str, np.ndarray]:
    """What each named layer reads at random points [images * points, in, taps], float64."""
    # a generator per layer: equal draws in two networks that run in another order or size
    random = {name: np.random.RandomState(seed) for name in names}
    kept: Dict[str, List[np.ndarray]] = {name: [] for name in names}

    def observer(name: str) -> Any:
        def hook(module: Any, inputs: Any) -> None:
            fields = _at_points(module, inputs[0], points, random[name])
            kept[name].append(fields.double().cpu().numpy())

        return hook

    hooks = [model.get_submodule(name).register_forward_pre_hook(observer(name)) for name in kept]
    try:
        with torch.no_grad(), in_mode(model, False):
            for x, _ in batches:
                model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: np.concatenate(some) for name, some in kept.items()}


def _at_points(module: Plain, x: Tensor, points: int, random: np.random.RandomState) -> Tensor:
    if isinstance(module, nn.Conv2d):
        return patches(module, x, points, random).flatten(2)
    tokens = x.flatten(1, -2) if x.dim() > 2 else x[:, None]
    at = torch.from_numpy(random.randint(tokens.shape[1], size=len(x) * points)).to(x.device)
    images = torch.arange(len(x), device=x.device).repeat_interleave(points)
    return tokens[images, at][:, :, None]
