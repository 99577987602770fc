"""Canonical Huffman codes: the table is the code lengths alone.

Among codes of equal length the smaller symbol has the smaller code. An alphabet of one symbol
costs one bit each, so that a decoder knows where it is.
"""

import heapq
from typing import List, Sequence, Tuple

import numpy as np

CHUNK = 1 << 16  # bits that are looked up at once; the memory of a window, not of a whole layer


def lengths(counts: Sequence[int]) -> np.ndarray:
    """Bits of each symbol's code [symbols], 0 for symbols that never occur.

    The mean length lies between the entropy of the counts and one bit above it.
    """
    found = np.zeros(len(counts), np.int64)
    # (count, order of making, symbols below): the order settles ties alike on every machine
    heap: List[Tuple[int, int, List[int]]] = [
        (int(count), symbol, [symbol]) for symbol, count in enumerate(counts) if count
    ]
    if len(heap) == 1:
        found[heap[0][2]] = 1
    heapq.heapify(heap)
    made = len(counts)
    while len(heap) > 1:
        a, b = heapq.heappop(heap), heapq.heappop(heap)
        found[a[2] + b[2]] += 1
        heapq.heappush(heap, (a[0] + b[0], made, a[2] + b[2]))
        made += 1
    return found


def codewords(bits: np.ndarray) -> np.ndarray:
    """The canonical code [symbols] of each symbol, right-aligned; 0 where there is none."""
    found, code, last = np.zeros(len(bits), np.int64), 0, 0
    for symbol in _canonical(bits):
        code <<= int(bits[symbol]) - last
        found[symbol], last = code, int(bits[symbol])
        code += 1
    return found


def pack(symbols: np.ndarray, bits: np.ndarray) -> bytes:
    """The symbols' codes one after the other, most significant bit first, padded with zeros."""
    symbols = np.asarray(symbols, np.int64).ravel()
    long, words = bits[symbols], codewords(bits)[symbols]
    starts = np.cumsum(long) - long
    stream = np.zeros(int(long.sum()), np.uint8)
    for place in range(int(bits.max()) if len(symbols) else 0):
        has = long > place
        stream[starts[has] + place] = (words[has] >> (long[has] - 1 - place)) & 1
    return np.packbits(stream).tobytes()


def unpack(packed: bytes, count: int, bits: np.ndarray) -> np.ndarray:
    """`count` symbols [count] out of what `pack` made with the same code lengths.

    Raises:
        ValueError: the stream ends before, or is no such code.
    """
    stream = np.unpackbits(np.frombuffer(packed, np.uint8))
    found: List[int] = []
    at = 0
    while len(found) < count and at < len(stream):
        symbols, sizes = _looked_up(stream[at : at + CHUNK + int(bits.max())], bits)
        at += _followed(symbols, sizes, min(CHUNK, len(symbols)), count, found)
    if len(found) < count or at > len(stream):
        raise ValueError(
            "a Huffman stream of {} bits ends before its {} symbols".format(len(stream), count)
        )
    return np.array(found, np.int64)


def entropy(counts: Sequence[int]) -> float:
    """Bits per symbol that no code of single symbols can beat."""
    share = np.array([each for each in counts if each], float)
    share /= share.sum()
    return float(-(share * np.log2(share)).sum())


def _canonical(bits: np.ndarray) -> List[int]:
    """Symbols that have codes, by length, then by symbol."""
    return sorted(np.flatnonzero(bits).tolist(), key=lambda symbol: (bits[symbol], symbol))


def _looked_up(stream: np.ndarray, bits: np.ndarray) -> Tuple[List[int], List[int]]:
    """At every bit of a stream: the symbol whose code begins there, and that code's length."""
    order = _canonical(bits)
    if not order:
        raise ValueError("a Huffman table without a symbol")
    widest = int(bits.max())
    window = np.zeros(len(stream), np.int64)
    ahead = np.concatenate([stream, np.zeros(widest, np.uint8)])
    for place in range(widest):
        window = (window << 1) | ahead[place : place + len(stream)]
    # left-aligned canonical codes ascend, so the last one that is not above the window begins it
    first = codewords(bits)[order] << (widest - bits[order])
    hit = np.array(order)[np.searchsorted(first, window, side="right") - 1]
    return hit.tolist(), bits[hit].tolist()


def _followed(symbols: List[int], sizes: List[int], end: int, count: int, found: List[int]) -> int:
    """Appends the symbols from bit 0 to `end`, until there are `count`; where the next begins."""
    at = 0
    while at < end and len(found) < count:
        found.append(symbols[at])
        at += sizes[at]
    return at
