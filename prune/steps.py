"""The steps that recipes compose: load a method, score, penalise, retrain."""

import difflib
import importlib
import inspect
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Tuple

RETRAIN = ("full", "last")


class Method(NamedTuple):
    """A criterion with its settings, sorted by the function they belong to."""

    name: str
    module: Any
    scores: Dict
    penalty: Dict


def method(name: str, options: Dict, folder: str = "criteria") -> Method:
    """The criterion of that name; a setting that none of its functions takes is an error."""
    module = plugin(name, folder)
    known = {which: settings(module, which) for which in ("scores", "penalty")}
    for option in options:
        if not any(option in each for each in known.values()):
            allowed = sorted({each for group in known.values() for each in group})
            raise ValueError(
                "{} has no setting {!r}; it has: {}".format(
                    name, option, ", ".join(allowed) or "none"
                )
            )
    chosen = {
        which: {key: value for key, value in options.items() if key in allowed}
        for which, allowed in known.items()
    }
    if hasattr(module, "check"):
        module.check(**chosen["scores"])
    return Method(name, module, chosen["scores"], chosen["penalty"])


def refuse_penalty(criterion: Method) -> None:
    """For recipes that train nothing before the cut: a changed penalty would have no effect."""
    if criterion.penalty:
        defaults = inspect.signature(criterion.module.penalty).parameters
        changed = [
            key for key, value in criterion.penalty.items() if value != defaults[key].default
        ]
        if changed:
            raise ValueError(
                "{}: {} acts in training before a cut, and here is none; remove it".format(
                    criterion.name, ", ".join(changed)
                )
            )


def plugin(name: str, folder: str):
    """The module prune/<folder>/<name>.py, imported now."""
    allowed = sorted(
        path.stem
        for path in (Path(__file__).parent / folder).glob("*.py")
        if not path.stem.startswith("_")
    )
    if name not in allowed:
        close = difflib.get_close_matches(str(name), allowed, n=1)
        raise ValueError(
            "prune/{}/ has no {!r}; it has: {}.{}".format(
                folder,
                name,
                ", ".join(allowed),
                " Did you mean {!r}?".format(close[0]) if close else "",
            )
        )
    return importlib.import_module("edgejoule.prune.{}.{}".format(folder, name))


def settings(module, function: str) -> Tuple[str, ...]:
    """Names of the keyword-only parameters of a module's function; none if it has no such one."""
    if not hasattr(module, function):
        return ()
    parameters = inspect.signature(getattr(module, function)).parameters.values()
    return tuple(each.name for each in parameters if each.kind == each.KEYWORD_ONLY)


def score(trainer, criterion: Method, found, batches: Optional[int] = None) -> Dict:
    """The criterion's scores of groups (or of a mask's weights); charged to the running phase.

    `batches` is the number of training batches to look at, None for the criterion's own.
    """
    module = criterion.module
    if batches is not None and (batches < 1 or not module.BATCHES):
        raise ValueError(
            "{} batches for {}, which looks at {}".format(
                batches, criterion.name, "at least one" if module.BATCHES else "no data"
            )
        )
    wanted = batches or module.BATCHES
    data = trainer.batches(wanted) if wanted else []
    if hasattr(module, "flops"):
        work = module.flops(trainer.model, found, data, **criterion.scores)
        trainer.charge(work, "{} scores".format(criterion.name))
    return module.scores(trainer.model, found, data, **criterion.scores)


def penalty(criterion: Method, found):
    """What the trainer calls between backward and step, None if the criterion adds nothing."""
    if not hasattr(criterion.module, "penalty"):
        return None
    return lambda model: criterion.module.penalty(model, found, **criterion.penalty)


def check_retrain(how: str, epochs: Optional[int] = None) -> None:
    """Refuses a way of retraining that does not exist, before anything is trained."""
    if how not in RETRAIN:
        raise ValueError("no retraining called {!r}; there are: {}".format(how, ", ".join(RETRAIN)))
    if epochs is not None and epochs < 0:
        raise ValueError("retrain_epochs={!r}; epochs start at 0".format(epochs))


def retrain(trainer, how: str = "full", epochs: Optional[int] = None) -> None:
    """Trains the cut model: "full" repeats the whole learning-rate schedule, "last" keeps its end.

    "last" is the final quarter of a schedule four times as long: with drops at or before 75 % all
    of it runs at the last rate.
    """
    epochs = trainer.epochs if epochs is None else epochs
    first, total = (0, epochs) if how == "full" else (3 * epochs, 4 * epochs)
    trainer.train(epochs, first=first, total=total)
