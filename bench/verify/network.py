"""The dense and the final network again: parameters, MACs, channels, cuts, weights, sparsity."""

from typing import Any, Dict, List, NamedTuple, Optional

import torch
from torch import Tensor, nn

from edgejoule import plugins
from edgejoule.bench import records
from edgejoule.bench.training.journal import fingerprint
from edgejoule.bench.training.loop import channels
from edgejoule.bench.verify.evidence import PLAN, WEIGHTS, Evidence
from edgejoule.bench.verify.outcome import Outcome
from edgejoule.prune import cost, export
from edgejoule.prune.weightmasks import weight_mask

LARGEST = 1 << 26  # numbers of an input; a damaged plan may ask for any
SMALL_SHARE = 1e-3  # of the weights that are kept: so many may be 0 by chance


class Networks(NamedTuple):
    """Both networks of a run, built again; `final` is None where the plan does not build it."""

    example: Tensor
    dense: nn.Module
    final: Optional[nn.Module]


def build(found: Evidence, outcome: Outcome) -> Optional[Networks]:
    """The networks of a run; None, and a word on it, if its model cannot be built here."""
    case = found.record.case
    try:
        source = plugins.load("datasets", case["dataset"]["name"])
        options = {key: value for key, value in case["model"].items() if key != "name"}
        module = plugins.load("models", case["model"]["name"])
        dense, base = (
            module.build(source.CLASSES, source.INPUT_SHAPE[0], **options) for _ in range(2)
        )
        shape = (1,) + tuple(source.INPUT_SHAPE)
    except Exception as error:  # a model is anybody's code
        outcome.skip("the networks", "the model cannot be built here: {}".format(_line(error)))
        return None
    try:
        shape = _shape(found.plan, shape)
        cost.count(dense, torch.zeros(shape))  # a picture of another shape fails here
        final = None if found.plan is None else export.rebuilt(base, found.plan)
        if final is not None and found.weights is not None:
            export.filled(final, found.weights)
        return Networks(torch.zeros(shape), dense, final)
    except Exception as error:  # a damaged plan may fail in any way
        outcome.differs(PLAN, "what is there", "a plan for model and weights", _line(error))
        return Networks(torch.zeros((1,) + tuple(source.INPUT_SHAPE)), dense, None)


def check(found: Evidence, networks: Networks, outcome: Outcome) -> None:
    """Sizes of both networks, channels of every group, zeros among the weights."""
    _model("dense", found.record.dense, networks.dense, networks.example, outcome)
    if networks.final is None:
        outcome.skip("the final network", "{} does not build it".format(PLAN))
        return
    _model("final", found.record.final, networks.final, networks.example, outcome)
    assert found.plan is not None  # it built the network
    layers = [
        {"group": name, "channels": group["channels"], "kept": len(group["kept"])}
        for name, group in found.plan["groups"].items()
    ]
    _cuts(found.plan, outcome)
    outcome.same("layers", _sorted(found.record.layers), _sorted(layers), PLAN)
    if found.weights is not None:
        _finite(found.weights, outcome)
        if found.record.fingerprint is not None:
            told = fingerprint(networks.final)
            outcome.same("fingerprint", found.record.fingerprint, told, "tensors of " + WEIGHTS)
        _masked(found, networks.final, networks.example, outcome)


def _shape(plan: Optional[Dict[str, Any]], usual: Any) -> Any:
    """The shape of one picture as the plan has it."""
    inputs = (plan or {}).get("inputs")
    if not inputs:
        return usual
    shape = [int(size) for size in inputs[0]["shape"]]
    size = 1
    for each in shape:
        size *= each
    if not 0 < size < LARGEST or shape[0] != 1:
        raise ValueError("its input {} is no picture".format(shape))
    return tuple(shape)


def _cuts(plan: Dict[str, Any], outcome: Outcome) -> None:
    """The channels that a group keeps are those that no cut takes from its layer."""
    gone = {tuple(axis): cut["gone"] for cut in plan["cuts"] for axis in cut["axes"]}
    for name, group in plan["groups"].items():
        kept = set(group["kept"])
        left = [channel for channel in range(group["channels"]) if channel not in kept]
        own = gone.get((name + ".weight", 0))
        lists = [own] if own is not None else [[]] + list(gone.values())
        outcome.same("{} group {}".format(PLAN, name), left in lists, True, "its cuts")


def _model(
    name: str, stored: Dict[str, Any], model: nn.Module, example: Tensor, outcome: Outcome
) -> None:
    counted = cost.count(model, example)
    told = records.ModelRecord(
        counted.params,
        counted.forward_macs,
        counted.train_macs,
        channels(model),
        list(counted.uncounted),
    )
    for key, value in told._asdict().items():
        outcome.same("{}.{}".format(name, key), stored.get(key), value, "the model and " + PLAN)


def _sorted(layers: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    return sorted(layers, key=lambda layer: str(layer.get("group")))


def _finite(weights: Dict[str, Tensor], outcome: Outcome) -> None:
    """A network that was trained to the end has no weight that is not a number."""
    wrong = [n for n, t in weights.items() if t.is_floating_point() and not t.isfinite().all()]
    if wrong:
        outcome.skip("accuracy", "{} holds no finite numbers in {}".format(WEIGHTS, wrong[0]))


def _masked(found: Evidence, model: nn.Module, example: Tensor, outcome: Outcome) -> None:
    """The last stage of a recipe that masks single weights, against the zeros in the weights."""
    stages = (found.record.facts or {}).get("masked")
    if not stages:
        return
    layers = found.record.case["prune"].get("layers") or "all"
    state = model.state_dict()
    mask = weight_mask.WeightMask(
        (name, state[name] != 0) for name in weight_mask.names(model, layers)
    )
    last, what = stages[-1], "facts.masked[{}]".format(len(stages) - 1)
    how = "weights in " + WEIGHTS
    outcome.same(what + ".weights", last["weights"], mask.weights, how)
    outcome.within(
        what + ".kept",
        last["kept"],
        mask.kept,
        # connections that grew at zero stay there where nothing reaches them, as at black borders
        mask.weights if "changes" in last else mask.kept * (1 + SMALL_SHARE),
        "not 0 in " + WEIGHTS,
    )
    macs = cost.count(model, example).train_macs
    for number, stage in enumerate(stages):
        what = "facts.masked[{}]".format(number)
        outcome.same(
            what + ".dense_flops_per_sample", stage["dense_flops_per_sample"], 2 * macs, how
        )
    # where connections moved it is the mean over masks that are gone
    if last["kept"] == mask.kept and not last.get("changes"):
        told = 2 * weight_mask.effective_macs(model, example, mask)
        outcome.same(
            what + ".effective_flops_per_sample", last["effective_flops_per_sample"], told, how
        )
    epochs = sum(stage["epochs"] for stage in stages)
    outcome.within("epochs of the masked stages", epochs, 0, len(found.record.epochs), "epochs")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
