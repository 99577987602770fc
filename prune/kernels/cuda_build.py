"""CUDA kernels built for one GPU at first use, kept in the same per-user cache as the others.

torch's own NVRTC is asked first, because the driver that runs torch accepts what it writes; nvcc is
the other way, and the only one on a Jetson whose torch brings no NVRTC.
"""

import hashlib
import os
import shutil
from typing import Dict, List, Optional

from edgejoule.prune.kernels import builder, nvrtc

MAIN = "signs.cu"
NAMES = (MAIN, "cuda_machine.cuh", "cuda_rows.cuh", "cuda_pairs.cuh", "cuda_tensor.cuh")


def image(capability: int) -> bytes:
    """Code of all kernels for a compute capability such as 62, for cuModuleLoadData.

    Raises:
        RuntimeError: there is no compiler, or none can build them.
    """
    reasons = []
    for compiler in compilers():
        try:
            return cached(compiler, capability)
        except (RuntimeError, OSError) as error:  # the next compiler may know this GPU
            reasons.append(str(error))
    raise RuntimeError(
        "signs: no compiler for the CUDA kernels: {}".format(
            reasons[0]
            if reasons
            else "neither NVRTC in torch nor nvcc on the PATH; on a Jetson add "
            "/usr/local/cuda/bin to the PATH"
        )
    )


def compilers() -> List[str]:
    """Paths of the compilers to try, in order."""
    last = nvcc()
    return nvrtc.find() + ([last] if last else [])


def nvcc() -> Optional[str]:
    """Path of nvcc, or None."""
    # JetPack installs it there without changing the PATH
    return shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc")


def cached(compiler: str, capability: int) -> bytes:
    """The image that `compiler` makes, from the cache if it is there."""
    # as in `builder.digest`: size and date stand for the compiler's version
    found = os.stat(os.path.realpath(compiler))
    text = repr((compiler, found.st_size, int(found.st_mtime), capability, sources()))
    name = hashlib.sha256(text.encode("utf8")).hexdigest()[:16]
    path = builder.cache() / "signs-sm{}-{}.cubin".format(capability, name)
    if not path.exists():
        builder.place(path, lambda temporary: compile_to(temporary, compiler, capability))
    return path.read_bytes()


def compile_to(path: str, compiler: str, capability: int) -> None:
    """Writes the image for a compute capability to `path`."""
    if os.path.basename(compiler).startswith("nvcc"):
        builder.run(
            [
                compiler,
                "-std=c++14",
                "-cubin",
                "-arch=sm_{}".format(capability),
                str(builder.SOURCES / MAIN),
                "-o",
                path,
            ]
        )
        return
    code, _ = nvrtc.Compiler(compiler).compile(sources(), MAIN, capability)
    with open(path, "wb") as file:
        file.write(code)


def sources() -> Dict[str, str]:
    """{name: text} of all CUDA sources."""
    return {name: (builder.SOURCES / name).read_text(encoding="utf8") for name in NAMES}
