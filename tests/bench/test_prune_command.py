"""`edgejoule prune`: the table, the files, ratios by layer, and what it does not understand."""

import json
import sys

import pytest
import torch

from edgejoule import command_line
from edgejoule.bench import width_sweep
from edgejoule.prune import export

NET = ("--model", "lenet5", "--criterion", "l2")


def prune(capsys, *words):
    code = command_line.main(["prune"] + list(words))
    return (code,) + tuple(capsys.readouterr())


def test_before_and_after_with_intervals(capsys):
    code, out, _ = prune(capsys, *NET, "--ratio", "0.5")
    assert code == 0 and all(
        words in out
        for words in (
            "parameters",
            "forward MACs",
            "bytes of tensors",
            "training step, ms",
            "[",
            "ratio",
        )
    )


def test_shares_by_layer(capsys):
    _, out, _ = prune(capsys, *NET, "--ratio", "0.5", "--scope", "layer", "--json")
    dense = json.loads(out)
    code, out, _ = prune(capsys, *NET, "--layer-ratio", "features.0*=0.5", "--json")
    found = json.loads(out)
    assert code == 0 and found["ratio"] == {"features.0*": 0.5}
    assert 0 < found["channels_removed"] < dense["channels_removed"]


def test_widths_as_the_device_likes_them(capsys, monkeypatch):
    monkeypatch.setattr(width_sweep, "multiple", lambda: 4)
    _, asked, _ = prune(capsys, *NET, "--ratio", "0.45", "--multiple-of", "device", "--json")
    _, said, _ = prune(capsys, *NET, "--ratio", "0.45", "--multiple-of", "4", "--json")
    assert json.loads(asked)["cut"] == json.loads(said)["cut"]


def test_plan_weights_and_formats_are_written(capsys, tmp_path):
    code, out, _ = prune(
        capsys, *NET, "--ratio", "0.5", "--out", str(tmp_path), "--export", "torchscript"
    )
    assert code == 0 and "net.ts" in out
    from edgejoule.bench.models import lenet5

    small, x = export.load(str(tmp_path), lenet5.build), torch.randn(3, *lenet5.INPUT_SHAPE)
    again = torch.jit.load(str(tmp_path / "net.ts"))
    assert torch.allclose(small.eval()(x), again(x), atol=1e-5)


def test_a_missing_exporter_is_one_line_and_the_cut_is_kept(capsys, tmp_path, monkeypatch):
    def missing(model, example, path):
        raise ImportError("No module named 'onnx'")

    from edgejoule.prune import deploy

    monkeypatch.setitem(deploy.FORMATS, "onnx", (".onnx", missing))
    code, _, err = prune(capsys, *NET, "--ratio", "0.5", "--out", str(tmp_path), "--export", "onnx")
    assert code == 1 and "No module named 'onnx'; plan.json and weights.pt are written" in err
    assert (tmp_path / "plan.json").exists() and len(err.strip().splitlines()) == 1


def test_a_network_and_a_checkpoint_of_the_users(capsys, tmp_path, monkeypatch):
    (tmp_path / "own_net.py").write_text(
        "import torch\n\ndef build():\n    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), "
        "torch.nn.Conv2d(8, 4, 3))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    import importlib

    importlib.invalidate_caches()
    torch.save(
        torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 4, 3)).state_dict(),
        "net.pt",
    )
    code, out, _ = prune(
        capsys,
        "--factory",
        "own_net:build",
        "--input-shape",
        "3,9,9",
        "--checkpoint",
        "net.pt",
        "--criterion",
        "l1",
        "--ratio",
        "0.5",
        "--json",
    )
    assert code == 0 and json.loads(out)["channels_removed"] == 4


@pytest.mark.parametrize(
    "words, said",
    [
        ((), "give either --ratio"),
        (("--ratio", "0.5", "--layer-ratio", "conv1=0.5"), "give either --ratio"),
        (("--ratio", "1.5"), "[0, 1)"),
        (("--layer-ratio", "conv1=2"), "[0, 1)"),
        (("--layer-ratio", "nothing=0.5"), "nothing"),
        (("--ratio", "0.5", "--export", "onx", "--out", "x"), "Did you mean 'onnx'?"),
        (("--ratio", "0.5", "--export", "onnx"), "add --out"),
        (("--ratio", "0.5", "--multiple-of", "odd"), "'device'"),
        (("--ratio", "0.5", "--mode", "iner"), "iner"),
    ],
)
def test_what_is_not_understood_is_one_line(capsys, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = prune(capsys, *NET, *words)
    assert code == 4 and said in err and len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
