"""Shrunk models in other formats give the same numbers, at another batch size too."""

import os

import pytest
import torch

from edgejoule.bench.zoo import attention, branches, sequences, splits
from edgejoule.bench.zoo.examination import cut
from edgejoule.bench.zoo.net import awake, example
from edgejoule.prune import deploy, grouping

NETS = {
    "residual": branches.NETS["residual"],
    "se_linear": attention.NETS["se_linear"],
    "c2f_yolo": splits.NETS["c2f_yolo"],
    "mixer": sequences.NETS["mixer"],
}


def small(name, mode="coupled"):
    torch.manual_seed(0)
    model, inputs = awake(NETS[name].build()).eval(), example(NETS[name])
    return cut(
        model, inputs, grouping.find(model, inputs, mode), 0.5, "random"
    ).small.eval(), inputs


@pytest.mark.parametrize("mode", ["coupled", "select"])
@pytest.mark.parametrize("name", sorted(NETS))
def test_torchscript(name, mode, tmp_path):
    model, inputs = small(name, mode)
    path = deploy.write(model, inputs, str(tmp_path / "net"), "torchscript")
    again = torch.jit.load(path)
    assert torch.allclose(again(inputs), model(inputs), atol=1e-6)
    assert torch.allclose(again(inputs[:1]), model(inputs[:1]), atol=1e-6) or name == "c2f_yolo"


@pytest.mark.skipif(torch.__version__ < "2", reason="torch.export came with torch 2")
@pytest.mark.parametrize("mode", ["coupled", "select"])
def test_torch_export(mode, tmp_path):
    model, inputs = small("residual", mode)
    path = deploy.write(model, inputs, str(tmp_path / "net"), "export")
    again = torch.export.load(path).module()
    for batch in (inputs, inputs[:1], torch.cat([inputs, inputs, inputs[:1]])):
        assert torch.allclose(again(batch), model(batch), atol=1e-6)


class TwoAtOnce(torch.nn.Module):
    """A forward that knows its batch size."""

    def forward(self, x):
        return x.reshape(2, -1)[:, :4]


@pytest.mark.skipif(torch.__version__ < "2", reason="torch.export came with torch 2")
def test_a_batch_size_that_the_network_fixes_is_said(tmp_path):
    model, inputs = TwoAtOnce(), torch.randn(2, 3, 4, 4)
    with pytest.warns(UserWarning, match="takes 2 inputs at once"):
        path = deploy.write(model, inputs, str(tmp_path / "net"), "export")
    assert torch.equal(torch.export.load(path).module()(inputs), model(inputs))


@pytest.mark.skipif(torch.__version__ > "2", reason="torch 1.10 has no torch.export")
def test_torch_export_is_refused_where_there_is_none(tmp_path):
    model, inputs = small("residual")
    with pytest.raises(RuntimeError, match="has no torch.export"):
        deploy.write(model, inputs, str(tmp_path / "net"), "export")


@pytest.mark.parametrize("mode", ["coupled", "select"])
@pytest.mark.parametrize("name", sorted(NETS))
def test_onnx(name, mode, tmp_path):
    if torch.__version__ > "2":
        pytest.importorskip("onnx")  # newer torch needs it to write the file
    model, inputs = small(name, mode)
    path = deploy.write(model, inputs, str(tmp_path / "net"), "onnx")
    assert os.path.getsize(path) > sum(p.numel() for p in model.parameters()) * 4 // 2
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch in (inputs, inputs[:1]):
        (found,) = session.run(None, {"input0": batch.numpy()})
        assert torch.allclose(torch.from_numpy(found), model(batch), atol=1e-5)


def test_an_unknown_format_is_an_error():
    with pytest.raises(ValueError, match="no format called 'tflite'"):
        deploy.write(torch.nn.Linear(2, 2), torch.zeros(1, 2), "x", "tflite")


def test_keyword_inputs_are_refused():
    with pytest.raises(ValueError, match="keyword inputs"):
        deploy.write(torch.nn.Linear(2, 2), {"input": torch.zeros(1, 2)}, "x", "torchscript")


def test_the_model_keeps_its_mode_and_gradients(tmp_path):
    model, inputs = small("residual")
    model.train()
    deploy.write(model, inputs, str(tmp_path / "net"), "torchscript")
    assert model.training and all(p.requires_grad for p in model.parameters())
