"""IDX files, MNIST's format: two zero bytes, a type, the number of dimensions, their lengths.

Lengths are four bytes each, most significant first; then come the values, the last dimension
fastest. Files may be compressed by gzip. http://yann.lecun.com/exdb/mnist/
"""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

BYTES = 8  # the type code of unsigned bytes


def read(path: Path) -> Tensor:
    """Bytes [n, ...] of one file.

    Raises:
        ValueError: the file is not compressed as its name says, no IDX of bytes, or cut short.
    """
    raw = _raw(path)
    if len(raw) < 4 or raw[:3] != bytes((0, 0, BYTES)):
        raise ValueError(
            "{!r} starts with {}, an IDX file of bytes with 00 00 08: it is of "
            "another format".format(str(path), raw[:3].hex() or "nothing")
        )
    dimensions, start = raw[3], 4 + 4 * raw[3]
    if len(raw) < start:
        raise ValueError(
            "{!r} ends within its header of {} bytes: it is cut short".format(str(path), start)
        )
    shape = struct.unpack(">{}I".format(dimensions), raw[4:start])
    values = np.frombuffer(raw, np.uint8, offset=start)
    expected = 1
    for length in shape:  # in Python's integers: a broken header's product overflows numpy's
        expected *= length
    if values.size != expected:
        raise ValueError(
            "{!r} announces {} bytes for {} and holds {}: it is cut short or broken".format(
                str(path), expected, list(shape), values.size
            )
        )
    # Copied, because the array over `raw` is read-only, and torch warns of such.
    return torch.from_numpy(values.copy()).view(*shape)


def _raw(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error, struct.error) as error:
        raise ValueError(
            "{!r} is not a readable gzip file ({})".format(str(path), error)
        ) from error
