"""The steps that recipes for masks of single weights compose."""

from typing import Any, Dict, Iterable, Mapping, Optional, Sequence, Union

from torch import Tensor

from edgejoule.prune import steps
from edgejoule.prune.cost import count
from edgejoule.prune.settings import Retraining, Saliency, Thinning
from edgejoule.prune.trainer import Scores, Trainer
from edgejoule.prune.weightmasks import controls, treatments, weight_mask
from edgejoule.prune.weightmasks.early_stopping import EarlyStop
from edgejoule.prune.weightmasks.weight_mask import WeightMask


def start(
    trainer: Trainer, saliency: Saliency, how: Thinning, keeps_initial: bool = False
) -> WeightMask:
    """The mask that keeps every weight the recipe may remove.

    `keeps_initial`: the recipe hands `draw` the weights before training.

    Raises:
        ValueError: a setting does not exist, or has no effect with this saliency.
    """
    scope = how.scope or saliency.module.SCOPE
    if scope not in ("global", "layer"):
        raise ValueError("no scope called {!r}; choose 'global' or 'layer'".format(how.scope))
    if saliency.module.AXIS is not None and (scope != "layer" or how.least):
        raise ValueError(
            "{} removes whole slices layer by layer: scope={!r} and least={!r} have "
            "no effect".format(saliency.name, how.scope, how.least)
        )
    if getattr(saliency.module, "INITIAL", False) and not keeps_initial:
        raise ValueError(
            "{} compares weights with those before training, which this recipe does not keep; "
            "choose recipe 'lottery' or another saliency".format(saliency.name)
        )
    return weight_mask.full(trainer.model, weight_mask.names(trainer.model, how.layers))


def draw(
    trainer: Trainer,
    saliency: Saliency,
    mask: WeightMask,
    gone: Union[float, Mapping[str, float]],
    how: Thinning,
    batches: Optional[int] = None,
    initial: Optional[treatments.State] = None,
) -> WeightMask:
    """The mask with a share `gone` of all its weights removed, the lowest scores of those left.

    `gone` is one share or {tensor name: share}; shares count from the unpruned network. `initial`
    are the weights before training, for a saliency that compares with them. A tensor that loses its
    last weight becomes a warning.
    """
    compared = initial if getattr(saliency.module, "INITIAL", False) else None
    scores = steps.score(trainer, saliency, mask, batches, compared)
    return chosen(trainer, saliency, scores, mask, gone, how)


def chosen(
    trainer: Trainer,
    saliency: Saliency,
    scores: Scores,
    mask: WeightMask,
    gone: Union[float, Mapping[str, float]],
    how: Thinning,
) -> WeightMask:
    """The mask that a saliency's scores lead to; see `draw`."""
    scores = controls.inverted(scores) if how.invert else scores
    scope = how.scope or saliency.module.SCOPE
    shares = gone if isinstance(gone, Mapping) else dict.fromkeys(mask, gone)
    if scope == "global":  # one share for all tensors, whichever of them is asked
        target = weight_mask.removal(shares[next(iter(mask))], mask.weights)
        drawn = weight_mask.lowest(
            scores, mask, max(0, target - (mask.weights - mask.kept)), how.least
        )
    else:
        drawn = WeightMask()
        for name, flags in mask.items():
            # earlier rounds' removals count towards the share, which is of the unpruned network
            removed = max(0, weight_mask.removal(shares[name], flags.numel()) - int((~flags).sum()))
            drawn.update(weight_mask.lowest(scores, WeightMask({name: flags}), removed, how.least))
    _tell_empty(trainer, mask, drawn)
    return drawn


def thin(
    trainer: Trainer,
    saliency: Saliency,
    mask: WeightMask,
    rate: float,
    tensors: Optional[Iterable[str]] = None,
) -> WeightMask:
    """The mask without a share `rate` of what is left in each tensor, weights or whole slices.

    The number is rounded as torch.nn.utils.prune does it, halves to even. `tensors` names those
    that are thinned; without it all are.
    """
    # a mask of those alone, because each layer kind may be scored by a saliency of its own
    chosen = WeightMask((name, mask[name]) for name in (mask if tensors is None else tensors))
    scores = steps.score(trainer, saliency, chosen)
    axis, drawn = saliency.module.AXIS, WeightMask(mask)
    for name, flags in chosen.items():
        left = flags if axis is None else _slices(flags, axis)
        remove = int(round(rate * int(left.sum())))
        kept = weight_mask.lowest(scores, WeightMask({name: left}), remove)[name]
        drawn[name] = kept if axis is None else flags & _spread(kept, flags, axis)
    _tell_empty(trainer, mask, drawn)
    return drawn


def draw_in_steps(
    trainer: Trainer,
    saliency: Saliency,
    mask: WeightMask,
    shares: Sequence[float],
    how: Thinning,
    batches: Optional[int] = None,
) -> WeightMask:
    """The mask after removing each of `shares` in turn, scored anew on what is left each time.

    The model keeps all its weights: what had left is zero only while scores are taken.
    """
    whole = treatments.snapshot(trainer.model)
    for share in shares:
        mask = draw(trainer, saliency, mask, share, how, batches)
        weight_mask.apply(trainer.model, mask)
    trainer.model.load_state_dict(whole)
    return mask


def train(
    trainer: Trainer,
    mask: WeightMask,
    epochs: int,
    first: int = 0,
    total: Optional[int] = None,
    watch: Optional[EarlyStop] = None,
) -> Dict[str, Any]:
    """Trains with masked weights held at zero; what the record should know of this stage.

    Epochs done, weights and how many are kept, and training FLOPs per sample: of the dense network,
    which is what runs, and of a machine that skips zeros. `watch` looks on after every epoch.
    """
    with weight_mask.held(trainer.model, mask):
        done = trainer.train(epochs, first=first, total=total, after_epoch=watch, memory=watch)
    dense = count(trainer.model, trainer.example).train_macs  # zeros are multiplied like others
    effective = weight_mask.effective_macs(trainer.model, trainer.example, mask)
    return {
        "epochs": done,
        "weights": mask.weights,
        "kept": mask.kept,
        "dense_flops_per_sample": 2 * dense,
        "effective_flops_per_sample": 2 * effective,
    }


def retrain(trainer: Trainer, mask: WeightMask, how: Retraining) -> Dict[str, Any]:
    """Trains a masked network as `how` says; what the record should know of this stage."""
    epochs = trainer.epochs if how.retrain_epochs is None else how.retrain_epochs
    return train(trainer, mask, epochs, *steps.span(epochs, how.retrain))


def tell_empty(trainer: Trainer, mask: WeightMask) -> None:
    """Warns of every tensor of which a first mask leaves nothing."""
    _tell_empty(trainer, WeightMask(), mask)


def _slices(flags: Tensor, axis: int) -> Tensor:
    """Which slices along an axis have anything left [slices]."""
    return flags.transpose(0, axis).flatten(1).any(1)


def _spread(kept: Tensor, flags: Tensor, axis: int) -> Tensor:
    """Slice flags [slices] as a mask of the whole tensor."""
    shape = [1] * flags.dim()
    shape[axis] = -1
    return kept.view(shape).expand_as(flags)


def _tell_empty(trainer: Trainer, before: WeightMask, after: WeightMask) -> None:
    """Warns of every tensor that has lost its last weight just now."""
    for name in sorted(set(after.empty) - set(before.empty)):
        trainer.warn(
            "layer collapse: nothing is left of {}; least=1 keeps a weight in every layer".format(
                name
            )
        )
