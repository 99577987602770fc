"""Cases for the compiled sign-code kernels: shapes, special values, and files of both."""

import numpy as np

from edgejoule.prune.kernels import builder, reference

INFINITIES = {np.int32: (0x7F800000,), np.int16: (0x7C00, 0x7F80)}
SHAPES = [
    (0, 5),
    (3, 0),
    (1, 1),
    (2, 63),
    (3, 64),
    (5, 65),
    (4, 128),
    (7, 200),
    (33, 1000),
    (70, 2111),
    (130, 640),
    (9, 8200),
    (5, 17000),
    (64, 513),
]
KINDS = ["pack", "pack_hamming", "hamming", "cdist", "symmetric", "popcount", "nans"]


def values(random, shape, integer, infinity):
    """Float bit patterns: a third any pattern, a third near the borders, a third small numbers."""
    info = np.iinfo(integer)
    any_pattern = random.randint(info.min, int(info.max) + 1, shape, dtype=np.int64)
    borders = np.array(
        [
            0,
            1,
            2,
            infinity - 1,
            infinity,
            infinity + 1,
            info.max,
            info.min,
            info.min + 1,
            info.min + infinity,
            info.min + infinity + 1,
            -1,
        ]
    )
    choice = random.randint(0, 3, shape)
    near = borders[random.randint(0, len(borders), shape)]
    small = random.randint(-3, 4, shape)
    return np.choose(choice, [any_pattern, near, small]).astype(integer)


def codes(random, shape):
    """Random words [rows, words]."""
    halves = random.randint(0, 2**32, shape + (2,), dtype=np.uint64)
    return halves[..., 0] << np.uint64(32) | halves[..., 1]


def write_file(path, seed=0):
    """Writes cases of every kind and shape, with what the reference says; their number."""
    random = np.random.RandomState(seed)
    count = 0
    with open(str(path), "wb") as file:
        for rows, bits in SHAPES:
            for case in of_values(random, rows, bits) + of_codes(random, rows, -(-bits // 64)):
                for part in case:
                    file.write(np.ascontiguousarray(part).tobytes())
                count += 1
    return count


def head(kind, rows, bits, stride, infinity=0, rows_b=0, out_bytes=8):
    numbers = [KINDS.index(kind), rows, bits, stride, infinity, rows_b, out_bytes, 0]
    return np.array(numbers, np.int64)


def of_values(random, rows, bits):
    """Cases of pack, fused and NaN count, with rows closely behind each other and apart."""
    found = []
    for integer, infinities in INFINITIES.items():
        for infinity in infinities:
            for stride in (bits, bits + 3):
                x = values(random, (rows, stride), integer, infinity)[:, :bits]
                flat = scattered(x, stride)
                packed = reference.pack(x, infinity)
                stored = codes(random, packed.shape)
                nans = np.array([reference.nans(x, infinity)], np.int64)
                found += [
                    (head("pack", rows, bits, stride, infinity), flat, packed),
                    (
                        head("pack_hamming", rows, bits, stride, infinity, rows),
                        flat,
                        stored,
                        packed,
                        reference.hamming(packed, stored),
                    ),
                    (head("nans", rows, bits, stride, infinity), flat, nans),
                ]
    return found


def of_codes(random, rows, words):
    """Cases of distances and popcounts, of int32 and int64, with rows apart."""
    found = []
    for stride in (words, words + 1):
        a = codes(random, (rows, stride))[:, :words]
        flat, bits = scattered(a, stride), words * 64
        b = codes(random, (rows, words))
        found += [
            (head("hamming", rows, bits, stride, 0, rows), flat, b, reference.hamming(a, b)),
            (head("popcount", rows, bits, stride), flat, reference.popcount(a)),
        ]
        for dtype in (np.int32, np.int64):
            size = np.dtype(dtype).itemsize
            for rows_b in (0, 1, 8, 37):
                b = codes(random, (rows_b, words))
                found.append(
                    (
                        head("cdist", rows, bits, stride, 0, rows_b, size),
                        flat,
                        b,
                        reference.cdist(a, b, dtype),
                    )
                )
            found.append(
                (
                    head("symmetric", rows, bits, stride, 0, 0, size),
                    flat,
                    reference.cdist(a, a, dtype),
                )
            )
    return found


def scattered(array, stride):
    """The memory from the first to the last element of rows that are `stride` apart."""
    rows, columns = array.shape
    whole = np.zeros((rows, stride), array.dtype)
    whole[:, :columns] = array
    return whole.ravel()[: (rows - 1) * stride + columns if rows else 0]


def sources(name):
    """Folder of the kernels and the source file of backend `name`."""
    return str(builder.SOURCES), str(builder.SOURCES / builder.RECIPES[name].source)
