"""torch-pruning beside us: seconds in one interleaved race, and what its cut computes.

Both get the same model, half of the channels by the L2 norm per layer. Our seconds hold
finding, choosing, cutting and the proof; theirs hold building the graph and pruning. Its parity
is measured against a mask of exactly the entries that it removed, found by letting it prune a
twin whose entries are numbers. Each network runs in a process of its own with limited memory
and time, because some graphs never end.
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
from typing import Any, Callable, Dict, Optional

import torch
from torch import nn

from edgejoule import launch
from edgejoule.bench.zoo.net import awake, example

BYTES = 12 << 30
SECONDS = 600
CLASSES = 1000
EXACT = 1e-10
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
    """Whether we are exact, cut at least as much as a right cut of theirs, and, where speed is a
    promise, are faster.
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
    from edgejoule.bench.zoo import families

    net = families.NETS[name]
    torch.manual_seed(0)
    model, inputs = (
        awake(net.build()).eval(),
        torch.randn(1, 3, *[max(224, n) for n in net.shape[1:]]),
    )
    found = {"name": name, "peer": "ok" if who == "both" else "not run"}
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_timed(lambda: _ours(model, inputs)))
        if found["peer"] == "ok":
            twin = copy.deepcopy(model)
            try:
                theirs.append(_timed(lambda: _theirs(twin, inputs)))
            except Exception as error:  # whatever it raises is its result
                found["peer"] = "fails: {}".format(
                    (str(error).splitlines() or [type(error).__name__])[0][:80]
                )
    found["seconds"] = statistics.median(ours)
    if theirs:
        found["peer_seconds"] = statistics.median(theirs)
        found["speed"] = found["peer_seconds"] / found["seconds"]
    _judge(found, net, model, inputs)
    print(json.dumps(found))


def _timed(work: Callable[[], Any]) -> float:
    gc.collect()  # nobody pays for the other's garbage
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ours(model: nn.Module, inputs: torch.Tensor):
    from edgejoule.bench.zoo import examination
    from edgejoule.prune import grouping

    return examination.cut(model, inputs, grouping.find(model, inputs), 0.5, "l2")


def _theirs(model: nn.Module, inputs: torch.Tensor):
    """The pruner after pruning the model in place; the classifier's outputs are protected by
    hand.
    """
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


def _judge(found: Dict[str, Any], net, model: nn.Module, inputs: torch.Tensor) -> None:
    """Parities in float64 on a small picture, and the share of parameters that each leaves."""
    from edgejoule.prune.mask import masked
    from edgejoule.prune.parity import parity

    picture, model = example(net, 1, torch.float64), model.double()
    size = sum(p.numel() for p in model.parameters())
    case = _ours(model, inputs.double())
    found["params"] = sum(p.numel() for p in case.small.parameters()) / size
    found["parity"] = parity(masked(model, case.groups, case.mask), case.small, picture, (False,))
    if found["peer"] == "ok":
        try:
            silent, small = _mask_of_theirs(model, inputs.double())
            found["peer_params"] = sum(p.numel() for p in small.parameters()) / size
            found["peer_parity"] = parity(silent, small, picture, (False,))
            found["peer"] = "exact" if found["peer_parity"] < EXACT else "WRONG"
        except Exception as error:  # it pruned, but the result doesn't run
            found["peer"] = "fails: {}".format(
                (str(error).splitlines() or [type(error).__name__])[0][:80]
            )


def _mask_of_theirs(model: nn.Module, inputs: torch.Tensor):
    """(dense model with the entries that torch-pruning removes set to zero, its pruned model)."""
    import torch_pruning

    small = copy.deepcopy(model)
    history = _theirs(small, inputs).pruning_history()
    numbered, silent = copy.deepcopy(model), copy.deepcopy(model)
    for tensor in _tensors(numbered):
        tensor.data = torch.arange(1.0, tensor.numel() + 1, dtype=torch.float64).view_as(tensor)
    graph = torch_pruning.DependencyGraph().build_dependency(numbered, example_inputs=inputs)
    graph.load_pruning_history(history)
    for dense, left in zip(_tensors(silent), _tensors(numbered)):
        stays = torch.zeros(dense.numel() + 1, dtype=torch.bool)
        stays[left.detach().flatten().long()] = True
        dense.data = dense.data * stays[1:].view_as(dense)
    return silent, small


def _tensors(model: nn.Module):
    return [
        t for t in list(model.parameters()) + list(model.buffers()) if t.dtype.is_floating_point
    ]


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
