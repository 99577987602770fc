"""A compressed network in one file: what Deep Compression leaves, and the rest as it is.

    8 bytes     b"EJDEEPC1"
    8 bytes     length of the header, then CRC-32 of all that follows the header, both uint32,
                little-endian
    header      JSON {"tensors": [{"name", "shape", "dtype", ...}, ...]}, in order of the body
    body        a plain tensor: its numbers, little-endian
                a coded one ("entries", "values", "value_bits", "run_bits", "packed": [a, b]):
                the book [values], a code length (1 byte) per value and per possible run, `a` bytes
                of Huffman codes of the entries' values, `b` of the runs before them

A reader needs `huffman.py`'s rule: canonical codes, the smaller symbol first.
"""

import json
import struct
import zlib
from typing import Any, Dict, List, Mapping, Tuple

import numpy as np
import torch
from torch import Tensor, nn

from edgejoule.prune import whole_file
from edgejoule.prune.compression import huffman
from edgejoule.prune.compression.coded import Coded, Lengths, expand, payload, sizes, tables
from edgejoule.prune.compression.layers import Bits, array_of, coded
from edgejoule.prune.whole_file import FilePath

MAGIC = b"EJDEEPC1"
HEAD = struct.Struct("<II")


def stages(model: nn.Module, bits: Bits) -> Dict[str, int]:
    """Bytes of a network by stage, rounded up; its other parameters and buffers in all of them.

    `coded.sizes` says what each stage holds; "file" is what `encode` makes, header included.

    Raises:
        ValueError: its weights do not share few values.
    """
    layers, entries = coded(model, bits), []
    total = dict.fromkeys(("dense", "pruned", "shared", "huffman", "payload"), 0)
    body = rest = 0
    for name, value in model.state_dict().items():
        if name in layers:
            lengths = tables(layers[name])
            entries.append(_coded_entry(name, layers[name], lengths))
            for stage, count in sizes(layers[name], lengths).items():
                total[stage] += count
            body += sum(entries[-1]["packed"]) + sum(map(len, lengths)) + layers[name].book.nbytes
        else:
            entries.append(_plain_entry(name, array_of(value)))
            rest += value.numel() * value.element_size()
    found = {stage: -(-count // 8) + rest for stage, count in total.items()}
    return dict(found, file=len(MAGIC) + HEAD.size + len(_header(entries)) + body + rest)


def encode(model: nn.Module, bits: Bits) -> bytes:
    """The file of a network whose weights share few values.

    Raises:
        ValueError: they do not, or a tensor has a type that numpy lacks.
    """
    layers = coded(model, bits)
    entries: List[Dict[str, Any]] = []
    parts: List[bytes] = []
    for name, value in model.state_dict().items():
        if name in layers:
            lengths = tables(layers[name])
            entries.append(_coded_entry(name, layers[name], lengths))
            parts.append(_packed(layers[name], lengths))
        else:
            entries.append(_plain_entry(name, array_of(value)))
            parts.append(_little(array_of(value)))
    body, header = b"".join(parts), _header(entries)
    return MAGIC + HEAD.pack(len(header), zlib.crc32(body)) + header + body


def decode(packed: bytes) -> Dict[str, Tensor]:
    """Parameters and buffers by name, on the CPU, as the encoded network had them.

    Raises:
        ValueError: it is no such file, or damaged.
    """
    start = len(MAGIC) + HEAD.size
    if packed[: len(MAGIC)] != MAGIC or len(packed) < start:
        raise ValueError("this is no compressed network; one begins with {!r}".format(MAGIC))
    length, checksum = HEAD.unpack(packed[len(MAGIC) : start])
    body = packed[start + length :]
    if zlib.crc32(body) != checksum:
        raise ValueError("a compressed network is damaged: its checksum differs; write it again")
    found, at = {}, 0
    for entry in _entries(packed[start : start + length]):
        read = _read_coded if "packed" in entry else _read_plain
        array, at = read(entry, body, at)
        found[entry["name"]] = torch.from_numpy(array)
    return found


def save(path: FilePath, model: nn.Module, bits: Bits) -> None:
    """Writes the file of a network; it appears whole or not at all."""
    whole_file.write(str(path), encode(model, bits))


def load(path: FilePath) -> Dict[str, Tensor]:
    """Parameters and buffers by name in a file that `save` wrote.

    Raises:
        ValueError: it is no such file, or damaged.
        OSError: it can't be read.
    """
    with open(str(path), "rb") as file:
        return decode(file.read())


def _little(array: np.ndarray) -> bytes:
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def _header(entries: List[Dict[str, Any]]) -> bytes:
    return json.dumps({"tensors": entries}).encode()


def _plain_entry(name: str, array: np.ndarray) -> Dict[str, Any]:
    return {"name": name, "shape": list(array.shape), "dtype": array.dtype.name}


def _coded_entry(name: str, layer: Coded, lengths: Lengths) -> Dict[str, Any]:
    return {
        "name": name,
        "shape": list(layer.shape),
        "dtype": layer.book.dtype.name,
        "entries": len(layer.codes),
        "values": len(layer.book),
        "value_bits": layer.value_bits,
        "run_bits": layer.run_bits,
        "packed": [-(-count // 8) for count in payload(layer, lengths)],
    }


def _packed(layer: Coded, lengths: Lengths) -> bytes:
    """What the body holds of a layer: the book, the code lengths, the codes, the runs."""
    table = np.concatenate(lengths).astype(np.uint8).tobytes()
    codes = huffman.pack(layer.codes, lengths[0])
    return _little(layer.book) + table + codes + huffman.pack(layer.zeros, lengths[1])


def _entries(header: bytes) -> List[Mapping[str, Any]]:
    try:
        return list(json.loads(header.decode())["tensors"])
    except (ValueError, KeyError, TypeError):
        raise ValueError("a compressed network is damaged: its header is not JSON") from None


def _taken(body: bytes, at: int, dtype: str, count: int) -> Tuple[np.ndarray, int]:
    """(`count` numbers at a place of the body, where they end)."""
    kind = np.dtype(dtype)
    end = at + count * kind.itemsize
    raw = np.frombuffer(body[at:end], kind.newbyteorder("<"))
    return raw.astype(kind), end


def _read_plain(entry: Mapping[str, Any], body: bytes, at: int) -> Tuple[np.ndarray, int]:
    array, at = _taken(body, at, entry["dtype"], int(np.prod(entry["shape"], dtype=np.int64)))
    return array.reshape(entry["shape"]), at


def _read_coded(entry: Mapping[str, Any], body: bytes, at: int) -> Tuple[np.ndarray, int]:
    book, at = _taken(body, at, entry["dtype"], entry["values"])
    lengths, at = _taken(body, at, "uint8", entry["values"] + 2 ** entry["run_bits"])
    streams = []
    for size, bits in zip(entry["packed"], np.split(lengths.astype(np.int64), [entry["values"]])):
        streams.append(huffman.unpack(body[at : at + size], entry["entries"], bits))
        at += size
    shape, widths = tuple(entry["shape"]), (entry["value_bits"], entry["run_bits"])
    return expand(Coded(shape, streams[0], streams[1], book, *widths)), at
