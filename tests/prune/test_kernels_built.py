"""Building: the cache's names, no half-written library, one line when something is missing."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from rigs.kernel_cases import sources, write_file

from edgejoule.prune.kernels import backends, builder
from edgejoule.prune.signcodes import signs

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache and no backend loaded; the loaded ones come back afterwards."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    backends.load.cache_clear()
    backends.fastest.cache_clear()
    yield tmp_path / "edgejoule"
    backends.load.cache_clear()
    backends.fastest.cache_clear()


def test_a_library_is_built_once(cache, monkeypatch):
    path = builder.library("portable")
    assert path.parent == cache and [each.name for each in cache.iterdir()] == [path.name]
    monkeypatch.setattr(builder, "run", lambda command: pytest.fail("built twice"))
    assert builder.library("portable") == path


def test_the_name_follows_sources_flags_and_compiler(monkeypatch, tmp_path):
    command = [builder.compiler()] + list(builder.FLAGS)
    names = {
        builder.digest("portable", command),
        builder.digest("portable", command + ["-g"]),
        builder.digest("portable", [sys.executable] + command[1:]),
    }
    for source in builder.SOURCES.glob("*.*pp"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "signs.h").write_text("changed")
    monkeypatch.setattr(builder, "SOURCES", tmp_path)
    assert len(names | {builder.digest("portable", command)}) == 4


def test_a_failed_build_is_one_line_and_leaves_nothing(cache, monkeypatch):
    monkeypatch.setattr(builder, "FLAGS", builder.FLAGS + ("-fno-such-flag",))
    with pytest.raises(RuntimeError, match=r"failed on portable.cpp: .*-fno-such-flag") as caught:
        builder.library("portable")
    assert "\n" not in str(caught.value) and list(cache.iterdir()) == []


def test_without_a_compiler_numpy_works_and_says_so(cache, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.warns(RuntimeWarning, match="no compiled kernels.*CXX='no-such-compiler'"):
        assert signs.pack(np.ones((1, 3), np.float32)) == 7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert signs.pack(np.ones((1, 2), np.float32)) == 3, "it warns once"
    with pytest.raises(RuntimeError, match="no C"):
        signs.pack(np.ones((1, 3), np.float32), backend="portable")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written_is_named(cache):
    cache.parent.chmod(0o500)
    with pytest.raises(RuntimeError, match="cannot write to the cache .* XDG_CACHE_HOME"):
        builder.library("portable")


def test_a_cache_that_is_a_file_is_named(cache):
    cache.write_text("in the way")
    with pytest.raises(RuntimeError, match="cannot write to the cache .* XDG_CACHE_HOME"):
        builder.library("portable")


def test_a_backend_for_another_machine_is_refused():
    strange = [name for name in builder.RECIPES if name not in builder.candidates()]
    for name in strange:
        with pytest.raises(RuntimeError, match="backend {!r} is for .*use one of".format(name)):
            signs.hamming(np.zeros((1, 1), np.uint64), np.zeros((1, 1), np.uint64), backend=name)
    assert strange


def program(tmp_path, compiler, name, flags):
    """The case driver linked with backend `name`; a warning of the compiler is an error."""
    folder, source = sources(name)
    driver = os.path.join(os.path.dirname(__file__), "..", "rigs", "kernels_driver.cpp")
    output = str(tmp_path / "driver")
    command = [compiler, "-std=c++14", "-Wall", "-Wextra", "-Werror", "-I", folder]
    command += list(builder.RECIPES[name].flags) + flags + [driver, source, "-o", output]
    built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert built.returncode == 0, built.stdout.decode()
    return output


def passes(command, tmp_path):
    """Runs a driver on a fresh file of cases and expects all of them right."""
    count = write_file(tmp_path / "cases")
    done = subprocess.run(
        command + [str(tmp_path / "cases")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    text = done.stdout.decode()
    assert done.returncode == 0 and "{} cases, 0 wrong".format(count) in text, text


@pytest.mark.parametrize("name", builder.candidates())
def test_sanitizers_find_nothing(tmp_path, name):
    if backends.reason(name):
        pytest.skip(backends.reason(name))
    passes([program(tmp_path, builder.compiler(), name, SANITIZERS)], tmp_path)


def test_neon_is_right_under_an_emulator(tmp_path):
    compiler, emulator = "aarch64-linux-gnu-g++", "qemu-aarch64-static"
    for tool in (compiler, emulator):
        if not any(
            os.access(os.path.join(folder, tool), os.X_OK)
            for folder in os.environ["PATH"].split(os.pathsep)
        ):
            pytest.skip(
                "{} is missing: apt-get install g++-aarch64-linux-gnu qemu-user-static".format(tool)
            )
    built = program(tmp_path, compiler, "neon", ["-O2"])
    passes([emulator, "-cpu", "cortex-a57", "-L", "/usr/aarch64-linux-gnu", built], tmp_path)
