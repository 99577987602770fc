"""RigL: a sparse network whose weakest connections give way to those with the largest gradient.

Evci et al., 2020, arXiv:1911.11134, algorithm 1. Connections are drawn by chance before training.
In every `interval`-th step t (100) before `until` of the training is over, in place of that step's
weight update, each layer drops the fraction

    f(t) = drop / 2 (1 + cos(pi t / T_end))      ("cosine", the paper; the flag of the authors' code
                                                  stands at "constant")

of its connections, those closest to zero, and grows as many where the gradient is largest
(`grow` "gradient"), or by chance ("random": SET as that paper compares with it). Candidates are all
that were not kept, so a connection may come back at once; it then keeps its value, as in the
authors' code, and all others start at zero. T_end is 75 000 of 97 600 steps for CIFAR-10 and
25 000 of 32 000 for ImageNet, hence `until` 0.75. `densities` "uniform" of the paper leaves the
first layer dense: add `sparse_layers` "no_first".

The facts hold the training FLOPs per sample in the paper's own way, (3 f_S interval + 2 f_S + f_D)
/ (interval + 1), where f_S and f_D are those of a forward pass of the sparse and the dense network.

Deviations: equal scores are told apart by position, not by noise; a step whose gradients are not
finite, which float16 leaves out, exchanges nothing. A layer that is full stays as it is.
"""

import math
from typing import Any, Dict, List

import torch

from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.trainer import Trainer
from edgejoule.prune.weightmasks import regrow, sparse_work
from edgejoule.prune.weightmasks.densities import Sparsity, drawn
from edgejoule.prune.weightmasks.rewiring import Rewiring
from edgejoule.prune.weightmasks.sparse_training import densities, last_step, train

ANNEAL = ("cosine", "constant")
GROW = ("gradient", "random")


@recipe
def run(
    trainer: Trainer,
    *,
    sparsity: Sparsity,
    interval: int = 100,
    until: float = 0.75,
    drop: float = 0.3,
    anneal: str = "cosine",
    grow: str = "gradient",
) -> Outcome:
    """The network without a share `ratio` of its weights, connections exchanged in training."""
    _check(interval, drop, anneal, grow)
    end = last_step(trainer, until)

    def exchange(rewiring: Rewiring) -> None:
        if rewiring.steps % interval == 0 and rewiring.steps < end:
            share = fraction(rewiring.steps, end, drop, anneal)
            (_by_gradient if grow == "gradient" else _by_chance)(rewiring, share)

    chance = torch.Generator().manual_seed(trainer.seed)
    rewiring = Rewiring(trainer, drawn(trainer, sparsity, chance), chance, before=exchange)
    if end <= interval:
        trainer.warn(
            "no connection is exchanged: {} steps before the end of exchanges, and interval={}; "
            "lower interval".format(end, interval)
        )
    stages = train(rewiring, until)
    facts = {"masked": stages, "densities": densities(rewiring.mask)}
    facts.update(_paper(rewiring, interval) if grow == "gradient" else {})
    return Outcome(trainer.model, weight_mask=rewiring.mask, facts=facts)


def fraction(step: int, end: int, drop: float, anneal: str = "cosine") -> float:
    """The share of a layer's connections that is exchanged in a step, from `drop` to 0 at `end`."""
    return drop if anneal == "constant" else drop / 2 * (1 + math.cos(math.pi * step / end))


def paper_flops(sparse: int, dense: int, interval: int) -> int:
    """RigL's training FLOPs per sample from those of a sparse and of a dense forward pass."""
    return int(round((3 * sparse * interval + 2 * sparse + dense) / (interval + 1)))


def _by_gradient(rewiring: Rewiring, share: float) -> None:
    gradients = {name: rewiring.gradient(name) for name in _open(rewiring)}
    known = {name: each for name, each in gradients.items() if each is not None}
    if not known or not all(bool(torch.isfinite(each).all()) for each in known.values()):
        return
    masks = {}
    for name, gradient in known.items():
        kept = rewiring.mask[name]
        gone = regrow.by_magnitude(rewiring.weight(name), kept, share)
        left = kept & ~gone
        masks[name] = left | regrow.steepest(gradient, left, int(gone.sum()))
    rewiring.needs_dense_gradients()
    rewiring.replace_step()
    rewiring.change(masks)


def _by_chance(rewiring: Rewiring, share: float) -> None:
    masks = {}
    for name in _open(rewiring):
        kept = rewiring.mask[name]
        gone = regrow.by_magnitude(rewiring.weight(name), kept, share)
        left, nothing = kept & ~gone, torch.zeros_like(kept)
        new = regrow.by_chance(left, nothing, int(gone.sum()), rewiring.chance)
        masks[name] = left | new
    if masks:
        rewiring.replace_step()
    rewiring.change(masks)


def _open(rewiring: Rewiring) -> List[str]:
    """Names of the tensors that have room for other connections."""
    return [name for name, flags in rewiring.mask.items() if not bool(flags.all())]


def _paper(rewiring: Rewiring, interval: int) -> Dict[str, Any]:
    trainer = rewiring.trainer
    dense, sparse = sparse_work.forward_macs(trainer.model, trainer.example, rewiring.mask)
    return {"paper_flops_per_sample": paper_flops(2 * sparse, 2 * dense, interval)}


def _check(interval: int, drop: float, anneal: str, grow: str) -> None:
    if interval < 1 or not 0 < drop < 1:
        raise ValueError(
            "interval={!r}, drop={!r}; intervals start at 1 step, a share to drop lies in "
            "(0, 1)".format(interval, drop)
        )
    for name, value, allowed in (("anneal", anneal, ANNEAL), ("grow", grow, GROW)):
        if value not in allowed:
            raise ValueError("{}={!r}; there are: {}".format(name, value, ", ".join(allowed)))
