"""Discrimination-aware channel pruning (Zhuang et al., 2018, arXiv:1810.11809, algorithms 1, 2).

`losses` heads (2) cut the network into stages, each one a batch norm, a ReLU, an average over
positions and a linear layer. Stage by stage the network is tuned together with the head of the
stage; then, for every layer of the stage, the channels that it reads are chosen greedily
(`prune.scoring.discriminative`) by what they do for the layer's outputs and for the head. The last
stage has the network's own answer in place of a head. At the end the others are cut, with the
filters that make them, and the network is retrained; no head is left.

`chunk` channels are chosen per round (a sixteenth of the layer; 1 is the paper's). `tolerance`
above 0 ends a layer's choice where a round changes the loss by less, relative to the first: then
more than `ratio` may leave. Residual streams stay whole, as in the authors' code. Deviations: a
stage is tuned and its channels are chosen on `score_batches` batches (20) that are drawn once per
stage and not augmented, at a constant rate and in float32; a head sits behind the last layer that
reads the stage's last group, not behind its residual block.
"""

from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edgejoule.prune import cutting, steps
from edgejoule.prune.cost import count
from edgejoule.prune.duplicate import duplicate
from edgejoule.prune.groups import Group
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.scoring import discriminative
from edgejoule.prune.scoring.discriminative import Choice, Head
from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.scoring.reconstruction import Reader, readers
from edgejoule.prune.select import select
from edgejoule.prune.settings import Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Batches, Trainer

Layer = Tuple[Group, List[Reader]]


@recipe
def run(
    trainer: Trainer,
    *,
    losses: int = 2,
    head_passes: int = 1,
    head_rate: float = 0.01,
    share: float = 1.0,
    norm: str = "frobenius",
    chunk: Optional[int] = None,
    tolerance: float = 0.0,
    score_batches: int = 20,
    cut: Cut = default(mode="inner", scope=fixed("layer"), multiple_of=fixed(1)),
    retraining: Retraining,
) -> Outcome:
    """The network with the channels that reconstruct and discriminate best, retrained."""
    _checked(losses, head_passes, head_rate, share, norm, chunk, tolerance, score_batches)
    found = cutting.groups(trainer, cut)
    steps.whole(trainer, "dense")
    layers = [(group, readers(trainer.model, group)) for group in found]
    layers = [(group, each) for group, each in layers if each]
    if not layers:
        raise ValueError(
            "dcp can judge none of the {} channel groups of this model: it needs convolutions or "
            "linear layers that read them".format(len(found))
        )
    equal = {group.name: torch.zeros(group.channels) for group, _ in layers}
    judged = [group for group, _ in layers]
    widths = select(equal, judged, cut.ratio, "layer", cut.min_channels)  # only their sums matter
    mask = cutting.whole(found)
    mask.notes += widths.notes
    with trainer.phase("search"):
        for aid, stage in _stages(trainer, layers, losses):
            data = trainer.batches(score_batches)
            _tune(trainer, aid, data, head_passes, head_rate)
            original = duplicate(trainer.model)
            for group, reading in stage:
                kept = int(widths[group.name].sum())
                how = Choice(kept, chunk or max(1, group.channels // 16), norm, share, tolerance)
                chosen = _chosen(trainer, reading, original, aid, data, how)
                mask[group.name] = chosen
    with trainer.phase("score"):
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask)


def _checked(losses, passes, rate, share, norm, chunk, tolerance, batches) -> None:
    if norm not in discriminative.NORMS:
        raise ValueError(
            "no norm called {!r}; there are: {}".format(norm, ", ".join(discriminative.NORMS))
        )
    least: Dict[str, Tuple[float, float]] = {
        "losses": (losses, 0),
        "head_passes": (passes, 0),
        "head_rate": (rate, 0),
        "share": (share, 0),
        "chunk": (1 if chunk is None else chunk, 1),
        "tolerance": (tolerance, 0),
        "score_batches": (batches, 1),
    }
    for name, (value, bound) in least.items():
        if value < bound:
            raise ValueError("{}={!r}; it starts at {}".format(name, value, bound))


def _stages(trainer: Trainer, layers: Sequence[Layer], losses: int) -> List:
    """(head, layers) of each stage in order; equally many layers, up to one, in each."""
    parts = [each for each in np.array_split(np.arange(len(layers)), losses + 1) if each.size]
    sites = [layers[part[-1]][1][-1].module for part in parts[:-1]]
    with torch.no_grad(), in_mode(trainer.model, False):
        logits, _, *outputs = discriminative.answered(trainer.model, Head(), trainer.example, sites)
    with torch.random.fork_rng([trainer.device] if trainer.device.type == "cuda" else []):
        torch.manual_seed(trainer.seed)
        classes = logits.shape[1]
        heads = [discriminative.head(*each, classes) for each in zip(sites, outputs)]
    return [(aid, [layers[at] for at in part]) for aid, part in zip(heads + [Head()], parts)]


def _tune(trainer: Trainer, aid: Head, data: Batches, passes: int, rate: float) -> None:
    """Trains the network and a stage's head together; the last stage has nothing to tune."""
    if aid.layers is None:
        return
    model = trainer.model.train()
    tensors = list(model.parameters()) + list(aid.layers.parameters())
    optimiser = torch.optim.SGD(tensors, rate, momentum=0.9, nesterov=True, weight_decay=1e-4)
    for _ in range(passes):
        for x, y in data:
            logits, own = discriminative.answered(model, aid, x)
            loss = functional.cross_entropy(logits, y) + functional.cross_entropy(own, y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    optimiser.zero_grad()
    aid.layers.eval()
    images = passes * sum(len(y) for _, y in data)
    trainer.charge(2 * images * count(model, trainer.example).train_macs, "tuning with a head")


def _chosen(
    trainer: Trainer,
    reading: List[Reader],
    original,
    aid: Head,
    data: Batches,
    how: Choice,
) -> Tensor:
    """The channels that one group keeps; a round is a pass for gradients and one for the fit."""
    chosen = discriminative.choose(trainer.model, reading, original, aid, data, how)
    work = count(trainer.model, trainer.example)
    rounds = -(-int(chosen.sum()) // how.chunk)
    each = 2 * (work.forward_macs + work.train_macs)  # the original answers too
    images = sum(len(y) for _, y in data)
    trainer.charge((1 + how.passes) * rounds * each * images, "greedy choice of channels")
    return chosen
