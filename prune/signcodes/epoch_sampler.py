"""Distances of every epoch of a search to every other, from a small part of each epoch's state.

The early-bird figure of the max-affine spline paper (2021, figure 5) is this matrix. The codes of
all epochs would not fit in memory, so a detector keeps only the latest. Here the same randomly
chosen words of every layer's codes are kept of all epochs: `WORDS` of 64 bits each, which estimates
the distances without bias, or all words where there are no more, and of masks, which makes the
distances exact. Detectors do not use this sample.
"""

import random
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from torch import Tensor

from edgejoule.prune.signcodes import epoch_matrix, signs

WORDS = 128  # of each layer and epoch: 8192 bits
MOST = 160  # epochs of a matrix; a longer search is thinned evenly
DIGITS = 4  # of a distance in a record

Layers = Mapping[str, Tuple[Sequence[np.ndarray], int]]  # blocks of words, and how many bits


class Trail:
    """A sample of every state of a search, oldest first; the first was seen after `first` epochs.

    Args:
        first: number of epochs trained when the first state is seen.
        weights: how layers are averaged, "layer_mean" or "bit_mean".
        words: most words of each layer to keep, None for all.
    """

    def __init__(
        self, first: int = 1, weights: str = "layer_mean", words: Optional[int] = WORDS
    ) -> None:
        self.weights, self.words = weights, words
        self._states: List[Tuple[int, Dict[str, np.ndarray]]] = []
        self._next = first
        self._places: Dict[str, np.ndarray] = {}  # of the words that are kept, by layer
        self._bits: Dict[str, int] = {}
        self._scale: Dict[str, float] = {}  # all words by those kept

    def see(self, layers: Layers) -> None:
        """Keeps a sample of a state: per layer its packed words, in blocks, and how many bits."""
        if not self._states:
            self._plan(layers)
        self._states.append(
            (
                self._next,
                {name: taken(blocks, self._places[name]) for name, (blocks, _) in layers.items()},
            )
        )
        self._next += 1
        if len(self._states) > 2 * MOST:
            self._states = self._states[:-1:2] + self._states[-1:]  # the ends always stay

    def see_mask(self, mask: Mapping[str, Tensor]) -> None:
        """Keeps a mask {group: bool tensor [channels]}."""
        flags = np.concatenate([np.asarray(each.cpu()) for _, each in sorted(mask.items())])
        self.see({"mask": ([signs.pack(flags[None].astype(np.float32))], len(flags))})

    def facts(self, held: int) -> Optional[Dict[str, Any]]:
        """The matrix as plain JSON for a record; None for fewer than two states.

        `below` is the lower triangle: row i holds the distances of state i + 1 to 0..i. `held` is
        the number of states that the detector compares.
        """
        if len(self._states) < 2:
            return None
        chosen = sorted(set(np.linspace(0, len(self._states) - 1, MOST).round().astype(int)))
        states = [self._states[place] for place in chosen]
        apart = self._matrix([state for _, state in states])
        return {
            "epochs": [epoch for epoch, _ in states],
            "held": held,
            "below": [
                [round(float(d), DIGITS) for d in apart[i, :i]] for i in range(1, len(states))
            ],
            "sampled_bits": None
            if self._whole()
            else 64 * sum(len(places) for places in self._places.values()),
        }

    def _plan(self, layers: Layers) -> None:
        """Draws which words of each layer are kept, the same in every run."""
        dice = random.Random(0)
        for name, (blocks, bits) in sorted(layers.items()):
            size = sum(each.size for each in blocks)
            count = min(size, self.words or size)
            self._places[name] = np.array(sorted(dice.sample(range(size), count)), np.int64)
            self._bits[name], self._scale[name] = bits, size / max(count, 1)

    def _whole(self) -> bool:
        return all(scale == 1 for scale in self._scale.values())

    def _matrix(self, states: Sequence[Dict[str, np.ndarray]]) -> np.ndarray:
        """Distances [states, states], 0 to 1."""
        # at most 1: where last words are partly padding, a scaled-up count can exceed all bits
        shares = [
            np.minimum(
                epoch_matrix.matrix([state[name] for state in states])
                * self._scale[name]
                / max(self._bits[name], 1),
                1.0,
            )
            for name in self._places
        ]
        weights = [1 if self.weights == "layer_mean" else self._bits[name] for name in self._places]
        return np.average(shares, axis=0, weights=weights)


def taken(blocks: Sequence[np.ndarray], places: np.ndarray) -> np.ndarray:
    """The words uint64 [places] at ascending places of blocks laid end to end."""
    found, start = [], 0
    for each in blocks:
        low, high = np.searchsorted(places, (start, start + each.size))
        found.append(np.reshape(each, -1)[places[low:high] - start])
        start += each.size
    return np.concatenate(found)
