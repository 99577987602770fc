"""Tensor files that no code can hide in.

The format is torch's own zip file, so `torch.load(path, weights_only=True)` reads it too.
Reading goes through an unpickler that knows tensors, dicts and numbers and nothing else, on
every torch version alike: a pickle that names anything else is refused before it runs.
"""

import collections
import io
import pickle
import zipfile
from typing import IO, Any, Callable, Dict, Tuple

import torch

from edgejoule.prune import checkpoints, whole_file
from edgejoule.prune.file_kinds import unlike

PICKLE_BYTES = 64 << 20  # far more than the names and shapes of any model need

_DTYPES = {
    name + "Storage": getattr(torch, dtype)
    for name, dtype in (
        ("Float", "float32"),
        ("Double", "float64"),
        ("Half", "float16"),
        ("BFloat16", "bfloat16"),
        ("Long", "int64"),
        ("Int", "int32"),
        ("Short", "int16"),
        ("Char", "int8"),
        ("Byte", "uint8"),
        ("Bool", "bool"),
    )
}


def write(path: str, tensors: Dict[str, torch.Tensor]) -> None:
    """Write named tensors, on the CPU, nothing else.

    By way of memory: torch's own writer turns a full disk into an error that does not say so.
    """
    whole = io.BytesIO()
    torch.save(
        collections.OrderedDict((name, t.detach().cpu().clone()) for name, t in tensors.items()),
        whole,
    )
    whole_file.write(path, whole.getbuffer())


def read(path: str) -> Any:
    """The nest of dicts, lists, numbers, strings and tensors in a file.

    Raises:
        ValueError: it holds anything else, or is damaged.
        OSError: it can't be read.
    """
    other = unlike(path)
    if other:
        raise ValueError("{!r} {}".format(path, other))
    try:
        with zipfile.ZipFile(path) as archive:
            return _Unpickler(archive, _pickle(archive, path)).load()
    except (ValueError, OSError):
        raise
    except Exception as error:  # a broken or hostile file may fail in any way
        raise ValueError(
            "{!r} is no readable tensor file ({}); save a state_dict with torch.save".format(
                path, _line(error)
            )
        ) from None


def state(path: str, key: str = "") -> Dict[str, torch.Tensor]:
    """The state dict in a checkpoint: the file itself, or its 'state_dict' or 'model' entry.

    With `key` it is that entry, such as "model_ema" or "ema.module".

    Raises:
        ValueError: it holds none, or is damaged.
        OSError: it can't be read.
    """
    found = read(path)
    if key:
        return checkpoints.entry(found, path, key)
    inner = found
    for usual in ("state_dict", "model"):
        if isinstance(inner, dict) and isinstance(inner.get(usual), dict):
            inner = inner[usual]
    if not isinstance(inner, dict) or not all(isinstance(t, torch.Tensor) for t in inner.values()):
        raise ValueError(checkpoints.none_found(found, path))
    return inner


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def _pickle(archive: zipfile.ZipFile, path: str) -> IO[bytes]:
    """The open pickle of an archive; entries must be stored, not compressed."""
    names = [info.filename for info in archive.infolist()]
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise ValueError("{!r} is compressed, which torch.save never does".format(path))
    found = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(found) != 1 or archive.getinfo(found[0]).file_size > PICKLE_BYTES:
        raise ValueError("{!r} is no tensor file of torch.save".format(path))
    order = found[0].replace("data.pkl", "byteorder")
    if order in names and archive.read(order) != b"little":
        raise ValueError("{!r} was written on a big-endian machine".format(path))
    return archive.open(found[0])


class _Storage:
    """The raw numbers of one or more tensors."""

    def __init__(self, raw: bytes, dtype: torch.dtype, count: int) -> None:
        size = torch.empty(0, dtype=dtype).element_size()
        if count < 0 or len(raw) < count * size:
            raise ValueError(
                "a tensor file is truncated: {} bytes for {} numbers".format(len(raw), count)
            )
        self.flat = (
            torch.frombuffer(bytearray(raw), dtype=dtype)[:count]  # it wants writable memory
            if count
            else torch.empty(0, dtype=dtype)
        )


class _Unpickler(pickle.Unpickler):
    """Calls what `_KNOWN` lists and nothing else; storages are read from the archive."""

    def __init__(self, archive: zipfile.ZipFile, stream: IO[bytes]) -> None:
        pickle.Unpickler.__init__(self, stream)
        self.archive, self.folder = archive, stream.name.rpartition("/")[0]
        self.storages: Dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a global that the pickle names.

        Raises:
            ValueError: it isn't one that a state dict needs.
        """
        if module == "torch" and name in _DTYPES:
            return _Kind(name)
        if (module, name) not in _KNOWN:
            raise ValueError(
                "a tensor file names {}.{}, which could run code; it is refused".format(
                    module, name
                )
            )
        return _KNOWN[(module, name)]

    def persistent_load(self, key: Any) -> _Storage:
        """The numbers that a tensor of the pickle refers to, each storage read once."""
        _, kind, name, _, count = key
        if name not in self.storages:
            raw = self.archive.read("{}/data/{}".format(self.folder, name))
            self.storages[name] = _Storage(raw, _DTYPES[kind.name], int(count))
        return self.storages[name]


class _Kind:
    """Stands for a storage class, which is never called."""

    def __init__(self, name: str) -> None:
        self.name = name


def _tensor(
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any = False,
    hooks: Any = None,
    metadata: Any = None,
) -> torch.Tensor:
    """A tensor over a storage, its window checked first."""
    if (
        not isinstance(storage, _Storage)
        or len(size) != len(stride)
        or not all(isinstance(n, int) and n >= 0 for n in (offset,) + tuple(size) + tuple(stride))
    ):
        raise ValueError(
            "a tensor file holds a tensor of size {!r} and stride {!r}".format(size, stride)
        )
    last = offset + sum((n - 1) * step for n, step in zip(size, stride)) if 0 not in size else 0
    if last >= max(1, storage.flat.numel()) or (0 not in size and not storage.flat.numel()):
        raise ValueError("a tensor file holds a tensor that reaches beyond its numbers")
    # a copy, so that no two tensors of a file share memory
    return storage.flat.as_strided(tuple(size), tuple(stride), offset).clone()


def _parameter(tensor: torch.Tensor, requires_grad: Any = True, hooks: Any = None) -> torch.Tensor:
    return tensor


_KNOWN: Dict[Tuple[str, str], Callable] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): tuple,
}
