"""What a file is that should have been torch's zip of tensors, by its first bytes."""

from typing import Optional, Tuple

PEEK = 1024  # bytes; enough for every mark below
OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the pickled number that torch.save began with

# (begin of the file, lower case where it is text; what it is and what to do)
MARKS: Tuple[Tuple[bytes, str], ...] = (
    (
        b"version https://git-lfs",
        "is a Git LFS pointer, not the file that it points to; fetch it with: git lfs pull",
    ),
    (b"<!doctype html", "is a web page; the link led to a page instead of the file"),
    (b"<html", "is a web page; the link led to a page instead of the file"),
    (
        OLD.lower(),
        "is in the format of torch before 1.6, which is read by running code; if you trust it, "
        "write it anew with: torch.save(torch.load(PATH, map_location='cpu'), NEW)",
    ),
    (b"\x1f\x8b", "is compressed by gzip; unpack it first"),
    (b"\x89hdf\r\n", "is an HDF5 file, as Keras writes; only torch's own files are read"),
    (
        b"\x80",
        "is no readable tensor file but a bare pickle, which is read by running code; if you trust "
        "it, write its tensors anew with torch.save",
    ),
)


def unlike(path: str) -> Optional[str]:
    """What a file is instead of torch's zip file and what to do; None if it may be one.

    Raises:
        OSError: it can't be read.
    """
    with open(path, "rb") as stream:
        start = stream.read(PEEK)
    if not start:
        return "is empty; copy or download it again"
    if start.startswith(b"PK"):
        return None
    text = start.lstrip().lower()
    for mark, words in MARKS:
        if text.startswith(mark):
            return words
    if start[8:9] == b"{" and b'"dtype"' in start:
        return "is a safetensors file; write its tensors anew with torch.save"
    return None
