"""The curvature of the mean cross-entropy with respect to single weights.

    "gauss_newton"       J' (diag p - p p') J, the Hessian without the second derivatives of the
                         network itself: exact where the network is linear in its weights, never
                         negative, one backward pass per class (J: the outputs' derivatives)
    "true_fisher"        the same in expectation: labels drawn from the network's own answers,
                         one backward pass
    "empirical_fisher"   squares of the gradients with the labels of the data, one backward pass
    "hessian"            the exact second derivatives, one double backward pass per weight

The first three are means over images of outer products of the images' own gradients. Batch norms
are in eval mode: in train mode an image's gradient would depend on the others.
"""

from typing import Dict, Iterator, List, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgejoule.prune import macs
from edgejoule.prune.scoring import gradients, sample_gradients
from edgejoule.prune.scoring.sample_gradients import Call
from edgejoule.prune.trainer import Batches, Scores

FISHERS = ("true_fisher", "empirical_fisher")
CURVATURES = ("gauss_newton",) + FISHERS + ("hessian",)
WHOLE = 2000  # weights of which a full matrix, of 32 MB in float64, is kept and inverted
CHUNK = 2**24  # gradients of single images held at a time: 64 MB in float32


def check(curvature: str) -> None:
    """Refuses a curvature that does not exist."""
    if curvature not in CURVATURES:
        raise ValueError(
            "no curvature called {!r}; there are: {}".format(curvature, ", ".join(CURVATURES))
        )


def passes(
    model: nn.Module, tensors: Sequence[str], batches: Batches, curvature: str
) -> Iterator[Dict[str, List[Call]]]:
    """Per batch and backward pass, {tensor: calls of its layer}.

    The mean over images of the outer products of `of_images`, added up over a batch's passes, is
    the curvature; each call has all images of its batch.

    Raises:
        ValueError: the network's outputs, or a layer's inputs, are not one row per image.
    """
    layers = sample_gradients.owners(model, tensors)
    # a generator of our own: the same seed draws the same labels whatever was drawn before
    chance = torch.Generator().manual_seed(torch.initial_seed())
    with gradients.in_mode(model, False), sample_gradients.probed(layers) as seen:
        for x, y in batches:
            for calls in seen.values():
                calls.clear()
            outputs = model(x)
            _check_rows(outputs, seen, len(x))
            columns = _columns(outputs.detach(), y, curvature, chance)
            for place, column in enumerate(columns):
                last = place + 1 == len(columns)
                yield _backward(outputs, seen, column, retain=not last)


def diagonal(model: nn.Module, tensors: Sequence[str], batches: Batches, curvature: str) -> Scores:
    """Per tensor, the second derivative with respect to each of its weights, in its shape."""
    if curvature == "hessian":
        exact = hessian(model, tensors, batches).diagonal()
        shapes = [model.get_parameter(name).shape for name in tensors]
        parts = exact.split([shape.numel() for shape in shapes])
        return {name: part.view(shape) for name, part, shape in zip(tensors, parts, shapes)}
    layers = sample_gradients.owners(model, tensors)
    total = {name: torch.zeros_like(layer.weight) for name, layer in layers.items()}
    for found in passes(model, tensors, batches, curvature):
        for name, calls in found.items():
            for part in chunks(layers[name], calls):
                total[name] += part.pow(2).sum(0)
    images = sum(len(x) for x, _ in batches)
    return {name: each.detach() / images for name, each in total.items()}


def chunks(layer: sample_gradients.Layer, calls: Sequence[Call]) -> Iterator[Tensor]:
    """Gradients of single images [images, *weight.shape], a few images at a time."""
    images = len(calls[0].read) if calls else 0
    step = max(1, CHUNK // layer.weight.numel())
    for first in range(0, images, step):
        yield sample_gradients.of_images(layer, calls, slice(first, first + step)).detach()


def hessian(model: nn.Module, tensors: Sequence[str], batches: Batches) -> Tensor:
    """The exact Hessian of the mean loss over the weights of all tensors in order [n, n].

    Raises:
        ValueError: there are more than 2000 weights.
    """
    weights = [model.get_parameter(name) for name in tensors]
    size = sum(weight.numel() for weight in weights)
    if size > WHOLE:
        raise ValueError(
            "curvature='hessian' takes a double backward pass for each of {} weights; up to {} "
            "are allowed: choose curvature='gauss_newton'".format(size, WHOLE)
        )
    images = sum(len(x) for x, _ in batches)
    total = weights[0].new_zeros(size, size)
    with gradients.in_mode(model, False):
        for x, y in batches:
            loss = gradients.cross_entropy(model(x), y) / images
            slope = _flat(torch.autograd.grad(loss, weights, create_graph=True))
            for row in range(size):
                again = torch.autograd.grad(
                    slope[row], weights, retain_graph=True, allow_unused=True
                )
                total[row] += _flat(
                    [torch.zeros_like(w) if g is None else g for g, w in zip(again, weights)]
                ).detach()
    return total


def work(model: nn.Module, tensors: Sequence[str], batches: Batches, curvature: str) -> int:
    """FLOPs of all gradients of single images, or of the exact Hessian's rows."""
    images, example = sum(len(x) for x, _ in batches), batches[0][0][:1]
    calls = macs.observe(model, example).calls
    if curvature == "hessian":
        size = sum(model.get_parameter(name).numel() for name in tensors)
        each = sum(call.forward + call.input_gradient + call.weight_gradient for call in calls)
        # every product of both passes is differentiated again, by each of its two factors
        return 2 * images * (each + size * 2 * each)
    names = {name.rpartition(".")[0] for name in tensors}
    own = sum(call.forward for call in calls if call.name in names)
    times = backward_passes(model, example, curvature)
    return pass_work(model, tensors, batches, curvature) + 2 * images * times * own


def pass_work(model: nn.Module, tensors: Sequence[str], batches: Batches, curvature: str) -> int:
    """FLOPs of the forward and backward passes alone, down to the first of the layers."""
    names = {name.rpartition(".")[0] for name in tensors}
    images, example = sum(len(x) for x, _ in batches), batches[0][0][:1]
    calls = macs.observe(model, example).calls
    first = min(place for place, call in enumerate(calls) if call.name in names)
    back = sum(call.input_gradient for call in calls[first + 1 :])
    forward = sum(call.forward for call in calls)
    return 2 * images * (forward + backward_passes(model, example, curvature) * back)


def backward_passes(model: nn.Module, example: Tensor, curvature: str) -> int:
    """How many backward passes a batch takes: one per class, or one."""
    if curvature in FISHERS:
        return 1
    with torch.no_grad(), gradients.in_mode(model, False):
        return int(model(example).shape[1])


def _columns(outputs: Tensor, labels: Tensor, curvature: str, chance: torch.Generator):
    """Gradients of the outputs [n, classes] whose outer products add up to the loss's curvature."""
    chances = outputs.softmax(1)
    unit = torch.eye(outputs.shape[1], dtype=outputs.dtype, device=outputs.device)
    if curvature == "gauss_newton":
        # sum over classes of p_c (e_c - p)(e_c - p)' = diag p - p p'
        return [
            chances[:, each : each + 1].sqrt() * (unit[each] - chances) for each in range(len(unit))
        ]
    if curvature == "true_fisher":
        drawn = torch.multinomial(chances.double().cpu(), 1, generator=chance)
        labels = drawn[:, 0].to(outputs.device)
    return [chances - functional.one_hot(labels, len(unit)).to(chances)]


def _backward(
    outputs: Tensor, seen: sample_gradients.Probes, column: Tensor, retain: bool
) -> Dict[str, List[Call]]:
    probes = [probe for calls in seen.values() for _, probe in calls]
    given = torch.autograd.grad(outputs, probes, column, retain_graph=retain, allow_unused=True)
    found = iter(torch.zeros_like(p) if g is None else g for g, p in zip(given, probes))
    return {name: [Call(read, next(found)) for read, _ in calls] for name, calls in seen.items()}


def _check_rows(outputs: Tensor, seen: sample_gradients.Probes, images: int) -> None:
    if outputs.dim() != 2 or len(outputs) != images:
        raise ValueError(
            "curvature needs outputs [images, classes]; of {} images the network made {}".format(
                images, list(outputs.shape)
            )
        )
    for name, calls in seen.items():
        for read, _ in calls:
            if len(read) != images:
                raise ValueError(
                    "curvature needs layers that read one row per image; the layer of {} read {} "
                    "for {} images: leave it out with the setting layers".format(
                        name, list(read.shape), images
                    )
                )


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.reshape(-1) for part in parts])
