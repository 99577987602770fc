"""How far a network's sign codes are from those of the epochs before, look by look.

A look is called with the model after each epoch. It returns the distances that a rule of
`prune.tickets` compares, and puts a sample of the codes on the trail of the search.
"""

from typing import Callable, List, Sequence

from torch import Tensor, nn

from edgejoule.prune import tickets
from edgejoule.prune.signcodes import codes
from edgejoule.prune.signcodes.code_stream import Stream
from edgejoule.prune.signcodes.epoch_sampler import Trail

Look = Callable[[nn.Module], List[float]]


def renewed(images: Sequence[Tensor], names: Sequence[str], weights: str, trail: Trail) -> Look:
    """Looks at batches of images and compares with the codes before, one set that is renewed."""
    stream = Stream(images, names)

    def look(model: nn.Module) -> List[float]:
        shares = stream.see(model)
        trail.see(
            {
                name: (
                    [each.words for each in blocks],
                    sum(each.bits * len(each.words) for each in blocks),
                )
                for name, blocks in stream.blocks.items()
            }
        )
        return [] if shares is None else [codes.mean(shares, stream.bits, weights)]

    return look


def older(
    take: Callable[[nn.Module], codes.Codes], weights: str, length: int, trail: Trail
) -> Look:
    """Takes codes and compares them with each of the latest `length`, which are all kept."""
    memory = tickets.Memory(length, lambda a, b: codes.distance(a, b, weights))

    def look(model: nn.Module) -> List[float]:
        now = take(model)
        trail.see(
            {name: ([words], now.bits[name] * len(words)) for name, words in now.words.items()}
        )
        return memory.see(now)

    return look
