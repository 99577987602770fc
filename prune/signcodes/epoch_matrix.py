"""How far a network's sign codes moved between epochs: the matrix of all epochs against all.

All codes of an epoch are one long code. They are read in blocks of words, so codes mapped from
files that together exceed memory are compared at the speed of the disk.
"""

from typing import Dict, Optional, Sequence

import numpy as np

from edgejoule.prune.signcodes import code_file, signs
from edgejoule.prune.whole_file import FilePath

BLOCK_BYTES = 64 << 20  # of all epochs together in memory


def matrix(codes: Sequence[np.ndarray], backend: Optional[str] = None) -> np.ndarray:
    """Distances int64 [epochs, epochs] in bits between equally shaped codes, one per epoch.

    Raises:
        ValueError: the codes are of different lengths.
    """
    flat = [np.reshape(each, -1) for each in codes]
    lengths = sorted({len(each) for each in flat})
    if len(lengths) > 1:
        raise ValueError(
            "signs: codes of {} and of {} words cannot be compared; take the same "
            "layers on the same probes every epoch".format(lengths[0], lengths[-1])
        )
    total = np.zeros((len(flat), len(flat)), np.int64)
    step = max(1, BLOCK_BYTES // 8 // max(1, len(flat)))
    for start in range(0, lengths[0] if lengths else 0, step):
        block = np.stack([np.asarray(each[start : start + step]) for each in flat])
        # the same object twice, so that each pair is compared once
        total += signs.cdist(block, block, backend=backend, dtype=np.int64)
    return total


def by_layer(paths: Sequence[FilePath], backend: Optional[str] = None) -> Dict[str, np.ndarray]:
    """{layer: share of differing bits [epochs, epochs], 0 to 1} of saved codes, one file each.

    Raises:
        ValueError: the files hold different layers, widths or types of element.
    """
    files = [code_file.load(path) for path in paths]
    for path, each in zip(paths, files):
        if (each.bits, each.element) != (files[0].bits, files[0].element):
            raise ValueError(
                "signs: {} holds other layers, widths or types than {}".format(path, paths[0])
            )
    shares = {}
    for name, bits in files[0].bits.items() if files else ():
        codes = [each.words[name] for each in files]
        shares[name] = matrix(codes, backend) / max(1, bits * len(codes[0]))
    return shares
