"""Backends by name, loaded when first asked for and kept.

`NAMES` is their order, fastest first. Without a name the first that this machine can run is taken;
where none can be built that is NumPy, and one warning says why. A name never falls back to another.
"""

import warnings
from functools import lru_cache

from edgejoule.prune.kernels import builder, native, reference

NAMES = ("cuda",) + tuple(builder.RECIPES) + ("numpy",)


@lru_cache(maxsize=None)
def load(name):
    """The backend called `name`; RuntimeError where this machine cannot build or run it."""
    if name not in NAMES:
        raise ValueError(
            "signs: no backend called {!r}; there are: {}".format(name, ", ".join(NAMES))
        )
    if name == "numpy":
        return reference
    if name == "cuda":
        from edgejoule.prune.kernels import gpu

        return gpu.load()
    return native.Library(name, builder.library(name))


def cpu(name=None):
    """The backend called `name`, or the fastest one that runs here."""
    if name == "cuda":
        raise ValueError("signs: backend 'cuda' takes CUDA tensors; move them with x.cuda()")
    return load(name) if name else fastest()


def gpu(name=None):
    """The CUDA backend; another name is refused, because it would move the data."""
    if name not in (None, "cuda"):
        raise ValueError(
            "signs: backend {!r} takes no CUDA tensors; move them with x.cpu()".format(name)
        )
    return load("cuda")


@lru_cache(maxsize=None)
def fastest():
    """The first backend that builds, loads and runs here; NumPy, with a warning, if none does."""
    reasons = []
    for name in builder.candidates():
        try:
            return load(name)
        except (RuntimeError, OSError) as error:
            reasons.append(str(error))
    warnings.warn(
        "signs: no compiled kernels, NumPy does the work at 1/50 of the speed: {}".format(
            reasons[-1]
        ),
        RuntimeWarning,
        stacklevel=3,
    )
    return reference


def survey():
    """(name, None or why it is not to be had) of every backend, in order."""
    return [(name, reason(name)) for name in NAMES]


def reason(name):
    """Why backend `name` cannot be had here, or None if it can."""
    try:
        load(name)
    except (RuntimeError, OSError) as error:
        return str(error)
    return None
