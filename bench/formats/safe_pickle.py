"""Reading pickles that hold arrays, and nothing else.

A pickle may name any function and have it called. CIFAR's batches need an array constructor, two
numpy types and one codec; this reader knows these and refuses the rest.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np


def load(path: Path) -> Any:
    """What the pickle holds: containers, numbers, strings and numpy arrays.

    Raises:
        ValueError: the file is no pickle, is cut short, or asks for something else.
    """
    try:
        with open(str(path), "rb") as stream:
            return Reader(stream, encoding="latin1").load()  # Python 2's
    except OSError:
        raise
    except Exception as error:  # a broken pickle raises whatever its bytes happen to spell
        raise ValueError(
            "{!r} is not a readable batch ({}: {})".format(str(path), type(error).__name__, error)
        ) from error


def _latin1(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("asks for the codec {!r}".format(encoding))
    return text.encode("latin1")  # how protocol 2 writes bytes


# numpy moved its constructor between versions: take it from an array instead of by name
_RECONSTRUCT = np.zeros(0).__reduce__()[0]
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
}


class Reader(pickle.Unpickler):
    """An unpickler that knows arrays only."""

    def find_class(self, module: str, name: str) -> Any:
        """The function behind a name, if it is one of the five."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError("asks for {}.{}".format(module, name))
        return ALLOWED[module, name]
