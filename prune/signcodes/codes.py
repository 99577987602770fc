"""Sign codes of a network on probe images, and the distance between two networks' codes.

Max-affine spline insights (2021), section 3.2: the signs of what enters a layer's activation say in
which region of the layer's partition an input lies. Layers are the outputs of every batch norm,
as in the authors' code; a network without one gives every convolution and linear but the last.
Codes are taken in eval mode and packed inside the forward pass, so activations never pile up.
"""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from edgejoule.prune.signcodes import coded_layers, signs
from edgejoule.prune.trainer import Batches, EvaluatingTrainer, Trainer

WEIGHTS = ("layer_mean", "bit_mean")
PROBES = ("train", "test", "random", "grid2")


class Codes(NamedTuple):
    """Packed codes uint64 [probes, words] and number of bits, by layer."""

    words: Dict[str, np.ndarray]
    bits: Dict[str, int]


def codes(
    model: nn.Module, probes: Sequence[Tensor], names: Optional[Sequence[str]] = None
) -> Codes:
    """Sign codes of the model's layers on batches of images, `probes` a list of [n, c, h, w].

    `names` are the layers to look at; without them all whose outputs enter a ReLU.
    """
    names = names or coded_layers.names(model, probes[0][:1])
    words: Dict[str, List[np.ndarray]] = {}
    bits: Dict[str, int] = {}
    for images in probes:
        _, packed, bits = packed_batch(model, images, names)
        for name, each in packed.items():
            words.setdefault(name, []).append(each)
    return Codes({name: np.concatenate(each) for name, each in words.items()}, bits)


def packed_batch(
    model: nn.Module, images: Tensor, names: Sequence[str], rows: Optional[Tensor] = None
) -> Tuple[Tensor, Dict[str, np.ndarray], Dict[str, int]]:
    """The model's outputs on one batch, and of its `rows` (None: all) codes and bits by layer.

    Several calls of a layer stand side by side, in whole words.
    """
    words: Dict[str, List[np.ndarray]] = {}
    bits: Dict[str, int] = {}

    def keep(name: str, values: Tensor) -> None:
        # packed at once: the activations of all layers together would be 32 times as large
        words.setdefault(name, []).append(signs.pack(values.cpu()))
        bits[name] = bits.get(name, 0) + values.shape[1]

    output = look(model, images, keep, names, rows)
    return output, {name: np.hstack(each) for name, each in words.items()}, bits


def look(
    model: nn.Module,
    images: Tensor,
    take: Callable[[str, Tensor], None],
    names: Sequence[str],
    rows: Optional[Tensor] = None,
) -> Tensor:
    """Calls `take(name, output)` inside the forward pass, output [rows, bits], at each layer.

    `rows` are the images of the batch to take, None for all. Returns the model's own outputs.
    """

    def hook(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def taking(module: nn.Module, inputs: Any, output: Tensor) -> None:
            # chosen before anything is copied: they may be few of a large batch
            chosen = output if rows is None else _of_images(output, rows, len(images))
            values = chosen.detach().flatten(1)
            # the kernels know no float64; float32 rounds only values below 1e-45 to zero
            take(name, values.float() if values.dtype == torch.float64 else values)

        return taking

    modules = dict(model.named_modules())
    hooks = [modules[name].register_forward_hook(hook(name)) for name in names]
    try:
        with evaluating(model):
            return model(images)
    finally:
        for each in hooks:
            each.remove()


def by_layer(a: Codes, b: Codes) -> Dict[str, float]:
    """Share of differing bits, 0 to 1, of every layer that both codes have at the same width.

    Raises:
        ValueError: they have no such layer.
    """
    shared = [name for name in a.bits if a.bits[name] == b.bits.get(name)]
    if not shared:
        raise ValueError(
            "no layer is common to the two codes; they have {} and {}".format(
                sorted(a.bits), sorted(b.bits)
            )
        )
    return {
        name: float(signs.hamming(a.words[name], b.words[name]).sum())
        / (a.bits[name] * len(a.words[name]))
        for name in shared
    }


def distance(a: Codes, b: Codes, weights: str = "layer_mean") -> float:
    """Share of differing bits, 0 to 1, over all layers that both codes have at the same width."""
    return mean(by_layer(a, b), a.bits, weights)


def mean(shares: Dict[str, float], bits: Dict[str, int], weights: str = "layer_mean") -> float:
    """The mean of the layers' shares, where each layer counts once, or ("bit_mean") by its bits."""
    check("weights", weights, WEIGHTS)
    share = [1 if weights == "layer_mean" else bits[name] for name in shares]
    return float(np.average(list(shares.values()), weights=share))


def check(what: str, name: str, allowed: Sequence[str]) -> None:
    """Refuses a name that does not exist."""
    if name not in allowed:
        raise ValueError("no {} called {!r}; there are: {}".format(what, name, ", ".join(allowed)))


def probes(trainer: Trainer, kind: str = "train", count: int = 1000) -> List[Tensor]:
    """Batches of `count` images: training or test images, noise, or a plane through two images.

    Images are drawn by chance, once: a search keeps them. "grid2" is the authors' choice, alpha
    x0 + beta x1 with alpha and beta in [0, 1], x0 and x1 two training images of different classes;
    it has the largest square number up to `count`.

    Raises:
        ValueError: there is no such kind, or "grid2" finds one class only.
    """
    check("probes", kind, PROBES)
    if kind == "random":
        generator = torch.Generator().manual_seed(0)  # the same noise in every run
        shape = (count,) + tuple(trainer.example.shape[1:])
        return [torch.randn(shape, generator=generator).to(trainer.example)]
    if kind == "grid2":
        return [grid2(trainer.batches(1), count)]
    return _drawn(trainer, kind, count)


def grid2(batches: Batches, count: int) -> Tensor:
    """The plane through two images of different classes [side^2, c, h, w].

    Raises:
        ValueError: the batch has one class only.
    """
    images, labels = batches[0]
    other = (labels != labels[0]).nonzero().flatten()
    if not len(other):
        raise ValueError(
            "probes 'grid2' need two classes; a batch of {} images drawn by chance has one. "
            "Use probes='train'".format(len(labels))
        )
    steps = torch.linspace(0, 1, int(count**0.5)).to(images)
    alpha = steps.repeat_interleave(len(steps)).view(-1, 1, 1, 1)
    beta = steps.repeat(len(steps)).view(-1, 1, 1, 1)
    return alpha * images[0] + beta * images[other[0]]


def places(trainer: EvaluatingTrainer, split: str, count: int) -> Tensor:
    """Places [count] in a split of the images that `probes` would draw now."""
    whole = -(-count // trainer.batch_size)
    # whole batches are drawn and the last one cut, as `probes` does: the same draw, the same record
    return trainer.sample(whole * trainer.batch_size, split)[:count]


def _drawn(trainer: Trainer, split: str, count: int) -> List[Tensor]:
    """Batches of `count` images drawn from a split; the last one is cut to fit."""
    whole = -(-count // trainer.batch_size)  # batches that hold so many, rounded up
    batches = [x for x, _ in trainer.batches(whole, split)]
    left = count - trainer.batch_size * (len(batches) - 1)
    return batches[:-1] + [batches[-1][:left]]


def _of_images(output: Tensor, rows: Tensor, count: int) -> Tensor:
    """The part of a layer's output that belongs to some of a batch's `count` images."""
    if len(output) % count:
        return output  # of weights or constants, whatever the images are
    # a layer that looks at parts of an image one by one has several rows for each
    parts = output.reshape((count, -1) + tuple(output.shape[1:]))
    return parts[rows].flatten(0, 1)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """Inside, the model evaluates without gradients; afterwards every module has its own mode."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        for module, mode in modes:
            module.training = mode
