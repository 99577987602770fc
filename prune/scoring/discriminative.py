"""Channels chosen one after the other by the gradient of a loss that tells classes apart.

Discrimination-aware channel pruning (Zhuang et al., 2018, arXiv:1810.11809, algorithm 2). The
weights with which a layer reads its channels begin at 0. Again and again the channels whose zero
weights have the largest gradient of

    mean squared change of the layer's outputs + share * cross entropy of a head    (equation 8)

get their weights back, and the weights of all chosen channels are fitted once more. `norm`
"frobenius" is the paper's size of a gradient, that of a channel's whole slice; "kernels", the
authors' code, adds up the norms of its kernels.
"""

from contextlib import contextmanager
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.scoring.reconstruction import Reader
from edgejoule.prune.trainer import Batches

NORMS = ("frobenius", "kernels")


class Head(NamedTuple):
    """A small classifier behind a module of the network; the network's own answer without one."""

    site: Optional[nn.Module] = None
    layers: Optional[nn.Module] = None


class Choice(NamedTuple):
    """How channels are chosen: how many, how many a round, and how weights are fitted after it."""

    keep: int
    chunk: int = 1
    norm: str = "frobenius"
    share: float = 1.0
    tolerance: float = 0.0  # ends early where the loss changes by less, relative to the first
    rate: float = 0.01
    decay: float = 1e-4
    passes: int = 1


def head(site: nn.Module, output: Tensor, classes: int) -> Head:
    """Batch norm, ReLU, average over positions, linear layer, on a module's output [n, c, ...]."""
    size, flat = output.shape[1], output.dim() == 2
    norm: nn.Module = nn.BatchNorm1d(size) if flat else nn.BatchNorm2d(size)
    pooling: List[nn.Module] = [] if flat else [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers = nn.Sequential(norm, nn.ReLU(), *(pooling + [nn.Linear(size, classes)]))
    return Head(site, layers.to(output))


@contextmanager
def seen(modules: Sequence[nn.Module]) -> Iterator[Dict[nn.Module, Tensor]]:
    """Inside, the dict holds what each module emitted last."""
    found: Dict[nn.Module, Tensor] = {}

    def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
        found[module] = output.clone()  # the next layer may work in place

    hooks = [module.register_forward_hook(hook) for module in modules]
    try:
        yield found
    finally:
        for each in hooks:
            each.remove()


def answered(model: nn.Module, aid: Head, x: Tensor, also: Sequence[nn.Module] = ()) -> List:
    """[the network's logits, the head's or None, then what each module of `also` emits]."""
    sites = [] if aid.site is None else [aid.site]
    with seen(sites + list(also)) as found:
        logits = model(x)
    own = None if aid.site is None or aid.layers is None else aid.layers(found[aid.site])
    return [logits, own] + [found[module] for module in also]


def choose(
    model: nn.Module,
    readers: Sequence[Reader],
    original: nn.Module,
    aid: Head,
    batches: Batches,
    how: Choice,
) -> Tensor:
    """Which channels of a group are chosen, bool [channels]; its readers' weights are fitted.

    `original` answers as the network did before anything of it was left out. The weights that
    read the other channels are 0 afterwards.
    """
    weights = [reader.module.weight for reader in readers]
    before = [weight.detach().clone() for weight in weights]
    kept = torch.zeros(len(readers[0].positions), dtype=torch.bool)
    _restore(readers, before, kept)
    first = last = None
    with in_mode(model, False), in_mode(original, False):
        while int(kept.sum()) < how.keep:
            found, loss = _gradients(model, readers, original, aid, batches, how.share)
            first = loss if first is None else first
            if last is not None and how.tolerance and abs(last - loss) <= how.tolerance * first:
                break
            last = loss
            worth = sizes(found, readers, how.norm).cpu()
            worth[kept] = -1
            # stable: of equal ones the earliest, on every version of torch
            order = sorted(range(len(worth)), key=lambda channel: -float(worth[channel]))
            new = torch.zeros_like(kept)
            new[order[: min(how.chunk, how.keep - int(kept.sum()))]] = True
            kept |= new
            _restore(readers, before, new, others=False)
            _fit(model, readers, original, aid, batches, how, kept)
    return kept


def sizes(gradients: Sequence[Tensor], readers: Sequence[Reader], norm: str) -> Tensor:
    """How large the gradient of each channel's slices is [channels], over all readers."""
    each = [_slices(g, reader.positions) for g, reader in zip(gradients, readers)]
    if norm == "kernels":
        return torch.stack([part.norm(dim=2).sum(1) for part in each]).sum(0)
    return torch.stack([part.pow(2).sum((1, 2)) for part in each]).sum(0).sqrt()


def _slices(tensor: Tensor, positions: Tensor) -> Tensor:
    """What reads each channel [channels, out, weights]."""
    chosen = tensor.transpose(0, 1)[positions.to(tensor.device)]  # [channels, each, out, ...]
    return chosen.transpose(1, 2).flatten(2)


def _loss(
    model: nn.Module,
    readers: Sequence[Reader],
    original: nn.Module,
    aid: Head,
    x: Tensor,
    y: Tensor,
    share: float,
) -> Tensor:
    twins = dict(original.named_modules())
    paths = [reader.tensor.rpartition(".")[0] for reader in readers]
    with torch.no_grad():
        aims = answered(original, Head(), x, [twins[path] for path in paths])[2:]
    logits, own, *outputs = answered(model, aid, x, [reader.module for reader in readers])
    change = sum(functional.mse_loss(a, b) for a, b in zip(outputs, aims))
    return change + share * functional.cross_entropy(logits if own is None else own, y)


def _gradients(model, readers, original, aid, batches, share):
    """(gradients of the readers' weights, loss), means over all images."""
    weights = [reader.module.weight for reader in readers]
    total, value, images = (
        [torch.zeros_like(w) for w in weights],
        0.0,
        sum(len(y) for _, y in batches),
    )
    for x, y in batches:
        part = len(y) / images
        loss = _loss(model, readers, original, aid, x, y, share)
        for whole, each in zip(total, torch.autograd.grad(loss, weights)):
            whole.add_(each, alpha=part)
        value += float(loss.detach()) * part
    return total, value


def _fit(model, readers, original, aid, batches, how, kept):
    """Moves the chosen channels' weights and the biases, by passes over the batches."""
    tensors = [reader.module.weight for reader in readers]
    tensors += [reader.module.bias for reader in readers if reader.module.bias is not None]
    optimiser = torch.optim.SGD(
        tensors, lr=how.rate, momentum=0.9, nesterov=True, weight_decay=how.decay
    )
    for _ in range(how.passes):
        for x, y in batches:
            loss = _loss(model, readers, original, aid, x, y, how.share)
            for tensor, gradient in zip(tensors, torch.autograd.grad(loss, tensors)):
                tensor.grad = gradient.clone()
            for reader in readers:
                _clear(reader.module.weight.grad, reader.positions[~kept])
            optimiser.step()
    for tensor in tensors:
        tensor.grad = None


def _clear(tensor: Tensor, positions: Tensor) -> None:
    tensor.index_fill_(1, positions.flatten().to(tensor.device), 0)


def _restore(
    readers: Sequence[Reader], before: Sequence[Tensor], chosen: Tensor, others: bool = True
) -> None:
    """Gives the chosen channels' weights back; with `others` the rest becomes 0."""
    with torch.no_grad():
        for reader, old in zip(readers, before):
            weight, index = reader.module.weight, reader.positions[chosen].flatten()
            if others:
                _clear(weight, reader.positions[~chosen])
            index = index.to(weight.device)
            weight.index_copy_(1, index, old.index_select(1, index))
