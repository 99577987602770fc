"""Channel pruning by LASSO and reconstruction (He et al., 2017, arXiv:1707.06168).

Layer by layer, front to back: of the channels that a layer reads those stay whose factors b_i in

    1/(2 N) |Y - sum_i b_i X_i W_i^T|^2 + strength |b|_1                                     (eq. 1)

are not 0, with the strength searched until a share `ratio` is; then its weights are refitted by
least squares. X is what it reads in the network cut so far, Y what it put out in the dense one, so
errors do not add up. Retraining comes at the end; `between` epochs after each layer are ours.
`intercept` is the authors' code's (their equation has none).

Deviations: exactly the asked number leaves (the code keeps up to a tenth more); where several
layers read a channel their outputs count together. In residual networks mode "inner" cuts the
paper's layers, but its correction of the shortcut's error and its sampler in front of branches are
not made. The paper cuts early layers more: give `ratio` as a table from Python.
"""

import copy
from typing import Dict

import numpy as np
import torch
from torch import nn

from edgejoule.prune import cutting, steps
from edgejoule.prune.cost import count
from edgejoule.prune.groups import Groups
from edgejoule.prune.mask import Mask, leaving
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.scoring import channel_lasso, reconstruction
from edgejoule.prune.select import shares
from edgejoule.prune.settings import Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Batches, Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    between: int = 0,
    score_batches: int = 2,
    points_per_image: int = 10,
    intercept: bool = True,
    cut: Cut = default(mode="inner", scope=fixed("layer"), multiple_of=fixed(1)),
    retraining: Retraining,
) -> Outcome:
    """The network with every group cut and its readers refitted, one after the other."""
    if between < 0 or score_batches < 1 or points_per_image < 1:
        raise ValueError(
            "between={!r}, score_batches={!r}, points_per_image={!r}; epochs start at 0, batches "
            "and points at 1".format(between, score_batches, points_per_image)
        )
    found = cutting.groups(trainer, cut)
    wanted = shares(cut.ratio, found)
    if not found:
        raise ValueError("nothing of this model can be cut: {}".format(cutting.why_whole(found)))
    steps.whole(trainer, "dense")
    original, mask = copy.deepcopy(trainer.model), cutting.whole(found)
    rounds = [[group.name] for group in found] if between else [[group.name for group in found]]
    for names in rounds:
        with trainer.phase("score"):
            for name in names:
                job = _Job(trainer, original, found, cut, intercept, points_per_image)
                mask = job.cut(mask, name, wanted[name], trainer.batches(score_batches))
        if between:
            with trainer.phase("retrain"):
                steps.retrain(trainer, Retraining("last", between))
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask)


class _Job:
    """One layer's cut: what it needs to know of the run."""

    def __init__(
        self,
        trainer: Trainer,
        original: nn.Module,
        dense: Groups,
        cut: Cut,
        intercept: bool,
        points: int,
    ) -> None:
        self.trainer, self.original, self.dense = trainer, original, dense
        self.how, self.intercept, self.points = cut, intercept, points

    def cut(self, mask: Mask, name: str, share: float, data: Batches) -> Mask:
        """Chooses, refits and cuts; the mask of the dense model's groups."""
        trainer, seed = self.trainer, self.trainer.seed % 2**32  # NumPy takes no longer seeds
        found = cutting.groups(trainer, self.how)
        group = next((each for each in found if each.name == name), None)
        asked = int(share * mask[name].numel() + 1e-9)
        # a group of one channel is found no more, and one that no plain layer reads stays whole
        if group is None or not asked or not reconstruction.readers(trainer.model, group):
            return mask
        keep = max(group.channels - asked, min(self.how.min_channels, group.channels))
        rows = self._rows(mask)
        sampled = channel_lasso.samples(
            trainer.model, self.original, group, data, self.points, seed, rows
        )
        random = np.random.RandomState(seed)
        kept, work = channel_lasso.choose(sampled, keep, self.intercept, random)
        work += sum(channel_lasso.refit(sample, kept) for sample in sampled)
        images = sum(len(x) for x, _ in data)
        both = [
            count(each, trainer.example).forward_macs for each in (trainer.model, self.original)
        ]
        trainer.charge(work + 2 * images * sum(both), "channel pruning scores")
        further = cutting.whole(found)
        further[name] = torch.from_numpy(kept)
        cutting.apply(trainer, found, further)
        return cutting.composed(mask, further)

    def _rows(self, mask: Mask) -> Dict[str, np.ndarray]:
        """Which outputs of every weight of the dense network are still there."""
        gone = leaving(self.dense, mask)
        return {
            name: np.setdiff1d(np.arange(len(tensor)), gone.get((name, 0), []))
            for name, tensor in self.original.named_parameters()
            if name.endswith("weight") and tensor.dim()
        }
