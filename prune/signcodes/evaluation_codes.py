"""Sign codes of test images, taken while the epoch's own evaluation passes over them.

The evaluation's batches are forwarded as they are, and inside that pass the probes' rows are packed
at each coded layer. So the codes equal, bit for bit, those of another pass over the same batches:
a convolution's low bits may depend on the size of its batch, and no batch is made here. The answers
of the network are the evaluation's own.
"""

from typing import Dict, List, Optional, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from edgejoule.prune.signcodes.codes import Codes, packed_batch
from edgejoule.prune.trainer import Answer


class EvaluationCodes:
    """Codes of the test images at `places` [probes], anew in every pass: a trainer's observer.

    `names` are the coded layers. Kept are the codes of the latest pass; the images stand in the
    order of the test set.
    """

    def __init__(self, places: Tensor, names: Sequence[str]) -> None:
        self.places, self.names = np.sort(places.cpu().numpy()), names
        self._met = 0  # probes in the latest pass
        self._batches: List[Dict[str, np.ndarray]] = []
        self._bits: Dict[str, int] = {}
        self._first_bits: Optional[Dict[str, int]] = None

    def __call__(self, model: nn.Module) -> Answer:
        """What answers as the model does in one pass over the test set, in stored order."""
        self._batches, self._met = [], 0  # a pass before may have broken off
        start = 0

        def answer(images: Tensor) -> Tensor:
            nonlocal start
            rows, start = self._rows(start, len(images)), start + len(images)
            return self._packing(model, images, rows) if len(rows) else model(images)

        return answer

    def take(self) -> Codes:
        """The codes of the latest pass, which can be taken once.

        Raises:
            ValueError: since the last time no pass met all probes, or the layers' widths changed.
        """
        met, self._met = self._met, 0
        if met != len(self.places):
            raise ValueError(
                "sign codes: the evaluation after this epoch met {} of {} probe images; "
                "evaluate the whole test set after every epoch, or set probes='train', which "
                "needs no evaluation".format(met, len(self.places))
            )
        self._check_widths()
        batches, self._batches = self._batches, []
        # layer by layer, so that not all codes are there twice
        words = {name: np.concatenate([each.pop(name) for each in batches]) for name in self.names}
        return Codes(words, self._bits)

    def _rows(self, start: int, count: int) -> np.ndarray:
        """The rows of the probes in a batch of `count` images, the first of which is at `start`."""
        low, high = np.searchsorted(self.places, (start, start + count))
        return self.places[low:high] - start

    def _packing(self, model: nn.Module, images: Tensor, rows: np.ndarray) -> Tensor:
        """The model's answers to a batch; the codes of its `rows` are kept."""
        # a batch of probes alone need not be copied to choose them
        chosen = None if len(rows) == len(images) else torch.from_numpy(rows).to(images.device)
        output, words, self._bits = packed_batch(model, images, self.names, chosen)
        self._batches.append(words)
        self._met += len(rows)
        return output

    def _check_widths(self) -> None:
        self._first_bits = self._first_bits or self._bits
        for name, bits in self._bits.items():
            if bits != self._first_bits[name]:
                raise ValueError(
                    "signs: layer {!r} has {} outputs, its codes are of {}; a cut network "
                    "needs a new search".format(name, bits, self._first_bits[name])
                )
