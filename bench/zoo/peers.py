"""torch-pruning beside us: seconds in one interleaved race, and what its cut computes.

Both get the same model and remove half of the channels by the L2 norm, layer by layer. Our
seconds are those of finding groups, choosing channels, cutting and the proof; theirs of building
the graph and pruning. Its parity is measured against a mask of exactly the entries that it
removed; which those are is read off a copy whose entries are numbered before it is pruned. Each
network runs in a process of its own with limited memory and time, because the graphs of some are
never finished.
"""

import copy
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
import warnings
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch
from torch import nn

from edgejoule import launch
from edgejoule.bench import runner
from edgejoule.bench.zoo import examination
from edgejoule.bench.zoo.net import Net, awake, example
from edgejoule.bench.zoo.rows import EXACT, failure
from edgejoule.prune import grouping
from edgejoule.prune.mask import masked
from edgejoule.prune.parity import parity

BYTES = 12 << 30  # of address space for one network's process
SECONDS = 600
CLASSES = 1000  # of ImageNet, by which a network's last layer is known
PROMISED = ("resnet50", "vgg16", "densenet121")  # faster here, proof included


def race(name: str, rounds: int) -> Dict[str, Any]:
    """The row of one network: seconds of both, their ratio, and what torch-pruning's cut is worth.

    Where the race dies, the row tells why and holds our own figures from a run alone.
    """
    found = _alone(name, rounds, "both")
    if "seconds" not in found:
        found = dict(_alone(name, rounds, "ours"), peer=found["peer"])
    return found


def _alone(name: str, rounds: int, who: str) -> Dict[str, Any]:
    """The row from a process of its own."""
    process = subprocess.Popen(
        launch.command("bench.zoo.peers", name, str(rounds), who),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        preexec_fn=runner.attached(),
    )
    try:
        out, err = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"name": name, "peer": "still running after {} s".format(SECONDS)}
    if process.returncode:
        said = (err.strip().splitlines() or ["killed for memory"])[-1]
        return {"name": name, "peer": "fails: {}".format(said[:80])}
    return json.loads(out)


def ahead(found: Dict[str, Any]) -> bool:
    """True if our cut is exact, not over 1 % larger than theirs, and faster where promised.

    The size of theirs counts only if it is exact too: a wrong cut may be as small as it likes.
    """
    if found.get("parity", 1.0) > EXACT:
        return False
    if found.get("peer_parity", 1.0) < EXACT and found["params"] > 1.01 * found["peer_params"]:
        return False
    return found["name"] not in PROMISED or found.get("speed", 2.0) > 1


def line(found: Dict[str, Any], first: bool) -> str:
    """One row of text, under its head if it is the first."""
    head = "{:<20} {:>8} {:>8} {:>9} {:>9} {:>7} {:>8} {:>8}  {}\n".format(
        "network",
        "ours s",
        "theirs s",
        "theirs/us",
        "parity",
        "params",
        "theirs",
        "params",
        "torch-pruning",
    )
    text = "{:<20} {:>8} {:>8} {:>9} {:>9} {:>7} {:>8} {:>8}  {}".format(
        found["name"],
        _number(found.get("seconds"), ".2f"),
        _number(found.get("peer_seconds"), ".2f"),
        _number(found.get("speed"), ".1f"),
        _number(found.get("parity"), ".0e"),
        _number(found.get("params"), ".3f"),
        _number(found.get("peer_parity"), ".0e"),
        _number(found.get("peer_params"), ".3f"),
        found["peer"],
    )
    return head + text if first else text


def _number(value: Optional[float], form: str) -> str:
    return "-" if value is None else format(value, form)


def _main(name: str, rounds: int, who: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    from edgejoule.bench.zoo import families  # after the limit: it imports torchvision

    net = families.NETS[name]
    torch.manual_seed(0)
    model = awake(net.build()).eval()
    inputs = torch.randn(1, 3, *[max(224, n) for n in net.shape[1:]])
    found: Dict[str, Any] = {"name": name, "peer": "ok" if who == "both" else "not run"}
    _time(found, model, inputs, rounds)
    _judge(found, net, model, inputs)
    print(json.dumps(found))


def _time(found: Dict[str, Any], model: nn.Module, inputs: torch.Tensor, rounds: int) -> None:
    """Enters the median seconds of both, taken in turns, and how their failure reads."""
    ours: List[float] = []
    theirs: List[float] = []
    for _ in range(rounds):
        ours.append(_timed(_ours, model, inputs))
        if found["peer"] == "ok":
            twin = copy.deepcopy(model)  # it prunes in place
            try:
                theirs.append(_timed(_theirs, twin, inputs))
            except Exception as error:  # whatever it raises is its result
                found["peer"] = failure(error)
    found["seconds"] = statistics.median(ours)
    if theirs:
        found["peer_seconds"] = statistics.median(theirs)
        found["speed"] = found["peer_seconds"] / found["seconds"]


def _timed(work: Callable, *arguments: Any) -> float:
    gc.collect()  # nobody pays for the other's garbage
    start = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - start


def _ours(model: nn.Module, inputs: torch.Tensor) -> examination.Cut:
    return examination.cut(model, inputs, grouping.find(model, inputs), 0.5, "l2")


def _theirs(model: nn.Module, inputs: torch.Tensor) -> Any:
    """The pruner after pruning the model in place; it must be told which layer's outputs stay."""
    import torch_pruning

    heads = [
        module
        for module in model.modules()
        if getattr(module, "out_features", getattr(module, "out_channels", 0)) == CLASSES
    ]
    pruner = torch_pruning.pruner.MagnitudePruner(
        model,
        inputs,
        importance=torch_pruning.importance.MagnitudeImportance(p=2),
        pruning_ratio=0.5,
        ignored_layers=heads,
    )
    pruner.step()
    return pruner


def _judge(found: Dict[str, Any], net: Net, model: nn.Module, inputs: torch.Tensor) -> None:
    """Enters both parities, in float64 on a small picture, and the parameters that are left."""
    picture, model = example(net, 1, torch.float64), model.double()
    size = examination.parameters(model)
    case = _ours(model, inputs.double())
    found["params"] = examination.parameters(case.small) / size
    found["parity"] = parity(masked(model, case.groups, case.mask), case.small, picture, (False,))
    if found["peer"] == "ok":
        try:
            silent, small = _mask_of_theirs(model, inputs.double())
            found["peer_params"] = examination.parameters(small) / size
            found["peer_parity"] = parity(silent, small, picture, (False,))
            found["peer"] = "exact" if found["peer_parity"] < EXACT else "WRONG"
        except Exception as error:  # it pruned, but the result doesn't run
            found["peer"] = failure(error)


def _mask_of_theirs(model: nn.Module, inputs: torch.Tensor) -> Tuple[nn.Module, nn.Module]:
    """(dense model with the entries that torch-pruning removes set to zero, its pruned model)."""
    import torch_pruning

    small = copy.deepcopy(model)
    history = _theirs(small, inputs).pruning_history()
    # Its history says which channels, not which entries of which tensors: replayed on a copy whose
    # entries are their own numbers from 1 on, it leaves the numbers of those that stay.
    numbered, silent = copy.deepcopy(model), copy.deepcopy(model)
    for tensor in _tensors(numbered):
        tensor.data = torch.arange(1.0, tensor.numel() + 1, dtype=torch.float64).view_as(tensor)
    graph = torch_pruning.DependencyGraph().build_dependency(numbered, example_inputs=inputs)
    graph.load_pruning_history(history)
    for dense, left in zip(_tensors(silent), _tensors(numbered)):
        stays = torch.zeros(dense.numel() + 1, dtype=torch.bool)
        stays[left.detach().flatten().long()] = True
        dense.data = dense.data * stays[1:].view_as(dense)  # number 0 is nobody's
    return silent, small


def _tensors(model: nn.Module) -> List[torch.Tensor]:
    return [
        t for t in list(model.parameters()) + list(model.buffers()) if t.dtype.is_floating_point
    ]


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
