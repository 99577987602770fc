"""Sign codes of a network on fixed probe images, one set of them, renewed while it is compared.

Every chosen layer's output is packed and compared with the stored codes in one pass, inside the
forward pass, and the new codes take the place of the old. Memory is one set of codes, 1/32 of the
fp32 activations, plus what the forward pass of one batch needs anyway.
"""
import time
from typing import Dict, List, Optional

import numpy as np
import torch

from prune import signs
from prune.codes import evaluating, layers


class Stream:
    """Stored codes by layer, and how far the next look is from them.

    `words` holds uint64 [probes, words] per layer, `bits` their lengths, `seconds` the time spent
    on codes during the last look. A layer that one forward pass calls again is named "layer#2".
    """

    def __init__(self, probes: int, names: Optional[List[str]] = None):
        self.probes, self.names = probes, names
        self.words: Dict[str, np.ndarray] = {}
        self.bits: Dict[str, int] = {}
        self.seconds = 0.0

    def see(self, model, batches) -> Optional[Dict[str, float]]:
        """Share of each layer's bits that changed since the last look, 0 to 1; None at the first.

        `batches` holds the same images every time, [n, c, h, w] each, `probes` in all.
        """
        if sum(len(images) for images in batches) != self.probes:
            raise ValueError("signs: {} probe images, the codes are of {}; look at the same ones "
                             "every time".format(sum(map(len, batches)), self.probes))
        first = not self.words
        changed, row, self.seconds = {}, 0, 0.0
        for images in batches:
            self._forward(model, images, row, changed)
            row += len(images)
        return None if first else {name: bits / (self.bits[name] * self.probes)
                                   for name, bits in changed.items()}

    @property
    def nbytes(self) -> int:
        """Memory of the stored codes, in bytes."""
        return sum(each.nbytes for each in self.words.values())

    def _forward(self, model, images, row, changed):
        calls = {}
        modules = dict(model.named_modules())
        hooks = [modules[name].register_forward_hook(self._renew(name, row, calls, changed))
                 for name in self.names or layers(model)]
        try:
            with evaluating(model):
                model(images)
        finally:
            for hook in hooks:
                hook.remove()

    def _renew(self, name, row, calls, changed):
        """A hook that replaces a layer's codes from `row` on and adds up how many bits changed."""
        def hook(module, inputs, output):
            calls[name] = calls.get(name, 0) + 1
            key = name if calls[name] == 1 else "{}#{}".format(name, calls[name])
            values = output.detach().flatten(1)
            values = values.float() if values.dtype == torch.float64 else values
            start = time.perf_counter()
            stored = self._stored(key, values.shape[1])[row:row + len(values)]
            distances = signs.pack_hamming(values.cpu(), stored, out=stored)[1]
            changed[key] = changed.get(key, 0) + int(distances.sum())
            self.seconds += time.perf_counter() - start
        return hook

    def _stored(self, key, bits):
        if self.bits.setdefault(key, bits) != bits:
            raise ValueError("signs: layer {!r} has {} outputs, its codes are of {}; a cut network "
                             "needs a new stream".format(key, bits, self.bits[key]))
        if key not in self.words:
            self.words[key] = np.zeros((self.probes, -(-bits // 64)), np.uint64)
        return self.words[key]
