"""One row per network: what was found, every cut tried, what it left, exports, seconds."""

import itertools
import os
import tempfile
import time
import warnings
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import nn

from edgejoule.bench.zoo import examination, timing
from edgejoule.bench.zoo.net import Net, awake, example
from edgejoule.prune import deploy, export, grouping
from edgejoule.prune.parity import parity

EXACT = 1e-10


class Plan(NamedTuple):
    """What a row tries."""

    modes: Tuple[str, ...] = grouping.MODES
    ratios: Tuple[float, ...] = (0.5,)
    by: Tuple[str, ...] = ("l2",)
    exports: bool = True
    pairs: int = 0  # timed dense-cut pairs, 0 for none


def row(name: str, kind: str, net: Net, plan: Plan) -> Dict[str, Any]:
    """The row of one network; a failure is told in the row, not raised."""
    result = {"name": name, "kind": kind, "cases": 0, "exact": 0, "parity": 0.0, "problems": []}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _fill(result, net, plan)
    except Exception as error:  # one network that can't run must not hide the others
        result["problems"].append(
            "{}: {}".format(type(error).__name__, str(error).splitlines()[:1])
        )
    result["verdict"] = _verdict(result, net)
    return result


def _verdict(result: Dict[str, Any], net: Net) -> str:
    if result["problems"] or result["exact"] < result["cases"]:
        return "WRONG"
    return "cut" if result.get("channels") else "whole"


class Subject(NamedTuple):
    """A network under examination, in float64, and what is known of it before any cut."""

    net: Net
    model: nn.Module
    inputs: Any
    modes: Tuple[bool, ...]  # in which outputs can be compared
    untrained: Optional[Tuple[str, ...]]  # without gradient already; None if it can't be trained


def _subject(net: Net) -> Subject:
    torch.manual_seed(0)
    model, inputs = awake(net.build()).double(), example(net, 2, torch.float64)
    drops = any(isinstance(m, nn.modules.dropout._DropoutNd) for m in model.modules())
    modes = (False,) if net.noisy or drops else (False, True)
    return Subject(net, model, inputs, modes, _untrained(model, inputs))


def _untrained(model: nn.Module, inputs: Any) -> Optional[Tuple[str, ...]]:
    try:
        return tuple(examination.untrained(model, inputs))
    except RuntimeError:  # this torch can't differentiate the dense model either
        return None


def _fill(result: Dict[str, Any], net: Net, plan: Plan) -> None:
    subject = _subject(net)
    for mode in plan.modes:
        start = time.perf_counter()
        found = grouping.find(subject.model, subject.inputs, mode)
        if mode == plan.modes[0]:
            result.update(
                find_seconds=time.perf_counter() - start,
                groups=len(found),
                whole=list(found.whole),
                channels=sum(group.channels for group in found),
            )
        for ratio, by in itertools.product(plan.ratios, plan.by):
            if found:
                case = examination.cut(subject.model, subject.inputs, found, ratio, by)
                _judge(result, subject, case, "{} {} {}".format(mode, ratio, by))
    if result["groups"]:
        _show(result, net, plan)


def _judge(result: Dict[str, Any], subject: Subject, case: examination.Cut, key: str) -> None:
    """Hold one cut against everything that must be true of it."""
    inputs, problems = subject.inputs, []
    difference = examination.parity(case, inputs, subject.modes)
    problems += ["{} has no entries".format(name) for name in examination.empty(case.small)]
    if subject.untrained is not None:
        lost = set(examination.untrained(case.small, inputs)) - set(subject.untrained)
        problems += ["{} gets no gradient".format(name) for name in sorted(lost)]
    counted, expected = examination.counted(case.small, inputs), examination.expected(case, inputs)
    for what in ("params",) if subject.net.per_channel else ("params", "macs"):
        if counted[what] != expected[what]:
            problems.append("{} {}, expected {}".format(counted[what], what, expected[what]))
    result["cases"] += 1
    result["exact"] += difference < EXACT and not problems
    result["parity"] = max(result["parity"], difference)
    result["problems"] += ["{}: {}".format(key, problem) for problem in problems]


def _show(result: Dict[str, Any], net: Net, plan: Plan) -> None:
    """The cut at one half that a user would take: sizes, seconds, formats, time ratios."""
    torch.manual_seed(0)
    model, inputs = awake(net.build()), example(net, 2)
    start = time.perf_counter()
    found = grouping.find(model, inputs)
    case = examination.cut(model, inputs, found, 0.5, "l2")
    result["seconds"] = time.perf_counter() - start
    dense, small = examination.counted(model, inputs), examination.counted(case.small, inputs)
    result["params"] = small["params"] / dense["params"]
    result["macs"] = small["macs"] / dense["macs"] if dense["macs"] else None
    if plan.exports:
        result["exports"] = exports(case, inputs, net)
        result["problems"] += [
            "{}: {}".format(*each)
            for each in sorted(result["exports"].items())
            if each[1].startswith(("differs", "fails"))
        ]
    if plan.pairs:
        result["times"] = timing.times(case, net, plan.pairs)


def exports(case: examination.Cut, inputs: Any, net: Net) -> Dict[str, str]:
    """Per format: "ok", "unchecked" (written, no runtime here), "dense fails" or why it fails."""
    with tempfile.TemporaryDirectory() as folder:
        result = {"plan": _plan(case, net, inputs, folder)}
        for kind in sorted(deploy.FORMATS):
            if kind != "export" or hasattr(torch, "export"):
                result[kind] = _format(case, inputs, kind, os.path.join(folder, "net"))
    return result


def _plan(case: examination.Cut, net: Net, inputs: Any, folder: str) -> str:
    export.save(folder, case.small, export.plan(case.groups, case.mask))
    again = export.load(folder, net.build)
    return "ok" if parity(case.small, again, inputs, (False,)) == 0 else "differs"


def _format(case: examination.Cut, inputs: Any, kind: str, stem: str) -> str:
    if isinstance(inputs, dict):
        return "keyword inputs"
    try:
        path = deploy.write(case.small, inputs, stem, kind)
    except Exception as error:  # exporters fail in their own ways
        return _blame(case.model, inputs, stem, kind, error)
    return _checked(case.small, inputs, kind, path)


def _blame(dense: nn.Module, inputs: Any, stem: str, kind: str, error: Exception) -> str:
    """Whether the dense model fails to export too."""
    try:
        deploy.write(dense, inputs, stem, kind)
    except ImportError as missing:
        return "no {}".format(missing.name)
    except Exception:
        return "dense fails"
    return "fails: {}".format((str(error).splitlines() or [type(error).__name__])[0][:80])


def _checked(model: nn.Module, inputs: Any, kind: str, path: str) -> str:
    batch = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    model = model.eval()
    with torch.no_grad():
        expected = examination.tensors(model(*batch))
    if kind == "onnx":
        found = _onnx(path, batch)
    else:
        again = torch.jit.load(path) if kind == "torchscript" else torch.export.load(path).module()
        with torch.no_grad():
            found = examination.tensors(again(*batch))
    if found is None:
        return "unchecked"
    return "ok" if all(_near(one, other) for one, other in zip(expected, found)) else "differs"


def _onnx(path: str, batch: Sequence[torch.Tensor]) -> Optional[List[torch.Tensor]]:
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    return [
        torch.from_numpy(value)
        for value in session.run(None, {name: tensor.numpy() for name, tensor in zip(names, batch)})
    ]


def _near(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((one - other).abs().max() <= 1e-4 * max(1.0, float(one.abs().max())))
