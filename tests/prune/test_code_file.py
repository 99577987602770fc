"""Codes on disk and between epochs: exact round trips, damage named, blocks equal the whole."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgejoule.prune.signcodes import code_file, epoch_matrix, operands, signs


def some(seed, shapes):
    """Codes and bits of layers [rows, bits]."""
    random = np.random.RandomState(seed)
    bits = {"layer{}".format(i): width for i, (_, width) in enumerate(shapes)}
    return {
        name: signs.pack(random.randn(rows, width).astype(np.float32))
        for name, (rows, width) in zip(bits, shapes)
    }, bits


@settings(max_examples=30, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 200)), max_size=12),
    element=st.sampled_from(sorted(operands.INFINITY)),
)
def test_round_trip(tmp_path_factory, shapes, element):
    path = tmp_path_factory.mktemp("codes") / "epoch.signs"
    words, bits = some(1, shapes)
    code_file.save(path, words, bits, element)
    found = code_file.load(path)
    assert found.bits == bits and found.element == element
    assert list(found.words) == list(words)
    for name in words:
        assert np.array_equal(found.words[name], words[name])
        assert np.array_equal(signs.popcount(found.words[name]), signs.popcount(words[name]))


def test_ten_lines_read_it(tmp_path):
    """The format as the documentation gives it, read without our code."""
    words, bits = some(2, [(3, 70), (2, 5)])
    code_file.save(tmp_path / "x", words, bits)
    data = (tmp_path / "x").read_bytes()
    assert data[:8] == b"EJSIGNS1"
    header = __import__("json").loads(data[16 : 16 + struct.unpack("<Q", data[8:16])[0]].decode())
    for layer in header["layers"]:
        count = layer["rows"] * ((layer["bits"] + 63) // 64)
        assert layer["offset"] % 64 == 0
        flat = struct.unpack_from("<{}Q".format(count), data, layer["offset"])
        assert list(flat) == words[layer["name"]].ravel().tolist()


def test_damage_is_named(tmp_path):
    words, bits = some(3, [(4, 100)])
    code_file.save(tmp_path / "x", words, bits)
    data = (tmp_path / "x").read_bytes()
    for text, message in [
        (b"", "not a file of sign codes"),
        (b"PK" + data[2:], "not a file"),
        (data[:-1], "was cut short"),
        (data[:40], "damaged header"),
        (data.replace(b'"rows": 4', b'"rows":-4'), "damaged header"),
        (data.replace(b'"float32"', b'"float99"'), "damaged header"),
        (data.replace(b'"bits": 100', b'"bits": 1e9'), "damaged header"),
    ]:
        (tmp_path / "y").write_bytes(text)
        with pytest.raises(ValueError, match=message):
            code_file.load(tmp_path / "y")


def test_a_failed_save_leaves_nothing(tmp_path):
    words, bits = some(3, [(4, 100)])
    with pytest.raises(ValueError, match="taken from float32"):
        code_file.save(tmp_path / "x", words, bits, "float64")
    with pytest.raises(ValueError):
        code_file.save(tmp_path / "x", {"layer0": "words"}, bits)
    assert list(tmp_path.iterdir()) == []


def test_blocks_of_words_equal_the_whole(monkeypatch):
    codes = [some(seed, [(5, 1000)])[0]["layer0"] for seed in range(4)]
    expected = [[int(signs.hamming(a, b).sum()) for b in codes] for a in codes]
    assert epoch_matrix.matrix(codes).tolist() == expected
    monkeypatch.setattr(epoch_matrix, "BLOCK_BYTES", 300)
    assert epoch_matrix.matrix(codes).tolist() == expected
    assert epoch_matrix.matrix([]).shape == (0, 0)
    with pytest.raises(ValueError, match="16 and of 80 words"):
        epoch_matrix.matrix([codes[0], codes[1][:1]])


def test_layers_of_saved_epochs(tmp_path):
    paths = []
    for seed in range(3):
        words, bits = some(seed, [(4, 130), (4, 64)])
        paths.append(tmp_path / str(seed))
        code_file.save(paths[-1], words, bits)
    shares = epoch_matrix.by_layer(paths)
    assert list(shares) == ["layer0", "layer1"]
    first = [code_file.load(path).words["layer0"] for path in paths[:2]]
    assert shares["layer0"][0, 1] == signs.hamming(*first).sum() / (4 * 130)
    assert np.array_equal(shares["layer1"], shares["layer1"].T) and not shares["layer1"].trace()
    code_file.save(paths[1], *some(5, [(4, 131), (4, 64)]))
    with pytest.raises(ValueError, match="other layers, widths or types"):
        epoch_matrix.by_layer(paths)
