"""The steps that recipes compose: load a criterion, score, draw a mask, cut, retrain."""
import difflib
import importlib
import inspect
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Tuple

import torch

from prune.groups import find
from prune.mask import Mask
from prune.select import select
from prune.shrink import shrink

RETRAIN = ("full", "last")


class Method(NamedTuple):
    """A criterion with its settings, sorted by the function they belong to."""

    name: str
    module: object
    scores: Dict
    penalty: Dict


class Cut(NamedTuple):
    """Which channels may leave and how many: the settings of `groups.find` and `select`."""

    ratio: float
    mode: str = "coupled"
    scope: Optional[str] = None
    ignore: Tuple[str, ...] = ()
    min_channels: int = 1
    multiple_of: int = 1


def method(name: str, options: Dict, folder: str = "criteria") -> Method:
    """The criterion of that name; a setting that none of its functions takes is an error."""
    module = plugin(name, folder)
    known = {which: settings(module, which) for which in ("scores", "penalty")}
    for option in options:
        if not any(option in each for each in known.values()):
            allowed = sorted({each for group in known.values() for each in group})
            raise ValueError("{} has no setting {!r}; it has: {}".format(
                name, option, ", ".join(allowed) or "none"))
    chosen = {which: {key: value for key, value in options.items() if key in allowed}
              for which, allowed in known.items()}
    return Method(name, module, chosen["scores"], chosen["penalty"])


def refuse_penalty(criterion: Method) -> None:
    """For recipes that train nothing before the cut: a changed penalty would have no effect."""
    if criterion.penalty:
        defaults = inspect.signature(criterion.module.penalty).parameters
        changed = [key for key, value in criterion.penalty.items()
                   if value != defaults[key].default]
        if changed:
            raise ValueError("{}: {} acts in training before a cut, and here is none; remove it"
                             .format(criterion.name, ", ".join(changed)))


def plugin(name: str, folder: str):
    """The module prune/<folder>/<name>.py, imported now."""
    allowed = sorted(path.stem for path in (Path(__file__).parent / folder).glob("*.py")
                     if not path.stem.startswith("_"))
    if name not in allowed:
        close = difflib.get_close_matches(str(name), allowed, n=1)
        raise ValueError("prune/{}/ has no {!r}; it has: {}.{}".format(
            folder, name, ", ".join(allowed),
            " Did you mean {!r}?".format(close[0]) if close else ""))
    return importlib.import_module("prune.{}.{}".format(folder, name))


def settings(module, function: str) -> Tuple[str, ...]:
    """Names of the keyword-only parameters of a module's function; none if it has no such one."""
    if not hasattr(module, function):
        return ()
    parameters = inspect.signature(getattr(module, function)).parameters.values()
    return tuple(each.name for each in parameters if each.kind == each.KEYWORD_ONLY)


def groups(trainer, cut: Cut):
    """The channel groups of the trainer's model now."""
    return find(trainer.model, trainer.example, mode=cut.mode, ignore=tuple(cut.ignore))


def score(trainer, criterion: Method, found, batches: Optional[int] = None) -> Dict:
    """The criterion's scores of groups (or of a mask's weights); charged to the running phase.

    `batches` is the number of training batches to look at, None for the criterion's own.
    """
    module = criterion.module
    if batches is not None and (batches < 1 or not module.BATCHES):
        raise ValueError("{} batches for {}, which looks at {}".format(
            batches, criterion.name, "at least one" if module.BATCHES else "no data"))
    wanted = batches or module.BATCHES
    data = trainer.batches(wanted) if wanted else []
    if hasattr(module, "flops"):
        work = module.flops(trainer.model, found, data, **criterion.scores)
        trainer.charge(work, "{} scores".format(criterion.name))
    return module.scores(trainer.model, found, data, **criterion.scores)


def draw(trainer, criterion: Method, found, cut: Cut, batches: Optional[int] = None) -> Mask:
    """The mask that removes the lowest scores; groups without a score stay whole."""
    return chosen(criterion, score(trainer, criterion, found, batches), found, cut)


def chosen(criterion: Method, scores: Dict, found, cut: Cut) -> Mask:
    """The mask that scores lead to; groups that the criterion could not judge stay whole."""
    judged = [group for group in found if group.name in scores]
    if not judged:
        raise ValueError("{} can judge none of the {} channel groups of this model; choose "
                         "another criterion".format(criterion.name, len(found)))
    mask = select(scores, judged, cut.ratio, scope=cut.scope or criterion.module.SCOPE,
                  min_channels=cut.min_channels, multiple_of=cut.multiple_of)
    for name, flags in whole(found).items():
        mask.setdefault(name, flags)
    if len(judged) < len(found):
        mask.notes += ("{} cannot judge {} of {} channel groups; they stay whole and the ratio "
                       "counts the others".format(criterion.name, len(found) - len(judged),
                                                  len(found)),)
    return mask


def whole(found) -> Mask:
    """The mask that keeps every channel of every group."""
    return Mask({group.name: torch.ones(group.channels, dtype=torch.bool) for group in found})


def cut_to(trainer, criterion: Method, mask: Mask, gone: float, cut: Cut,
           batches: Optional[int] = None) -> Mask:
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


def _still(mask: Mask, pool, gone: float, cut: Cut):
    """Share of a pool's channels that must leave so that `gone` of the mask's are, and a note."""
    left = sum(group.channels for group in pool)
    wanted = int(gone * mask.channels + 1e-9) - (mask.channels - mask.kept)
    able = sum(max(0, group.channels - cut.min_channels) for group in pool)
    note = "" if wanted <= able else (
        "{} channels should leave {}, only {} can: at least {} stay in every group".format(
            wanted, pool[0].name if len(pool) == 1 else "the network", able, cut.min_channels))
    return max(0, min(wanted, able)) / left, note


def apply(trainer, found, mask) -> None:
    """Cuts the trainer's model to the mask; a guard that fired becomes a warning."""
    for sentence in mask.notes:
        trainer.warn(sentence)
    trainer.replace(shrink(trainer.model, trainer.example, found, mask))


def penalty(criterion: Method, found):
    """What the trainer calls between backward and step, None if the criterion adds nothing."""
    if not hasattr(criterion.module, "penalty"):
        return None
    return lambda model: criterion.module.penalty(model, found, **criterion.penalty)


def retrain(trainer, how: str = "full", epochs: Optional[int] = None) -> None:
    """Trains the cut model: "full" repeats the whole learning-rate schedule, "last" keeps its end.

    "last" is the final quarter of a schedule four times as long: with drops at or before 75 % all
    of it runs at the last rate.
    """
    if how not in RETRAIN:
        raise ValueError("no retraining called {!r}; there are: {}".format(how, ", ".join(RETRAIN)))
    epochs = trainer.epochs if epochs is None else epochs
    first, total = (0, epochs) if how == "full" else (3 * epochs, 4 * epochs)
    trainer.train(epochs, first=first, total=total)
