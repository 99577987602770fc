"""Compiles the CUDA kernels with every toolchain at hand, for every GPU it knows; needs no GPU.

nvcc of the PATH, each NVRTC below the folders given and, for the PTX of an NVRTC older than 11.1, a
ptxas from the same folders. Prints what was built, with registers spilled to memory, in bytes.

    make cuda-check
    python3 -m edgejoule.prune.kernels.cuda_check --wheels build/cuda-check --wheels .venv-jetpack4
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from edgejoule.prune.kernels import builder, cuda_build, nvrtc

EDGE = (53, 62, 72, 87)  # Nano, TX2, Xavier, Orin
VIRTUAL = (50, 60, 70, 75)  # what an x86 NVRTC 10.2 has built-ins for
ASSEMBLED = {53: 50, 62: 60, 72: 70, 87: 75}  # PTX of the second, assembled for the first


class Row(NamedTuple):
    """One attempt: compiler, GPU, kernels built, bytes spilled, seconds; or why it failed."""

    toolchain: str
    target: str
    kernels: int = 0
    spilled: Optional[int] = None
    seconds: float = 0.0
    error: str = ""


Built = Tuple[int, Optional[int]]  # kernels, and bytes spilled where the compiler tells


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Exit code: 0 if all compiled, 1 if something did not, 3 if there was no toolchain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--wheels",
        action="append",
        default=[],
        metavar="FOLDER",
        help="where to look for libnvrtc and ptxas; may be repeated",
    )
    args = parser.parse_args(argv)
    rows = list(attempts(args.wheels))
    print("\n".join(table(rows)))
    if not rows:
        return 3
    return 1 if any(row.error for row in rows) else 0


def attempts(folders: Sequence[str]) -> Iterator[Row]:
    """Rows of every toolchain and target, as they are tried."""
    assembler = next(iter(below(folders, "ptxas")), None)
    nvcc = cuda_build.nvcc()
    if nvcc:
        yield from with_nvcc(nvcc)
    for path in below(folders, "libnvrtc.so.*") + below(folders, "libnvrtc-*.so.*"):
        # the built-ins are no compiler, and "alt" is a second build of the same one
        if "builtins" not in path and ".alt." not in path:
            yield from with_nvrtc(nvrtc.Compiler(path), assembler)


def with_nvcc(compiler: str) -> Iterator[Row]:
    """Rows of nvcc, for all real architectures it lists."""
    release = re.search(r"release ([\d.]+)", builder.run([compiler, "--version"]))
    version = release.group(1) if release else "of unknown release"
    listed = builder.run([compiler, "--list-gpu-code"]).split()
    for target in sorted({name for name in listed if re.match(r"sm_\d+$", name)}, key=by_number):
        yield timed("nvcc " + version, target, compiled, compiler, target)


def compiled(compiler: str, target: str) -> Built:
    """Kernels and bytes spilled of the sources compiled by nvcc."""
    with tempfile.TemporaryDirectory() as folder:
        return resources(
            builder.run(
                [
                    compiler,
                    "-std=c++14",
                    "-cubin",
                    "-arch=" + target,
                    "-Xptxas",
                    "-v",
                    str(builder.SOURCES / cuda_build.MAIN),
                    "-o",
                    os.path.join(folder, "out"),
                ]
            )
        )


def with_nvrtc(compiler: nvrtc.Compiler, assembler: Optional[str]) -> Iterator[Row]:
    """Rows of one NVRTC: machine code, or PTX and its assembly where there is an assembler."""
    name = "NVRTC {}.{}".format(*compiler.version)
    if compiler.makes_cubins:
        for target in EDGE:
            yield timed(name, "sm_{}".format(target), machine_code, compiler, target)
        return
    images: Dict[int, bytes] = {}
    for target in VIRTUAL:
        yield timed(name, "compute_{}".format(target), translated, compiler, target, images)
    for target, virtual in ASSEMBLED.items():
        if assembler and virtual in images:
            yield timed(
                "{}, ptxas of compute_{}".format(name, virtual),
                "sm_{}".format(target),
                assembled,
                assembler,
                images[virtual],
                target,
            )


def machine_code(compiler: nvrtc.Compiler, target: int) -> Built:
    """Kernels and bytes spilled of the sources compiled by NVRTC."""
    return resources(
        compiler.compile(
            cuda_build.sources(), cuda_build.MAIN, target, ["-w", "--ptxas-options=-v"]
        )[1]
    )


def translated(compiler: nvrtc.Compiler, target: int, images: Dict[int, bytes]) -> Built:
    """Kernels in the PTX of an old NVRTC, which goes to `images`; spills show when assembled."""
    images[target] = compiler.compile(cuda_build.sources(), cuda_build.MAIN, target)[0]
    return images[target].count(b".visible .entry"), None


def assembled(assembler: str, image: bytes, target: int) -> Built:
    """Kernels and bytes spilled of PTX assembled for a real architecture."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "signs.ptx"
        source.write_bytes(image.rstrip(b"\0"))  # NVRTC ends its text like C does
        return resources(
            builder.run(
                [
                    assembler,
                    "-v",
                    "-arch=sm_{}".format(target),
                    str(source),
                    "-o",
                    str(source) + ".cubin",
                ]
            )
        )


def resources(log: str) -> Built:
    """Number of kernels in an assembler's log, and the bytes that they spill."""
    spilled = [int(number) for number in re.findall(r"(\d+) bytes spill", log)]
    return len(re.findall("Compiling entry function", log)), sum(spilled)


def timed(toolchain: str, target: str, build: Callable[..., Built], *arguments: Any) -> Row:
    """The row of one attempt, `build(*arguments)`."""
    start = time.perf_counter()
    try:
        kernels, spilled = build(*arguments)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return Row(toolchain, target, error=str(error))
    if not kernels:
        return Row(toolchain, target, error="no kernel came out")
    return Row(toolchain, target, kernels, spilled, time.perf_counter() - start)


def below(folders: Sequence[str], pattern: str) -> List[str]:
    """Paths of files called like `pattern` anywhere below the folders."""
    return sorted(
        {
            str(path)
            for folder in folders
            for path in Path(folder).rglob(pattern)
            if path.is_file() and not path.is_symlink()
        }
    )


def by_number(target: str) -> int:
    """The number in "sm_75", which sorts it before "sm_100"."""
    return int(target.split("_")[1])


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines for a terminal, one per attempt."""
    form = "{:34} {:12} {:>7} {:>13} {:>8}"
    yield form.format("toolchain", "target", "kernels", "spilled bytes", "seconds")
    for row in rows:
        if row.error:
            yield "{:34} {:12} {}".format(row.toolchain, row.target, row.error)
        else:
            spilled = "not reported" if row.spilled is None else row.spilled
            yield form.format(
                row.toolchain, row.target, row.kernels, spilled, "{:.1f}".format(row.seconds)
            )
    if not rows:
        yield "nothing to compile with: no nvcc on the PATH, no libnvrtc in --wheels"


if __name__ == "__main__":
    sys.exit(main())
