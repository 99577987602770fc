"""Positions of nonzero weights as runs of zeros in few bits (Deep Compression, EIE).

Before every entry stands the number of zeros since the last one, in `bits` bits. A run longer than
2^bits - 1 is interrupted by fillers: entries of value 0 that use up 2^bits positions each.
"""

from typing import Tuple

import numpy as np


def steps(positions: np.ndarray, span: int, start: int = -1) -> Tuple[np.ndarray, np.ndarray]:
    """(distances [entries], each 1 to `span`, to the entry before; whether it is a real one).

    `positions` [n] ascend from above `start`. A distance beyond `span` becomes fillers of `span`
    and a rest. The paper's figure counts so, from 0 and with span 8 for 3 bits.

    Raises:
        ValueError: positions that do not ascend from above `start`.
    """
    gaps = np.diff(np.asarray(positions, np.int64), prepend=start)
    if (gaps < 1).any():
        raise ValueError("positions of entries must ascend from above {}".format(start))
    ends = np.cumsum((gaps - 1) // span + 1)  # behind each real entry
    found = np.full(ends[-1] if len(ends) else 0, span, np.int64)
    real = np.zeros(len(found), bool)
    found[ends - 1] = np.remainder(gaps - 1, span) + 1
    real[ends - 1] = True
    return found, real


def encode(positions: np.ndarray, bits: int) -> Tuple[np.ndarray, np.ndarray]:
    """(zeros before each entry [entries], below 2^bits; whether it is real or a filler)."""
    found, real = steps(positions, 2**bits)
    return found - 1, real


def decode(runs: np.ndarray) -> np.ndarray:
    """Positions [entries] of all entries, fillers included."""
    return np.cumsum(np.asarray(runs, np.int64) + 1) - 1
