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
from edgejoule.bench.zoo.net import Net, awake, example, tensors
from edgejoule.prune import deploy, export, grouping, parity

EXACT = 1e-10  # relative; float64 rounds to 1e-16, and sums of another order add to that


class Plan(NamedTuple):
    """What a row tries."""

    modes: Tuple[str, ...] = grouping.MODES
    ratios: Tuple[float, ...] = (0.5,)
    by: Tuple[str, ...] = ("l2",)  # criteria: "l2" or "random"
    exports: bool = True
    pairs: int = 0  # timed dense-cut pairs, 0 for none


def row(name: str, kind: str, net: Net, plan: Plan) -> Dict[str, Any]:
    """The row of one network; a failure is told in the row, not raised."""
    result: Dict[str, Any] = dict(name=name, kind=kind, cases=0, exact=0, parity=0.0, problems=[])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _fill(result, net, plan)
    except Exception as error:  # one network that can't run must not hide the others
        result["problems"].append(
            "{}: {}".format(type(error).__name__, str(error).splitlines()[:1])
        )
    result["verdict"] = _verdict(result)
    return result


def _verdict(result: Dict[str, Any]) -> str:
    if result["problems"] or result["exact"] < result["cases"]:
        return "WRONG"  # in capitals, to be seen in a table of a hundred rows
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
    # Dropout draws one number per entry: a narrower layer draws fewer, so train() can't agree.
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
            if found:  # of what may not be cut there is nothing to examine
                case = examination.cut(subject.model, subject.inputs, found, ratio, by)
                _judge(result, subject, case, "{} {} {}".format(mode, ratio, by))
    if result["groups"]:
        _describe(result, net, plan)


def _judge(result: Dict[str, Any], subject: Subject, case: examination.Cut, key: str) -> None:
    """Enters into the result whether everything that must be true of a cut is true of this one."""
    inputs, problems = subject.inputs, []
    apart = examination.parity_of(case, inputs, subject.modes)
    problems += ["{} has no entries".format(name) for name in examination.empty(case.small)]
    if subject.untrained is not None:
        lost = set(examination.untrained(case.small, inputs)) - set(subject.untrained)
        problems += ["{} gets no gradient".format(name) for name in sorted(lost)]
    counted, expected = examination.counted(case.small, inputs), examination.expected(case, inputs)
    for what in ("params",) if subject.net.per_channel else ("params", "macs"):
        if counted[what] != expected[what]:
            problems.append("{} {}, expected {}".format(counted[what], what, expected[what]))
    result["cases"] += 1
    result["exact"] += apart < EXACT and not problems
    result["parity"] = max(result["parity"], apart)
    result["problems"] += ["{}: {}".format(key, problem) for problem in problems]


def _describe(result: Dict[str, Any], net: Net, plan: Plan) -> None:
    """Enters the cut that a user would make, half by L2: sizes, seconds, formats, time ratios."""
    torch.manual_seed(0)
    model, inputs = awake(net.build()), example(net, 2)
    start = time.perf_counter()
    found = grouping.find(model, inputs)
    case = examination.cut(model, inputs, found, 0.5, "l2")
    result["seconds"] = time.perf_counter() - start
    result["params"] = examination.parameters(case.small) / examination.parameters(model)
    result["macs"] = _macs_left(case, inputs)
    if plan.exports:
        result["exports"] = exports(case, inputs, net)
        result["problems"] += [
            "{}: {}".format(*each)
            for each in sorted(result["exports"].items())
            if each[1].startswith(("differs", "fails"))
        ]
    if plan.pairs:
        result["times"] = timing.times(case, net, plan.pairs)


def _macs_left(case: examination.Cut, inputs: Any) -> Optional[float]:
    """The share of MACs that a cut leaves; None where they can't be counted or there are none."""
    if not isinstance(inputs, torch.Tensor):
        return None
    dense = examination.forward_macs(case.model, inputs)
    return examination.forward_macs(case.small, inputs) / dense if dense else None


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
    return "ok" if parity.parity(case.small, again, inputs, (False,)) == 0 else "differs"


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
    except Exception:  # the exporter's limit, then, and not the cut's fault
        return "dense fails"
    return failure(error)


def failure(error: Exception) -> str:
    """What a row says of an error: that it fails, and the error's first line, cropped."""
    return "fails: {}".format((str(error).splitlines() or [type(error).__name__])[0][:80])


def _checked(model: nn.Module, inputs: Any, kind: str, path: str) -> str:
    """Whether a written file computes what the model does."""
    batch = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    with torch.no_grad():
        expected = tensors(model.eval()(*batch))
        found = _computed(path, kind, batch)
    if found is None:
        return "unchecked"
    return "ok" if all(_near(one, other) for one, other in zip(expected, found)) else "differs"


def _computed(
    path: str, kind: str, batch: Sequence[torch.Tensor]
) -> Optional[Sequence[torch.Tensor]]:
    """What a written file makes of a batch; None where nothing here can run it."""
    if kind == "onnx":
        return _onnx(path, batch)
    again = torch.jit.load(path) if kind == "torchscript" else torch.export.load(path).module()
    return tensors(again(*batch))


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
    # float32, and another runtime fuses and orders its sums otherwise
    return bool((one - other).abs().max() <= 1e-4 * max(1.0, float(one.abs().max())))
