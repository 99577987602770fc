"""CUDA sources compiled by NVRTC, the compiler library that every torch with CUDA brings."""

import ctypes
import glob
import os
import sys
from ctypes import byref, c_char_p, c_int, c_size_t, c_void_p
from typing import Any, List, Mapping, Sequence, Tuple


class Compiler:
    """One NVRTC library; `version` is its (major, minor)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._library = ctypes.CDLL(path)
        major, minor = c_int(), c_int()
        self._library.nvrtcGetErrorString.restype = c_char_p  # ctypes would cut it to an int
        self._check("nvrtcVersion", byref(major), byref(minor))
        self.version = (major.value, minor.value)

    def compile(
        self,
        sources: Mapping[str, str],
        main: str,
        capability: int,
        options: Sequence[str] = (),
    ) -> Tuple[bytes, str]:
        """Machine code for a compute capability (PTX from NVRTC before 11.1), and the log.

        `sources` is {name: text}; `main` names the one that includes the others.

        Raises:
            RuntimeError: they do not compile; one line with the first error.
        """
        program = c_void_p()
        headers = sorted(set(sources) - {main})  # NVRTC reads them from memory, not from files
        texts = (c_char_p * len(headers))(*[sources[name].encode("utf8") for name in headers])
        names = (c_char_p * len(headers))(*[name.encode("utf8") for name in headers])
        self._check(
            "nvrtcCreateProgram",
            byref(program),
            sources[main].encode("utf8"),
            main.encode("utf8"),
            len(headers),
            texts,
            names,
        )
        try:
            return self._build(program, capability, options)
        finally:
            self._library.nvrtcDestroyProgram(byref(program))

    def _build(
        self, program: c_void_p, capability: int, options: Sequence[str]
    ) -> Tuple[bytes, str]:
        kind = "sm" if self.makes_cubins else "compute"
        words = ["--gpu-architecture={}_{}".format(kind, capability), "--std=c++14"] + list(options)
        given = (c_char_p * len(words))(*[word.encode("ascii") for word in words])
        code = self._library.nvrtcCompileProgram(program, len(words), given)
        log = self._text("nvrtcGetProgramLog", program).decode("utf8", "replace").strip("\0\n ")
        if code:
            errors = [line for line in log.splitlines() if "error" in line] or [self._name(code)]
            raise RuntimeError(
                "signs: NVRTC {}.{} for sm_{}: {}".format(
                    self.version[0], self.version[1], capability, errors[0].strip()
                )
            )
        return self._text("nvrtcGetCUBIN" if self.makes_cubins else "nvrtcGetPTX", program), log

    @property
    def makes_cubins(self) -> bool:
        """Whether this NVRTC writes machine code; older ones write PTX for the driver."""
        return self.version >= (11, 1)

    def _text(self, function: str, program: c_void_p) -> bytes:
        """What a pair of functions, one for the size and one for the bytes, has for a program."""
        size = c_size_t()
        self._check(function + "Size", program, byref(size))
        text = ctypes.create_string_buffer(size.value)
        self._check(function, program, text)
        return text.raw

    def _name(self, code: int) -> str:
        return self._library.nvrtcGetErrorString(code).decode("ascii")

    def _check(self, function: str, *arguments: Any) -> None:
        """Calls a function of the library; RuntimeError with its reason unless it returns 0."""
        code = getattr(self._library, function)(*arguments)
        if code:
            raise RuntimeError("signs: {} of {}: {}".format(function, self.path, self._name(code)))


def find() -> List[str]:
    """Paths of the NVRTC libraries of this Python's torch and of this machine's toolkits."""
    patterns = []
    # torch's wheels bring it in torch/lib (1.10) or in packages of NVIDIA's beside torch
    for folder in sys.path:
        patterns += [
            os.path.join(folder, "torch", "lib", "libnvrtc-*.so*"),
            os.path.join(folder, "nvidia", "*", "lib", "libnvrtc.so*"),
        ]
    patterns += ["/usr/local/cuda*/lib64/libnvrtc.so", "/usr/local/cuda*/targets/*/lib/libnvrtc.so"]
    # newest first: only a newer one knows a newer GPU
    found = [path for pattern in patterns for path in sorted(glob.glob(pattern), reverse=True)]
    return [path for path in found if "builtins" not in os.path.basename(path)]
