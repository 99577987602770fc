"""Sign codes on disk, in a format that ten lines of any language can read.

    8 bytes     b"EJSIGNS1"
    8 bytes     length of the header, little-endian
    header      JSON, padded with spaces to a multiple of 64 bytes from the file's start:
                {"element": "float32", "layers": [{"name", "rows", "bits", "offset"}, ...]}
    words       per layer at its offset (a multiple of 64): uint64 [rows, (bits + 63) // 64],
                little-endian, element j of a row = bit j % 64 of word j // 64

`element` is the type the signs were taken from; codes of different types must not be compared.
Reading maps the file, so that codes larger than memory can be compared block by block.
"""

import json
import os
import struct
from typing import Any, Dict, List, Mapping, NamedTuple

import numpy as np

from edgejoule.prune.signcodes.operands import INFINITY
from edgejoule.prune.whole_file import FilePath, Replacement

MAGIC = b"EJSIGNS1"
ALIGNED = 64  # bytes: a cache line, and the widest vector of any backend


class Codes(NamedTuple):
    """Codes uint64 [rows, words] and their bits by layer, and the type they were taken from."""

    words: Dict[str, np.ndarray]
    bits: Dict[str, int]
    element: str = "float32"


def save(
    path: FilePath,
    words: Mapping[str, np.ndarray],
    bits: Mapping[str, int],
    element: str = "float32",
) -> None:
    """Writes codes by layer; the file appears whole or not at all.

    Raises:
        ValueError: no sign codes are taken from this type of element.
    """
    if element not in INFINITY:
        raise ValueError(
            "codes of {!r}: sign codes are taken from {}".format(element, ", ".join(INFINITY))
        )
    head = _header(words, bits, element)
    with Replacement(path) as temporary, open(temporary, "wb") as file:
        file.write(head)
        for name in words:
            file.write(b" " * (-file.tell() % ALIGNED))
            np.ascontiguousarray(words[name], "<u8").tofile(file)


def load(path: FilePath) -> Codes:
    """The codes in a file, mapped read-only.

    Raises:
        ValueError: it is no file of sign codes, or damaged, or cut short.
    """
    size = os.path.getsize(str(path))
    with open(str(path), "rb") as file:
        start = file.read(16)
        if len(start) < 16 or start[:8] != MAGIC:
            raise ValueError(
                "{}: not a file of sign codes (it begins with {!r})".format(path, start[:8])
            )
        length = struct.unpack("<Q", start[8:])[0]
        header = _parsed(path, file.read(min(length, size)))  # a damaged length may be huge
    layers = header["layers"]
    return Codes(
        {layer["name"]: _mapped(path, layer, size) for layer in layers},
        {layer["name"]: layer["bits"] for layer in layers},
        header["element"],
    )


def _header(words: Mapping[str, np.ndarray], bits: Mapping[str, int], element: str) -> bytes:
    """The file up to its first words.

    Offsets stand in the header and depend on its length: they are tried until the length settles.
    """
    layers: List[Dict[str, Any]] = [
        {"name": name, "rows": len(words[name]), "bits": int(bits[name]), "offset": 0}
        for name in words
    ]
    length = 0
    while True:
        at = 16 + length
        for layer in layers:
            layer["offset"] = at
            at += layer["rows"] * _words_per_row(layer["bits"]) * 8
            at += -at % ALIGNED
        text = json.dumps({"element": element, "layers": layers}).encode("utf8")
        text += b" " * (-(16 + len(text)) % ALIGNED)
        if len(text) <= length:
            text += b" " * (length - len(text))
            return MAGIC + struct.pack("<Q", length) + text
        length = len(text)


def _parsed(path: FilePath, text: bytes) -> Dict[str, Any]:
    """The header, its numbers checked."""
    try:
        header = json.loads(text.decode("utf8"))
        whole = header["element"] in INFINITY and all(
            isinstance(layer["name"], str)
            and min(layer[key] for key in ("rows", "bits")) >= 0
            and all(isinstance(layer[key], int) for key in ("rows", "bits", "offset"))
            and layer["offset"] % ALIGNED == 0
            for layer in header["layers"]
        )
    except (ValueError, KeyError, TypeError) as error:  # no UTF-8, no JSON, a key missing, no dict
        raise ValueError("{}: damaged header of sign codes ({})".format(path, error)) from None
    if not whole:
        raise ValueError("{}: damaged header of sign codes".format(path))
    return header


def _mapped(path: FilePath, layer: Dict[str, Any], size: int) -> np.ndarray:
    """The words of one layer of a file of `size` bytes, mapped read-only [rows, words]."""
    shape = (layer["rows"], _words_per_row(layer["bits"]))
    end = layer["offset"] + shape[0] * shape[1] * 8
    if layer["offset"] < 16 or end > size:
        raise ValueError(
            "{}: layer {!r} ends at byte {}, the file at {}; it was cut short".format(
                path, layer["name"], end, size
            )
        )
    if not shape[0] * shape[1]:  # nothing cannot be mapped
        return np.zeros(shape, np.uint64)
    return np.memmap(str(path), "<u8", "r", layer["offset"], shape)


def _words_per_row(bits: int) -> int:
    return -(-bits // 64)
