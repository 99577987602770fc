"""A shrunk model for other runtimes: TorchScript, ONNX, torch.export.

All three record one run on an example, so the model is put into eval() first. ONNX files use opset
13, the newest that TensorRT 8.2 (JetPack 4.6) reads; the batch size stays free.
"""

import inspect
import io
import os
import sys
import warnings
from typing import Any, Callable, Dict, List, Tuple

import torch
from torch import nn

from edgejoule.prune import whole_file
from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.tracing.labelled import replaced, tensors_in

OPSET = 13  # of ONNX; see above


class FixedBatch(UserWarning):
    """A file takes one batch size only, because the network does."""


def torchscript(model: nn.Module, example: Any, path: str) -> None:
    """Write a traced TorchScript file."""
    traced = _quietly(lambda: torch.jit.trace(_still(model), _tuple(example)))
    buffer = io.BytesIO()  # torch's own writer does not say that a disk is full
    torch.jit.save(traced, buffer)
    whole_file.write(path, buffer.getbuffer())


def onnx(model: nn.Module, example: Any, path: str) -> None:
    """Write an ONNX file of opset 13 whose batch size is free."""
    inputs, outputs = _tuple(example), _outputs(model, example)
    names = ["input{}".format(i) for i in range(len(inputs))]
    results = ["output{}".format(i) for i in range(outputs)]
    export: Any = torch.onnx.export  # it takes a stream, which its annotations don't tell
    settings = {"dynamo": False} if _has("dynamo", export) else {}
    buffer = io.BytesIO()  # the exporter leaves a broken file behind when it fails
    _quietly(
        lambda: export(
            _still(model),
            inputs,
            buffer,
            opset_version=OPSET,
            input_names=names,
            output_names=results,
            dynamic_axes={name: {0: "batch"} for name in names + results},
            **settings,
        )
    )
    whole_file.write(path, buffer.getbuffer())


def exported(model: nn.Module, example: Any, path: str) -> None:
    """Write a torch.export program whose batch size is free.

    A network that fixes its batch size in its forward is written for that of the example.

    Raises:
        RuntimeError: this torch has none.
    """
    if not hasattr(torch, "export"):
        raise RuntimeError(
            "torch {} has no torch.export; use torchscript or onnx".format(torch.__version__)
        )
    still, inputs = _still(model), _tuple(example)
    try:
        program = _quietly(lambda: torch.export.export(still, inputs, dynamic_shapes=_free(inputs)))
    except Exception as error:  # of many kinds: what fixes a size shows anywhere in its passes
        try:
            program = _quietly(lambda: torch.export.export(still, inputs))
        except Exception:
            raise error from None
        warnings.warn(
            "{}: the network fixes its batch size, so this file takes {} inputs at once".format(
                path, _batch(inputs)
            ),
            FixedBatch,
            stacklevel=2,
        )
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    whole_file.write(path, buffer.getbuffer())


def _free(inputs: tuple) -> tuple:
    """Which sizes of the inputs are free: the first axis of every tensor, all the same one."""
    batch = torch.export.Dim("batch")
    return replaced(inputs, lambda t: {0: batch} if t.dim() else None)


def _batch(inputs: tuple) -> int:
    return next(len(tensor) for tensor in tensors_in(inputs) if tensor.dim())


FORMATS: Dict[str, Tuple[str, Callable[[nn.Module, Any, str], None]]] = {
    "torchscript": (".ts", torchscript),
    "onnx": (".onnx", onnx),
    "export": (".pt2", exported),
}


def write(model: nn.Module, example: Any, stem: str, kind: str) -> str:
    """Write one format to stem + its suffix; returns the path.

    Raises:
        ValueError: no such format, or an example that it can't hold.
    """
    if kind not in FORMATS:
        raise ValueError(
            "no format called {!r}; choose one of: {}".format(kind, ", ".join(sorted(FORMATS)))
        )
    suffix, function = FORMATS[kind]
    function(model, example, stem + suffix)
    return stem + suffix


def _still(model: nn.Module) -> nn.Module:
    """A copy in eval() whose parameters need no gradients."""
    return duplicate(model).eval().requires_grad_(False)


def _tuple(example: Any) -> tuple:
    if isinstance(example, dict):
        raise ValueError("keyword inputs can't be exported; give the inputs in order")
    inputs = tuple(example) if isinstance(example, (tuple, list)) else (example,)
    return replaced(inputs, lambda t: t.detach().contiguous())


def _outputs(model: nn.Module, example: Any) -> int:
    """How many tensors the model returns."""
    found: List[torch.Tensor] = []
    with torch.no_grad():
        replaced(_still(model)(*_tuple(example)), found.append)
    return len(found)


def _has(argument: str, function: Callable) -> bool:
    return argument in inspect.signature(function).parameters


def _quietly(work: Callable[[], Any]) -> Any:
    """The result of an exporter, with its warnings and its output kept away.

    It warns about every Python number, and prints whole graphs when it fails.
    """
    # the graphs come from C++, which doesn't know sys.stdout: the file descriptor is swapped
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work()
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
