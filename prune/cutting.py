"""Cutting channels: find groups, draw a mask from scores, make the network smaller."""

from typing import Optional, Sequence, Tuple

import torch

from edgejoule.prune.grouping import find
from edgejoule.prune.groups import Group, Groups
from edgejoule.prune.mask import Mask
from edgejoule.prune.select import select
from edgejoule.prune.settings import Criterion, Cut
from edgejoule.prune.shrink import shrink
from edgejoule.prune.steps import score
from edgejoule.prune.trainer import Scores, Trainer


def groups(trainer: Trainer, cut: Cut) -> Groups:
    """The channel groups of the trainer's model now."""
    return find(trainer.model, trainer.example, mode=cut.mode, ignore=tuple(cut.ignore))


def draw(
    trainer: Trainer, criterion: Criterion, found: Groups, cut: Cut, batches: Optional[int] = None
) -> Mask:
    """The mask that removes the lowest scores; groups without a score stay whole."""
    return chosen(criterion, score(trainer, criterion, found, batches), found, cut)


def chosen(criterion: Criterion, scores: Scores, found: Groups, cut: Cut) -> Mask:
    """The mask that scores lead to; groups that the criterion could not judge stay whole."""
    judged = [group for group in found if group.name in scores]
    if not found:
        raise ValueError("nothing of this model can be cut: {}".format(why_whole(found)))
    if not judged:
        raise ValueError(
            "{} can judge none of the {} channel groups of this model; choose "
            "another criterion".format(criterion.name, len(found))
        )
    mask = select(
        scores,
        judged,
        cut.ratio,
        scope=cut.scope or criterion.module.SCOPE,
        min_channels=cut.min_channels,
        multiple_of=cut.multiple_of,
    )
    for name, flags in whole(found).items():
        mask.setdefault(name, flags)
    if len(judged) < len(found):
        mask.notes += (
            "{} cannot judge {} of {} channel groups; they stay whole and the ratio "
            "counts the others".format(criterion.name, len(found) - len(judged), len(found)),
        )
    return mask


def why_whole(found: Sequence[Group]) -> str:
    """The reasons why layers stay whole, the first three of them in one line."""
    reasons = found.whole if isinstance(found, Groups) else ()
    said = ["{!r} {}".format(layer or "the model", reason) for layer, reason in reasons[:3]]
    more = len(reasons) - len(said)
    return "; ".join(said + ["and {} more layers".format(more)] * bool(more)) or (
        "no layer of it makes channels that could leave"
    )


def whole(found: Sequence[Group]) -> Mask:
    """The mask that keeps every channel of every group."""
    return Mask({group.name: torch.ones(group.channels, dtype=torch.bool) for group in found})


def cut_to(
    trainer: Trainer,
    criterion: Criterion,
    mask: Mask,
    gone: float,
    cut: Cut,
    batches: Optional[int] = None,
) -> Mask:
    """Cuts the model further, until a share `gone` of its first channels is gone; the whole mask.

    `mask` says what the dense model's groups had left before, the answer what they have now. With
    scope "layer" the share holds in every layer. A group down to one channel is found no more.
    """
    found = groups(trainer, cut)
    if not found:
        trainer.warn("nothing is left to cut: every group is down to one channel")
        return mask
    scores = score(trainer, criterion, found, batches)
    judged = [group for group in found if group.name in scores]
    further = whole(found)
    if (cut.scope or criterion.module.SCOPE) == "global":
        names = set(mask) - {group.name for group in found if group.name not in scores}
        pools = [(judged, names)]
    else:
        pools = [([group], {group.name}) for group in judged]
    for pool, names in pools:
        ratio, note = _still(Mask({name: mask[name] for name in names}), pool, gone, cut)
        further.update(select(scores, pool, ratio, min_channels=cut.min_channels))
        further.notes += (note,) * bool(note)
    apply(trainer, found, further)
    return composed(mask, further)


def composed(mask: Mask, further: Mask) -> Mask:
    """What is left of the dense model's channels after a second mask over those that were left."""
    found = Mask(mask, mask.notes + further.notes)
    for name, flags in further.items():
        found[name] = mask[name].clone()
        found[name][mask[name]] = flags.cpu()
    return found


def _still(mask: Mask, pool: Sequence[Group], gone: float, cut: Cut) -> Tuple[float, str]:
    """Share of a pool's channels that must leave so that `gone` of the mask's are, and a note."""
    left = sum(group.channels for group in pool)
    wanted = int(gone * mask.channels + 1e-9) - (mask.channels - mask.kept)
    able = sum(max(0, group.channels - cut.min_channels) for group in pool)
    note = (
        ""
        if wanted <= able
        else (
            "{} channels should leave {}, only {} can: at least {} stay in every group".format(
                wanted, pool[0].name if len(pool) == 1 else "the network", able, cut.min_channels
            )
        )
    )
    return max(0, min(wanted, able)) / left, note


def apply(trainer: Trainer, found: Sequence[Group], mask: Mask) -> None:
    """Cuts the trainer's model to the mask; a guard that fired becomes a warning."""
    for sentence in mask.notes:
        trainer.warn(sentence)
    trainer.replace(shrink(trainer.model, trainer.example, found, mask))
