"""CIFAR's two formats: pickled batches ("python version") and fixed records ("binary version").

A record is its labels, one byte each (CIFAR-100 has a coarse one before the fine one), and
3 x 32 x 32 bytes. https://www.cs.toronto.edu/~kriz/cifar.html
"""

from pathlib import Path
from typing import Mapping, NamedTuple, Sequence, Tuple, Union

import numpy as np
import torch
from torch import Tensor

from edgejoule.bench.formats import archives, safe_pickle

SHAPE = (3, 32, 32)
PICTURE = 3 * 32 * 32
Split = Tuple[Tensor, Tensor]


class Layout(NamedTuple):
    """Where one of the two CIFARs keeps what."""

    files: Mapping[str, Tuple[Sequence[str], Sequence[str]]]  # by folder, those of both splits
    classes: int
    key: str  # of the labels in a pickled batch
    label_bytes: int  # before the pixels of a record


def load(
    source: archives.Source, root: Union[str, Path], layout: Layout, download: bool, verify: bool
) -> Tuple[Split, Split]:
    """Train and test: bytes [n, 3, 32, 32] and labels [n]."""
    folder = archives.folder(source, root, download)
    train, test = (
        [_read(archives.file(source, folder / name, verify), layout, source.name) for name in names]
        for names in layout.files[folder.name]
    )
    return _joined(train), _joined(test)


def _read(path: Path, layout: Layout, name: str) -> Split:
    """The pictures and labels of one file, each label within the data set's classes."""
    is_binary = path.suffix == ".bin"
    values, labels = _records(path, layout.label_bytes) if is_binary else _pickled(path, layout.key)
    if not len(labels) or int(labels.max()) >= layout.classes or int(labels.min()) < 0:
        found = "{} to {}".format(int(labels.min()), int(labels.max())) if len(labels) else "none"
        raise ValueError(
            "{!r} has labels {}; {} knows 0 to {}".format(
                str(path), found, name, layout.classes - 1
            )
        )
    return values, labels


def _joined(parts: Sequence[Split]) -> Split:
    return torch.cat([values for values, _ in parts]), torch.cat([labels for _, labels in parts])


def _records(path: Path, label_bytes: int) -> Split:
    """The last label of each record is the one that counts."""
    size = label_bytes + PICTURE
    raw = np.fromfile(str(path), np.uint8)
    if raw.size % size:
        raise ValueError(
            "{!r} has {} bytes, not a multiple of a record's {}: it is cut short or "
            "of another format".format(str(path), raw.size, size)
        )
    rows = torch.from_numpy(raw).view(-1, size)
    return rows[:, label_bytes:].reshape(-1, *SHAPE), rows[:, label_bytes - 1].long()


def _pickled(path: Path, key: str) -> Split:
    batch = safe_pickle.load(path)
    if not isinstance(batch, dict) or "data" not in batch or key not in batch:
        raise ValueError(
            "{!r} is a pickle without 'data' and {!r}: not a CIFAR batch".format(str(path), key)
        )
    values, labels = np.asarray(batch["data"]), np.asarray(batch[key])
    if values.dtype != np.uint8 or values.shape != (len(labels), PICTURE):
        raise ValueError(
            "{!r} has data of {} {} for {} labels; expected uint8 [{}, {}]".format(
                str(path), values.dtype, list(values.shape), len(labels), len(labels), PICTURE
            )
        )
    return (
        torch.from_numpy(values.copy()).view(-1, *SHAPE),
        torch.from_numpy(labels.astype(np.int64)),
    )
