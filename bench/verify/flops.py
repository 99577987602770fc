"""FLOPs of every epoch and phase again: per sample from the network, times the pictures seen."""

from typing import Any, Dict, List, Optional, Tuple

from torch import Tensor, nn

from edgejoule import plugins
from edgejoule.bench import environment
from edgejoule.bench.records import CONVENTIONS, total
from edgejoule.bench.training.lengths import held_out, length
from edgejoule.bench.verify.evidence import Evidence
from edgejoule.bench.verify.network import Networks
from edgejoule.bench.verify.outcome import Outcome
from edgejoule.prune import cost

Figures = Dict[str, Optional[int]]
CONSTANT = ("exact", "paper")  # that no other package's version can move


def sums(found: Evidence, outcome: Outcome) -> None:
    """FLOPs of phases against those of their epochs; scoring adds to the exact convention alone."""
    # a dense training has no more work than its epochs, unless held-out images are looked at
    watched = bool(found.record.case["prune"].get("early_stop"))
    for number, phase in enumerate(found.record.phases):
        epochs = found.epochs_of(number)
        for name in CONVENTIONS:
            what = "phases[{}].flops.{}".format(number, name)
            told = total([0.0] + [epoch["flops"].get(name) for epoch in epochs])
            stored = phase["flops"].get(name)
            plain = phase["name"] == "dense" and not watched
            if told is None or name != "exact" or plain:
                if told is None:
                    outcome.same(what, stored, None, "sum of its epochs")
                else:
                    outcome.near(what, stored, told, "sum of its epochs")
            else:
                outcome.within(what, stored, told, None, "sum of its epochs, and the scoring")
                outcome.skip("FLOPs of scoring", "bounded only: what a recipe scored is not kept")


def check(found: Evidence, networks: Networks, pictures: int, outcome: Outcome) -> None:
    """FLOPs of every epoch from the dense or the final network, by its channels."""
    known = _known(found, networks, outcome)
    for number, epoch in enumerate(found.record.epochs):
        figures = [each for size, each in known if size == epoch.get("channels")]
        what = "epochs[{}]".format(number)
        seen = _seen(found, epoch, pictures, what, outcome)
        if not figures:
            outcome.skip(
                "FLOPs of epochs between the dense and the final network",
                "networks in between are not kept",
            )
            exact = epoch["flops"]["exact"]
            outcome.same(what + ".flops.exact", exact % seen, 0, "pictures")
            for size, figure in known:
                if figure["exact"] is not None and exact == figure["exact"] * seen:
                    outcome.same(what + ".channels", epoch.get("channels"), size, "its FLOPs")
            continue
        for name in figures[0]:
            each = [figure[name] for figure in figures]
            told = {None if one is None else one * seen for one in each}
            how = "the network's {} FLOPs of {} pictures".format(name, seen)
            stored = epoch["flops"].get(name)
            outcome.same(
                "{}.flops.{}".format(what, name),
                stored,
                stored if stored in told else sorted(told, key=str)[0],
                how,
            )


def pictures(found: Evidence) -> int:
    """How many pictures an epoch sees, by the data set's own word."""
    return plugins.load("datasets", found.record.case["dataset"]["name"]).TRAIN_IMAGES


def _seen(
    found: Evidence, epoch: Dict[str, Any], pictures: int, what: str, outcome: Outcome
) -> int:
    """How many pictures an epoch saw: all that train, or what the last steps were of."""
    told = epoch.get("samples")
    if told is None:  # older records: the whole data set
        return pictures
    train = found.record.case["train"]
    whole, asked = pictures - held_out(pictures, train["validation"]), length(train, pictures)
    last = min(whole, (asked.per_epoch - asked.short) * train["batch_size"])
    outcome.same(what + ".samples", told in (whole, last), True, "{} or {}".format(whole, last))
    return int(told)


def _known(found: Evidence, networks: Networks, outcome: Outcome) -> List[Tuple[int, Figures]]:
    """(channels, FLOPs per sample by convention) of both networks."""
    names = list(CONSTANT)
    model, example = networks.dense, networks.example
    theirs = (found.record.environment.get("packages") or {}).get("fvcore")
    cost.train_flops(model, example, "fvcore")  # imports it, if it is there
    if theirs == environment.package("fvcore"):
        names.append("fvcore")
    else:
        outcome.skip("FLOPs by fvcore", "another version of it counted them")
    known = [(found.record.dense["channels"], _figures(model, example, names))]
    if networks.final is not None:
        final = _figures(networks.final, example, names)
        known.append((found.record.final["channels"], final))
    return known


def _figures(model: nn.Module, example: Tensor, names: List[str]) -> Figures:
    return {name: cost.train_flops(model, example, name) for name in names}
