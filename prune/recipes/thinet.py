"""ThiNet (Luo et al., 2017, arXiv:1707.06342): cut layer by layer, rescale, tune in between.

For each group of channels in turn: order its channels by what its readers lose, remove a share
`ratio`, scale the readers' weights of the rest by least squares, cut, and tune for `between` epochs
at the schedule's last rate; at the end retrain. The paper tunes one or two epochs after each layer.
Mode "inner" cuts what the paper cuts in residual networks: the channels inside blocks.
"""

import torch

from edgejoule.prune import cutting, steps
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.scoring import reconstruction
from edgejoule.prune.select import select
from edgejoule.prune.settings import Criterion, Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    between: int = 1,
    score_batches: int = 2,
    points_per_image: int = 10,
    cut: Cut = default(mode="inner", scope=fixed("layer"), multiple_of=fixed(1)),
    retraining: Retraining,
) -> Outcome:
    """The network with every group cut to `1 - ratio` of its channels, one after the other."""
    if between < 0:
        raise ValueError("between={!r}; epochs start at 0".format(between))
    criterion = Criterion("thinet", points=points_per_image)
    found = cutting.groups(trainer, cut)
    mask = cutting.whole(found)
    steps.whole(trainer, "dense")
    for group in found:
        with trainer.phase("score"):
            mask = _layer(trainer, criterion, mask, group.name, cut, score_batches)
        if between:
            with trainer.phase("retrain"):
                steps.retrain(trainer, Retraining("last", between))
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask)


def _layer(trainer: Trainer, criterion, mask, name: str, cut, batches: int):
    """Cuts one group and rescales its readers; the mask of the dense model's groups."""
    found = cutting.groups(trainer, cut)
    group = next(each for each in found if each.name == name)
    data = trainer.batches(batches)
    points = criterion.options["points"]
    trainer.charge(
        criterion.module.flops(trainer.model, [group], data, points=points), "thinet scores"
    )
    gram = reconstruction.grams(trainer.model, [group], data, points, trainer.seed).get(name)
    if gram is None:
        return mask
    worth = torch.from_numpy(reconstruction.order(gram)[0].argsort()).double()
    further = cutting.whole(found)
    further.update(select({name: worth}, [group], cut.ratio, min_channels=cut.min_channels))
    kept = further[name].numpy()
    reconstruction.scale(trainer.model, group, kept, reconstruction.scaling(gram, kept))
    cutting.apply(trainer, found, further)
    return cutting.composed(mask, further)
