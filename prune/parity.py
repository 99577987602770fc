"""How far two models' outputs lie apart on the same input, in eval() and in train()."""

from typing import Any, Iterator, Optional, Sequence, Tuple

import torch
from torch import nn

from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.tracing.labelled import replaced, tensors_in


def parity(
    left: nn.Module, right: nn.Module, example: Any, modes: Sequence[bool] = (False, True)
) -> float:
    """The largest difference, relative to the largest output of `left`; infinite if shapes differ.

    `modes` are True for train(). Copies are run, so neither model changes; random numbers are
    drawn alike in both.
    """
    left, right = duplicate(left), duplicate(right)
    worst = 0.0
    for training in modes:
        ones, others = (_outputs(model.train(training), example) for model in (left, right))
        if [t.shape for t in ones] != [t.shape for t in others]:
            return float("inf")
        for one, other in zip(ones, others):
            if one.numel():
                scale = max(float(one.abs().max()), 1e-6)  # outputs may all be zero
                worst = max(worst, float((one - other).abs().max()) / scale)
    return worst


def drawing(model: nn.Module, example: Any) -> bool:
    """Whether the answers of a model in train() depend on random numbers, such as dropout's."""
    ones, others = (_outputs(duplicate(model).train(), example, seed) for seed in (11, 12))
    return any(not torch.equal(one, other) for one, other in zip(ones, others))


def first(example: Any) -> torch.Tensor:
    """The first tensor of an example: its length is the batch size.

    Raises:
        ValueError: it holds none.
    """
    for tensor in tensors_in(example):
        return tensor
    raise ValueError("the example holds no tensor: {!r}".format(type(example).__name__))


def _outputs(model: nn.Module, example: Any, seed: int = 11) -> Tuple[torch.Tensor, ...]:
    return tuple(tensor.double() for tensor in answered(seeded(model, example, seed)))


def seeded(model: nn.Module, example: Any, seed: int = 11) -> Any:
    """What a model answers without gradients, its random numbers the same at every call."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    try:
        with torch.no_grad():
            return called(model, example)
    finally:
        torch.set_rng_state(state)


def answered(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor of an answer, in attributes of objects too."""
    # an object of a class of its own, such as a Hugging Face output
    if hasattr(value, "__dict__") and not isinstance(value, (torch.Tensor, dict, list, tuple)):
        value = vars(value)
    if isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from answered(item)
    elif isinstance(value, torch.Tensor):
        yield value


def called(model: nn.Module, example: Any) -> Any:
    """What a model answers to a tensor, a tuple of inputs or a dict of keyword inputs."""
    if isinstance(example, dict):
        return model(**example)
    return model(*example) if isinstance(example, (tuple, list)) else model(example)


def noise(
    example: Any,
    dtype: Optional[torch.dtype] = None,
    generator: Optional[torch.Generator] = None,
) -> Any:
    """The example with its real tensors drawn from N(0, 1), in their own dtype or in this one."""

    def drawn(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.dtype.is_floating_point:
            return tensor
        wanted = dtype or tensor.dtype
        # old torch draws no half-precision numbers on the CPU
        base = wanted if wanted == torch.float64 else torch.float32
        values = torch.randn(tensor.shape, dtype=base, generator=generator)
        return values.to(tensor.device, wanted)

    return replaced(example, drawn)
