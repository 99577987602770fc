"""One layer of a network whose weights share few values: entries, runs of zeros, a book.

A flat stream in the order in which the weight lies in memory (Han et al., 2016, have rows; the
difference is their pointers). Sizes are in bits, by stage of Deep Compression.
"""

from typing import Dict, NamedTuple, Tuple

import numpy as np

from edgejoule.prune.compression import huffman, runs

LENGTH_BITS = 8  # of one code length in a Huffman table
Lengths = Tuple[np.ndarray, np.ndarray]  # of the codes of values [values], of runs [2^run_bits]


class Coded(NamedTuple):
    """A weight tensor as a stream of entries.

    `codes` [entries] are places in the `book` [values], whose first value is 0, that of fillers;
    `zeros` [entries], below 2^run_bits, counts the zeros before each entry.
    """

    shape: Tuple[int, ...]
    codes: np.ndarray
    zeros: np.ndarray
    book: np.ndarray
    value_bits: int
    run_bits: int


def code(weight: np.ndarray, value_bits: int, run_bits: int) -> Coded:
    """The stream of a weight tensor; its values other than 0 become the book, ascending.

    Raises:
        ValueError: more distinct values than the bits can tell apart, beside 0.
    """
    flat = weight.ravel()
    positions = np.flatnonzero(flat)
    values, places = np.unique(flat[positions], return_inverse=True)
    if len(values) > 2**value_bits - 1:
        raise ValueError(
            "{} different weights beside 0, but {} bits tell {} apart; share weights first, or "
            "take more bits".format(len(values), value_bits, 2**value_bits - 1)
        )
    zeros, real = runs.encode(positions, run_bits)
    codes = np.zeros(len(zeros), np.int64)
    codes[real] = places.ravel() + 1
    book = np.concatenate([np.zeros(1, flat.dtype), values])
    return Coded(tuple(weight.shape), codes, zeros, book, value_bits, run_bits)


def expand(coded: Coded) -> np.ndarray:
    """The weight tensor, the same bit for bit; every zero is a positive one.

    Raises:
        ValueError: a stream that reaches beyond the tensor or the book.
    """
    size, positions = int(np.prod(coded.shape)), runs.decode(coded.zeros)
    if len(positions) and positions[-1] >= size or coded.codes.max(initial=0) >= len(coded.book):
        raise ValueError("a stream of weights reaches beyond its tensor or its book")
    flat = np.zeros(size, coded.book.dtype)
    flat[positions] = coded.book[coded.codes]
    return flat.reshape(coded.shape)


def tables(coded: Coded) -> Lengths:
    """Huffman code lengths of the value codes [values] and of the runs [2^run_bits]."""
    return (
        huffman.lengths(np.bincount(coded.codes, minlength=len(coded.book)).tolist()),
        huffman.lengths(np.bincount(coded.zeros, minlength=2**coded.run_bits).tolist()),
    )


def payload(coded: Coded, lengths: Lengths) -> Tuple[int, int]:
    """Bits of the packed value codes and of the packed runs, with the lengths of `tables`."""
    return int(lengths[0][coded.codes].sum()), int(lengths[1][coded.zeros].sum())


def sizes(coded: Coded, lengths: Lengths) -> Dict[str, int]:
    """Bits of the layer, by stage; `lengths` are its `tables`.

    "dense" holds every weight, "pruned" an index and a weight per entry, "shared" an index and a
    code per entry and the book; "huffman" the packed entries, the book and both tables, and
    "payload" the packed entries alone.
    """
    entries, width = len(coded.codes), 8 * coded.book.dtype.itemsize
    book, packed = len(coded.book) * width, sum(payload(coded, lengths))
    return {
        "dense": int(np.prod(coded.shape)) * width,
        "pruned": entries * (width + coded.run_bits),
        "shared": entries * (coded.value_bits + coded.run_bits) + book,
        "huffman": packed + book + LENGTH_BITS * sum(map(len, lengths)),
        "payload": packed,
    }
