"""Archives that must not write elsewhere, IDX headers, and how a picture is cut square."""

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from rigs import foreign_operators

from edgejoule.bench.formats import archives, idx, picture_folders


def tar_with(path, *members):
    with tarfile.open(str(path), "w") as stream:
        for name, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, "/etc/passwd", 3 * (kind == tarfile.REGTYPE)
            stream.addfile(info, io.BytesIO(b"abc") if info.size else None)


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out"])
def test_an_archive_cannot_write_outside(name, tmp_path):
    tar_with(tmp_path / "bad.tar", (name, tarfile.REGTYPE))
    with pytest.raises(RuntimeError, match="outside its folder"):
        archives.unpack(tmp_path / "bad.tar", tmp_path / "in")
    assert not (tmp_path / "out").exists()


def test_an_archive_writes_plain_files_only(tmp_path):
    tar_with(
        tmp_path / "links.tar",
        ("link", tarfile.SYMTYPE),
        ("hard", tarfile.LNKTYPE),
        ("a/file", tarfile.REGTYPE),
    )
    archives.unpack(tmp_path / "links.tar", tmp_path / "in")
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a"]
    assert (tmp_path / "in" / "a" / "file").read_bytes() == b"abc"


def test_a_zip_is_unpacked_too(tmp_path):
    with zipfile.ZipFile(str(tmp_path / "x.zip"), "w") as stream:
        stream.writestr("a/", b"")
        stream.writestr("a/b", b"abc")
    archives.unpack(tmp_path / "x.zip", tmp_path / "in")
    assert (tmp_path / "in" / "a" / "b").read_bytes() == b"abc"


@pytest.mark.parametrize("shape", [(3,), (2, 5), (2, 3, 4), (0, 28, 28)])
def test_idx_gives_back_what_was_written(shape, tmp_path):
    values = np.arange(np.empty(shape).size, dtype=np.uint8).reshape(shape)
    header = struct.pack(">4B{}I".format(len(shape)), 0, 0, 8, len(shape), *shape)
    (tmp_path / "x").write_bytes(header + values.tobytes())
    assert torch.equal(idx.read(tmp_path / "x"), torch.from_numpy(values))


@pytest.mark.parametrize(
    "raw, words",
    [
        (b"", "nothing"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01xxxx", "00 00 08"),
        (b"\x00\x00\x08\x03\x00\x00", "within its header"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x09abc", "announces 9 bytes for [9] and holds 3"),
    ],
)
def test_idx_says_what_is_wrong(raw, words, tmp_path):
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(ValueError) as caught:
        idx.read(tmp_path / "x")
    assert words in str(caught.value)


def noise(width, height):
    pixels = np.random.RandomState(0).randint(0, 256, (height, width, 3)).astype(np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (300, 300), (101, 333)])
def test_the_middle_is_torchvisions(size):
    transforms = foreign_operators.needed("torchvision.transforms")
    theirs = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
    ours = picture_folders.middle(noise(*size), 224, 256)
    assert np.array_equal(np.array(ours), np.array(theirs(noise(*size))))


def test_squeezed_keeps_every_side():
    assert picture_folders.squeezed(noise(50, 20), 32).size == (32, 32)


def test_random_crops_stay_within_their_bounds():
    torch.manual_seed(0)
    sides = [picture_folders.crop_sides(400, 300) for _ in range(500)]
    areas = [w * h / (400 * 300) for w, h in sides]
    ratios = [w / h for w, h in sides]
    assert all(w <= 400 and h <= 300 for w, h in sides)
    assert min(areas) > 0.078 and max(areas) > 0.8 and 0.2 < np.median(areas) < 0.7
    assert min(ratios) > 0.74 and max(ratios) < 1.36


def test_a_picture_too_slim_for_any_crop_gives_its_largest_square():
    assert picture_folders.crop_sides(3000, 2) == (2, 2)


def test_random_crops_follow_torchs_seed():
    def draw(seed):
        torch.manual_seed(seed)
        return np.array(picture_folders.random_crop(noise(60, 50), 32))

    assert np.array_equal(draw(1), draw(1)) and not np.array_equal(draw(1), draw(2))


def test_grey_pictures_become_rgb(tmp_path):
    Image.new("L", (4, 4), 7).save(str(tmp_path / "x.png"))
    assert picture_folders.decoded(tmp_path / "x.png").mode == "RGB"
