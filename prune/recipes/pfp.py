"""Provable filter pruning (Liebenwein et al., 2020, arXiv:1911.07412): budgets by error bounds.

Channels are scored by their sensitivity (criterion "pfp"), and one number decides how many each
layer keeps (`prune.scoring.pfp_budget`): the largest network whose size is at most `1 - ratio` of
the dense one's. So `ratio` is a share of weights, or of MACs with `counted` "macs", of all
convolutions and linear layers; not of channels.

`draw` "largest" keeps the most sensitive channels (what the authors' experiments run), "random"
draws them by their sensitivities and scales what reads them so that sums stay as expected, "mixed"
keeps those that are sure to be drawn and draws the others. Mode "inner" leaves the inputs of
streams whole; the authors cut every layer's inputs apart and drop filters that nobody reads then.
"""

from typing import Any, Dict, Tuple

import numpy as np
import torch

from edgejoule.prune import cutting, steps
from edgejoule.prune.groups import Groups
from edgejoule.prune.mask import Mask
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.scoring import pfp_budget, reconstruction
from edgejoule.prune.scoring.pfp_draws import DRAWS, chosen
from edgejoule.prune.settings import Criterion, Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    draw: str = "largest",
    counted: str = "weights",
    score_batches: int = 1,
    cut: Cut = default(mode="inner", scope=fixed("layer"), multiple_of=fixed(1)),
    retraining: Retraining,
) -> Outcome:
    """The network with the channels that fit the budget, retrained."""
    if draw not in DRAWS or counted not in pfp_budget.COUNTED:
        raise ValueError(
            "draw={!r}, counted={!r}; draws are: {}; counted may be: {}".format(
                draw, counted, ", ".join(DRAWS), ", ".join(pfp_budget.COUNTED)
            )
        )
    if isinstance(cut.ratio, dict):
        raise ValueError(
            "ratio is a table; the budget decides what each layer loses: give a number"
        )
    found = cutting.groups(trainer, cut)
    steps.whole(trainer, "dense")
    with trainer.phase("score"):
        mask, facts = _cut(trainer, found, cut, draw, counted, score_batches)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask, facts={"pfp": facts})


def _cut(
    trainer: Trainer, found: Groups, cut: Cut, draw: str, counted: str, batches: int
) -> Tuple[Mask, Dict[str, Any]]:
    """Cuts to the budget; the mask, and t, the error it stands for and the size that came out."""
    scores = steps.score(trainer, Criterion("pfp"), found, batches)
    if not scores:
        raise ValueError(
            "nothing of this model can be cut: {}".format(cutting.why_whole(found))
            if not found
            else "no plain layer reads the channel groups of this model; choose another recipe"
        )
    model, example = trainer.model, trainer.example
    layers = pfp_budget.layers_of(model, found, scores, example)
    size = pfp_budget.size_of(model, found, example, counted)
    t, keep = pfp_budget.allocate(layers, size, (1 - cut.ratio) * size({}), cut.min_channels)
    mask = cutting.whole(found)
    random = np.random.RandomState(trainer.seed % 2**32)  # NumPy takes no longer seeds
    for group in found:
        if group.name in layers:
            flags, factors = chosen(
                layers[group.name].sensitivities, keep[group.name], draw, random
            )
            mask[group.name] = torch.from_numpy(flags)
            if draw != "largest":
                reconstruction.scale(model, group, flags, factors)
    left = size({name: int(flags.sum()) for name, flags in mask.items()})
    cutting.apply(trainer, found, mask)
    return mask, {
        "t": t,
        "error": pfp_budget.error(t),
        "counted": counted,
        "size": left,
        "dense_size": size({}),
    }
