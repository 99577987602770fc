"""Backends built by this machine's own compiler at first use, kept in a per-user cache.

A library is named by a digest of its sources, its flags and its compiler, so a newer checkout or a
newer compiler builds anew and nothing is ever stale. Builders may race: the last one's file stays,
and all are equal. The libraries know neither Python nor torch; one file serves every interpreter of
this user.
"""

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Callable, List, NamedTuple, Sequence, Tuple

from edgejoule.prune.whole_file import Replacement

SOURCES = Path(__file__).resolve().parent
SHARED = ("signs.h", "rows.hpp", "tiles.hpp", "entry.hpp")
# C++14 because JetPack 4's compiler is gcc 7; hidden, so that signs.h alone is exported
FLAGS = ("-O3", "-std=c++14", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra")
X86, ARM = ("x86_64", "amd64"), ("aarch64", "arm64")  # as Linux and other systems call them


class Recipe(NamedTuple):
    """How one backend is built: source, headers of its own, flags, machines it is for."""

    source: str
    headers: Tuple[str, ...] = ()
    flags: Tuple[str, ...] = ()
    machines: Tuple[str, ...] = ()


RECIPES = {
    "avx512": Recipe(
        "avx512.cpp",
        ("avx512.hpp", "cpu_x86.hpp"),
        ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vpopcntdq", "-mpopcnt"),
        X86,
    ),
    "avx2": Recipe("avx2.cpp", ("cpu_x86.hpp",), ("-mavx2", "-mpopcnt"), X86),
    "neon": Recipe("neon.cpp", (), (), ARM),
    "portable": Recipe("portable.cpp"),
}


def candidates() -> List[str]:
    """Names of the backends that are written for this kind of machine, fastest first."""
    machine = platform.machine().lower()
    return [name for name, recipe in RECIPES.items() if machine in (recipe.machines or (machine,))]


def library(name: str) -> Path:
    """Path of the library of backend `name`, built if the cache has none.

    Raises:
        RuntimeError: it is for another machine, there is no compiler, or the build fails.
    """
    if name not in candidates():
        raise RuntimeError(
            "signs: backend {!r} is for {}, this machine is {!r}; use one of {}".format(
                name, "/".join(RECIPES[name].machines), platform.machine(), ", ".join(candidates())
            )
        )
    command = [compiler()] + list(FLAGS) + list(RECIPES[name].flags)
    path = cache() / "signs-{}-{}.so".format(name, digest(name, command))
    if not path.exists():
        source = str(SOURCES / RECIPES[name].source)
        place(path, lambda temporary: run(command + [source, "-o", temporary]))
    return path


def place(path: Path, make: Callable[[str], object]) -> None:
    """Makes a file of the cache at `path`; `make(temporary name)` writes it.

    Raises:
        RuntimeError: the cache cannot be written to.
    """
    try:
        # 0700: whoever could write here could run code as this user
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replacement = Replacement(path)
    except OSError as error:
        raise RuntimeError(
            "signs: cannot write to the cache {} ({}); set XDG_CACHE_HOME to a "
            "folder of yours".format(path.parent, error.strerror)
        ) from None
    with replacement as temporary:
        make(temporary)


def run(command: Sequence[str]) -> str:
    """What `command` printed.

    Raises:
        RuntimeError: it failed; one line with the first error that it named.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode("utf8", "replace")
    if done.returncode:
        lines = [line.strip() for line in text.splitlines() if "error" in line.lower()]
        raise RuntimeError(
            "signs: {} failed on {}: {}".format(
                Path(command[0]).name, Path(command[-3]).name, (lines or [text.strip()[-200:]])[0]
            )
        )
    return text


def compiler() -> str:
    """Path of the C++ compiler: $CXX, else the first of c++, g++ and clang++.

    Raises:
        RuntimeError: there is none.
    """
    asked = os.environ.get("CXX")
    for name in [asked] if asked else ["c++", "g++", "clang++"]:
        found = shutil.which(name)
        if found:
            return found
    missing = "CXX={!r} is not there".format(asked) if asked else "no c++, g++ or clang++"
    raise RuntimeError(
        "signs: no C++ compiler ({}); apt-get install g++ brings the fast kernels".format(missing)
    )


def digest(name: str, command: Sequence[str]) -> str:
    """16 hex digits that change with the backend's sources, its flags and the compiler."""
    # the compiler's size and date stand for its version, which only running it would tell
    found = os.stat(os.path.realpath(command[0]))
    text = repr((command, found.st_size, int(found.st_mtime), platform.machine())).encode("utf8")
    recipe = RECIPES[name]
    for source in (recipe.source,) + recipe.headers + SHARED:
        text += (SOURCES / source).read_bytes()
    return hashlib.sha256(text).hexdigest()[:16]


def cache() -> Path:
    """The folder of built libraries: $XDG_CACHE_HOME/edgejoule, or ~/.cache/edgejoule."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(root) / "edgejoule"
