"""Backends by name, loaded when first asked for and kept.

`NAMES` is their order, fastest first. Without a name the first that this machine can run is taken;
where none can be built that is NumPy, and one warning says why. A name never falls back to another.
"""

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

import numpy as np

from edgejoule.prune.kernels import builder, native, reference

if TYPE_CHECKING:
    from typing import Protocol as Structure

    from edgejoule.prune.kernels.gpu import Driver
else:
    Structure = object  # Python 3.6 has no Protocol, and only type checkers need one

NAMES = ("cuda",) + tuple(builder.RECIPES) + ("numpy",)


class Backend(Structure):
    """What every backend for arrays has; `reference` defines what its functions return."""

    def pack(self, values: np.ndarray, infinity: int) -> np.ndarray:
        """Codes of float patterns."""

    def pack_hamming(
        self, values: np.ndarray, infinity: int, stored: np.ndarray, codes: np.ndarray
    ) -> np.ndarray:
        """Distances of the codes of `values` to `stored`; the codes go to `codes`."""

    def hamming(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Distances of paired rows."""

    def cdist(
        self, a: np.ndarray, b: np.ndarray, dtype: Any = np.int64, out: Optional[np.ndarray] = None
    ) -> np.ndarray:
        """Distances of all rows to all rows."""

    def popcount(self, codes: np.ndarray) -> np.ndarray:
        """Ones of each row."""

    def nans(self, values: np.ndarray, infinity: int) -> int:
        """Number of NaNs."""


@lru_cache(maxsize=None)
def load(name: str) -> Any:
    """The backend called `name`: a `Backend`, or for "cuda" a `gpu.Driver`, which takes tensors.

    Raises:
        ValueError: there is no such backend.
        RuntimeError: this machine cannot build or run it.
    """
    if name not in NAMES:
        raise ValueError(
            "signs: no backend called {!r}; there are: {}".format(name, ", ".join(NAMES))
        )
    if name == "numpy":
        return reference
    if name == "cuda":  # imported here, because the others need no torch
        from edgejoule.prune.kernels import gpu

        return gpu.load()
    return native.Library(name, builder.library(name))


def cpu(name: Optional[str] = None) -> Backend:
    """The backend called `name`, or the fastest one that runs here.

    Raises:
        ValueError: it is the one for CUDA tensors, or there is none of this name.
        RuntimeError: this machine cannot build or run it.
    """
    if name == "cuda":
        raise ValueError("signs: backend 'cuda' takes CUDA tensors; move them with x.cuda()")
    return load(name) if name else fastest()


def gpu(name: Optional[str] = None) -> "Driver":
    """The CUDA backend; another name is refused, because it would move the data.

    Raises:
        ValueError: `name` is another backend.
        RuntimeError: this machine has no NVIDIA driver.
    """
    if name not in (None, "cuda"):
        raise ValueError(
            "signs: backend {!r} takes no CUDA tensors; move them with x.cpu()".format(name)
        )
    return load("cuda")


@lru_cache(maxsize=None)
def fastest() -> Backend:
    """The first backend that builds, loads and runs here; NumPy, with a warning, if none does."""
    reasons = []
    for name in builder.candidates():
        try:
            return load(name)
        except (RuntimeError, OSError) as error:  # OSError: built, but ctypes cannot load it
            reasons.append(str(error))
    warnings.warn(
        "signs: no compiled kernels, NumPy does the work at 1/50 of the speed: {}".format(
            reasons[-1]
        ),
        RuntimeWarning,
        stacklevel=3,  # past `cpu`, to the function of `signs` that was called
    )
    return reference


def survey() -> List[Tuple[str, Optional[str]]]:
    """(name, None or why this machine cannot use it) of every backend, in order."""
    return [(name, reason(name)) for name in NAMES]


def reason(name: str) -> Optional[str]:
    """Why this machine cannot use backend `name`, None if it can."""
    try:
        load(name)
    except (RuntimeError, OSError) as error:
        return str(error)
    return None
