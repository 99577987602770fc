"""Each layer loses the share that a table gives: L1 filters (Li et al., 2017), HRank (Lin 2020).

`table` is the name of a paper's table (`prune.scoring.layer_tables`) or {group or pattern: share};
{"*": 0.5} removes half of every layer, and groups that no pattern matches stay whole.

With `between` 0 all layers are cut together. Otherwise they are cut one after the other, front to
back, with so many epochs after each (HRank). `rescore` scores each layer on the network cut so far:
the greedy strategy of Li et al., who call scores of the dense network independent. `frozen` is the
share of the filters kept in each layer, those of lowest score, that retraining leaves as they are.
"""

from typing import Any, Dict, List, Mapping, Union

from edgejoule.prune import cutting, steps
from edgejoule.prune.mask import Mask
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.scoring import layer_tables
from edgejoule.prune.select import select, shares
from edgejoule.prune.settings import Criterion, Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Scores, Trainer
from edgejoule.prune.weightmasks import freezing


@recipe
def run(
    trainer: Trainer,
    *,
    table: Union[str, Mapping[str, float]],
    between: int = 0,
    rescore: bool = False,
    frozen: float = 0.0,
    criterion: Criterion = default("l1"),
    cut: Cut = default(ratio=fixed(0.0), mode="inner", scope=fixed("layer"), multiple_of=fixed(1)),
    retraining: Retraining,
) -> Outcome:
    """The network whose layers have lost their shares, retrained."""
    if between < 0 or not 0 <= frozen < 1:
        raise ValueError(
            "between={!r}, frozen={!r}; epochs start at 0, a share lies in [0, 1)".format(
                between, frozen
            )
        )
    found = cutting.groups(trainer, cut)
    leaving = {
        name: share for name, share in shares(layer_tables.named(table), found).items() if share
    }
    if not leaving:
        raise ValueError("the table removes nothing; give a share above 0 to a group")
    steps.whole(trainer, "dense")
    mask, known = cutting.whole(found), {}  # type: Mask, Scores
    rounds = [[name] for name in leaving] if between or rescore else [list(leaving)]
    for names in rounds:
        with trainer.phase("score"):
            if rescore or not known:
                known.update(_scores(trainer, criterion, cut, names if rescore else list(leaving)))
            mask = _cut(trainer, mask, known, {name: leaving[name] for name in names}, cut)
        if between:
            with trainer.phase("retrain"):
                steps.retrain(trainer, Retraining("last", between))
    left = {name: values[mask[name]] for name, values in known.items()}
    with trainer.phase("retrain"):
        _retrain(trainer, retraining, freezing.lowest(left, frozen) if frozen else {}, cut)
    return Outcome(trainer.model, found, mask)


def _scores(trainer: Trainer, criterion: Criterion, cut: Cut, names: List[str]) -> Scores:
    """Scores of the named groups on the network as it is; those it can't judge become a warning."""
    wanted = [group for group in cutting.groups(trainer, cut) if group.name in names]
    found = steps.score(trainer, criterion, wanted)
    missing = [group.name for group in wanted if group.name not in found]
    if missing:
        trainer.warn(
            "{} cannot judge {}; they stay whole, whatever the table says".format(
                criterion.name, ", ".join(missing)
            )
        )
    return {name: values.cpu() for name, values in found.items()}


def _cut(trainer: Trainer, mask: Mask, known: Scores, leaving: Dict[str, float], cut: Cut) -> Mask:
    """Cuts the groups of `leaving` to their shares; the mask of the dense model's groups."""
    found = cutting.groups(trainer, cut)
    judged = [group for group in found if group.name in leaving and group.name in known]
    further = cutting.whole(found)
    if judged:
        table = {group.name: leaving[group.name] for group in judged}
        drawn = select(known, judged, table, min_channels=cut.min_channels)
        further.update(drawn)
        further.notes = drawn.notes
    cutting.apply(trainer, found, further)
    return cutting.composed(mask, further)


def _retrain(trainer: Trainer, how: Retraining, chosen: Dict[str, Any], cut: Cut) -> None:
    """The last retraining, with the chosen channels' filters as they are."""
    groups = cutting.groups(trainer, cut) if chosen else []
    held = freezing.filters(trainer.model, groups, chosen)
    with freezing.frozen(trainer.model, held):
        steps.retrain(trainer, how)
