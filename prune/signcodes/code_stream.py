"""Sign codes of a network on fixed probe images: one set, renewed while it is compared.

Every chosen layer's output is packed and compared with the stored codes in one pass, inside the
forward pass, and the new codes take the place of the old. Memory is one set of codes, 1/32 of the
fp32 activations, plus what the forward pass of one batch needs anyway.
"""

import time
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from torch import Tensor, nn

from edgejoule.prune.signcodes import coded_layers, codes, signs


class Block(NamedTuple):
    """Codes uint64 [rows, words] of one call of a layer on one batch, `bits` of them a row."""

    bits: int
    words: np.ndarray


class Stream:
    """Codes on `probes`, batches [n, c, h, w], and how far the next look is from them.

    `blocks` holds each layer's codes in the order in which a look meets them, so that a layer which
    a forward pass calls again has more blocks. `seconds` is what codes took in the last look.
    """

    def __init__(self, probes: Sequence[Tensor], names: Optional[Sequence[str]] = None) -> None:
        self.probes, self.names = probes, names
        self.blocks: Dict[str, List[Block]] = {}
        self.seconds = 0.0

    def see(self, model: nn.Module) -> Optional[Dict[str, float]]:
        """Share of each layer's bits changed since the last look, 0 to 1; None at the first."""
        first, self.seconds = not self.blocks, 0.0
        changed: Dict[str, List[int]] = {}
        if self.names is None:  # chosen once: a stored set of codes is of the same layers
            self.names = coded_layers.names(model, self.probes[0][:1])
        for images in self.probes:
            codes.look(model, images, self._renew(changed), self.names)
        if first:  # compared with zeros only, which says nothing
            return None
        return {name: sum(each) / self._size(name) for name, each in changed.items()}

    @property
    def bits(self) -> Dict[str, int]:
        """Bits of one image by layer."""
        return {
            name: sum(each.bits for each in blocks) // len(self.probes)
            for name, blocks in self.blocks.items()
        }

    @property
    def nbytes(self) -> int:
        """Memory of the stored codes, in bytes."""
        return sum(each.words.nbytes for blocks in self.blocks.values() for each in blocks)

    def _size(self, name: str) -> int:
        """Bits of a layer's codes on all probes."""
        return sum(each.bits * len(each.words) for each in self.blocks[name])

    def _renew(self, changed: Dict[str, List[int]]) -> Callable[[str, Tensor], None]:
        """Puts a layer's new codes in place of the old; `changed` gets how many bits differed."""

        def renew(name: str, values: Tensor) -> None:
            start = time.perf_counter()
            counts = changed.setdefault(name, [])
            stored = self._stored(name, len(counts), (values.shape[0], values.shape[1]))
            # `out=stored`: the new codes replace the old while they are compared
            distances = signs.pack_hamming(values.cpu(), stored, out=stored)[1]
            counts.append(int(distances.sum()))
            self.seconds += time.perf_counter() - start

        return renew

    def _stored(self, name: str, place: int, shape: Tuple[int, int]) -> np.ndarray:
        """The stored words of call number `place` of a layer, zeros if it was never seen."""
        rows, bits = shape
        # a layer that is called more than once in a forward pass has a block for each call
        blocks = self.blocks.setdefault(name, [])
        if place == len(blocks):
            blocks.append(Block(bits, np.zeros((rows, -(-bits // 64)), np.uint64)))
        if blocks[place].bits != bits:
            raise ValueError(
                "signs: layer {!r} has {} outputs, its codes are of {}; a cut network "
                "needs a new stream".format(name, bits, blocks[place].bits)
            )
        return blocks[place].words
