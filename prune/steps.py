"""The steps that recipes compose: load a criterion, score, draw a mask, cut, retrain."""
import difflib
import importlib
import inspect
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Tuple

import torch

from prune.groups import find
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


def score(trainer, criterion: Method, found) -> Dict:
    """The criterion's scores of the groups; its work is charged to the running phase."""
    module = criterion.module
    batches = trainer.batches(module.BATCHES) if module.BATCHES else []
    if hasattr(module, "flops"):
        work = module.flops(trainer.model, found, batches, **criterion.scores)
        trainer.charge(work, "{} scores".format(criterion.name))
    return module.scores(trainer.model, found, batches, **criterion.scores)


def draw(trainer, criterion: Method, found, cut: Cut):
    """The mask that removes the lowest scores; groups without a score stay whole."""
    scores = score(trainer, criterion, found)
    judged = [group for group in found if group.name in scores]
    if not judged:
        raise ValueError("{} can judge none of the {} channel groups of this model; choose "
                         "another criterion".format(criterion.name, len(found)))
    mask = select(scores, judged, cut.ratio, scope=cut.scope or criterion.module.SCOPE,
                  min_channels=cut.min_channels, multiple_of=cut.multiple_of)
    for group in found:
        mask.setdefault(group.name, torch.ones(group.channels, dtype=torch.bool))
    return mask


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
