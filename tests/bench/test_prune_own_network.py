"""`edgejoule prune` on networks of the user's: how they are made, fed, filled and written."""

import importlib
import json
import os
import resource
import signal
import sys
from contextlib import contextmanager

import pytest
import torch

from edgejoule import command_line

NETS = """
import torch
from torch import nn


def plain():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU(),
                         nn.Conv2d(6, 4, 1))


def half():
    return plain().half()


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.head = plain(), nn.Conv2d(4, 2, 1)

    def forward(self, x):
        y = self.backbone(x)
        return {"map": self.head(y), "parts": [y]}


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 3), nn.Linear(5, 8), nn.Conv2d(8, 4, 1)

    def forward(self, x, y):
        return self.c(self.a(x) * self.b(y)[:, :, None, None]).mean((2, 3))


class Steered(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1)

    def forward(self, x):
        x = self.a(x)
        return self.b(x if x.mean() > 0 else -x)


def needy(depth, width=3):
    return plain()


def table():
    return {"model": plain()}


def failing():
    raise KeyError("weights of last week")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "peoples_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "peoples_nets", raising=False)
    importlib.invalidate_caches()
    return tmp_path


@pytest.fixture
def prune(folder, capsys):
    def run(factory, *words, shapes=("3,9,9",)):
        given = [word for shape in shapes for word in ("--input-shape", shape)]
        argv = ["prune", "--factory", "peoples_nets:" + factory, "--criterion", "l2"]
        code = command_line.main(argv + given + ["--ratio", "0.5"] + list(words))
        return (code,) + tuple(capsys.readouterr())

    return run


def plain():
    return importlib.import_module("peoples_nets").plain()


def test_a_model_left_whole_says_which_layer_and_why(prune):
    code, out, err = prune("Steered")
    assert code == 3 and not out
    assert "the model" in err and "control flow depends on the data" in err
    assert len(err.strip().splitlines()) == 1


def test_answers_by_name_are_written_and_timed(prune, folder):
    code, out, _ = prune("Named", "--out", "small", "--json")
    found = json.loads(out)
    assert code == 0 and found["time"]["forward"]["ratio"] > 0 and found["channels_removed"] == 7
    assert (folder / "small" / "weights.pt").exists()


def test_what_is_cut_is_written_though_it_can_not_be_timed(prune, folder, monkeypatch):
    from edgejoule.bench import latency

    def fail(*_):
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(latency, "compare", fail)
    code, out, _ = prune("plain", "--out", "small")
    assert code == 0 and "not timed: no such kernel" in out
    assert (folder / "small" / "weights.pt").exists()


def test_several_inputs_and_half_precision(prune):
    code, out, _ = prune("Both", "--json", shapes=("3,9,9", "5"))
    assert code == 0 and json.loads(out)["channels_removed"] == 4
    if torch.__version__ > "2":  # old torch convolves no half-precision numbers on a CPU
        code, out, _ = prune("half", "--json")
        assert (
            code == 0
            and json.loads(out)["dense"]["bytes"] == 2 * json.loads(out)["dense"]["params"]
        )


def test_a_part_alone(prune):
    code, out, _ = prune("Named", "--submodule", "backbone", "--json")
    found = json.loads(out)
    assert code == 0 and found["model"].endswith("Named:backbone")
    code, _, err = prune("Named", "--submodule", "spine")
    assert code == 4 and "backbone, head" in err


@pytest.mark.parametrize(
    "factory,said",
    [
        ("needy", "needs depth, and is called without arguments"),
        ("table", "returns a dict, not an nn.Module"),
        ("failing", "fails: KeyError"),
        ("nothing", "cannot be called"),
    ],
)
def test_a_factory_that_can_not_be_used_gets_one_sentence(prune, factory, said):
    code, _, err = prune(factory)
    assert code == 4 and said in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod."])
def test_prefixes_are_taken_off_and_said(prune, folder, prefix):
    torch.save({prefix + k: v for k, v in plain().state_dict().items()}, "net.pt")
    code, out, _ = prune("plain", "--checkpoint", "net.pt")
    assert code == 0 and "{!r} was taken off".format(prefix) in out


def test_an_entry_of_a_checkpoint(prune, folder):
    average = {"module." + k: v for k, v in plain().state_dict().items()}
    average["n_averaged"] = torch.tensor(3)
    torch.save({"epoch": 3, "model_ema": average, "net": plain().state_dict()}, "all.pt")
    code, _, err = prune("plain", "--checkpoint", "all.pt")
    assert code == 4 and "--key" in err and "model_ema, net" in err
    code, out, _ = prune("plain", "--checkpoint", "all.pt", "--key", "model_ema")
    assert code == 0 and "'module.' was taken off" in out
    code, _, err = prune("plain", "--checkpoint", "all.pt", "--key", "emma")
    assert code == 4 and "model_ema, net" in err


OLD = {"_use_new_zipfile_serialization": False}


@pytest.mark.parametrize(
    "content,said",
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "LFS"),
        (b"\n<!DOCTYPE html>\n<html><head>", "is a web page"),
        (b"<html>", "is a web page"),
        (None, "torch before 1.6"),
        (b"\x1f\x8b\x08rest", "gzip"),
        (b"\x40\0\0\0\0\0\0\0" + b'{"a":{"dtype":"F32"', "safetensors"),
    ],
)
def test_files_that_are_something_else_are_told_apart(prune, folder, content, said):
    if content is None:
        torch.save(plain().state_dict(), "net.pt", **OLD)
    else:
        (folder / "net.pt").write_bytes(content)
    code, _, err = prune("plain", "--checkpoint", "net.pt")
    assert code == 4 and said in err and "'net.pt'" in err and len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("out", ["taken", "taken/below"])
def test_an_out_that_is_a_file_is_found_before_any_work(prune, folder, monkeypatch, out):
    from edgejoule.prune import grouping

    (folder / "taken").write_text("mine")
    monkeypatch.setattr(grouping, "find", None)  # so that any work would raise
    code, _, err = prune("plain", "--out", out)
    assert code == 4 and "is a file" in err and (folder / "taken").read_text() == "mine"


@contextmanager
def small_disk():
    """Files can't grow beyond 100 bytes, which reads like a full disk; nor can pytest's output."""
    limits, old = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)


def test_a_full_disk_names_the_file(prune, folder):
    prune("plain")  # what is imported may be cached in files first
    with small_disk():
        code, _, err = prune("plain", "--out", "small")
    assert code == 4 and os.path.join("small", "weights.pt") in err


def test_the_table_says_what_its_medians_are(prune):
    _, out, _ = prune("plain")
    assert "ratio: the median of pairs run back to back" in out
