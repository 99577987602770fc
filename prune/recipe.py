"""What turns a function into a recipe: flat settings in, the groups of its signature out."""

import functools
from pathlib import Path
from typing import Any, Callable, Dict, Optional

from edgejoule import plugins, signatures
from edgejoule.prune.settings import Choice, Default
from edgejoule.signatures import REQUIRED


def recipe(run: Callable) -> Callable:
    """The function, called with flat settings, whole groups, or a mixture of both.

    Raises:
        ValueError: a setting that the function and its choices do not take.
    """
    path = Path(run.__code__.co_filename)

    @functools.wraps(run)
    def asked(trainer: Any, **options: Any) -> Any:
        known = signatures.parameters(path, run.__name__)
        given, left = _gathered(run, known, options)
        given.update(_chosen(run, known, given, left))
        if left:
            raise ValueError(_unknown(path.stem, known, given, left))
        return run(trainer, **given)

    return asked


def _gathered(run: Callable, known: Dict, options: Dict) -> Any:
    """({parameter: value}, what is left): plain settings and groups; choices come last."""
    given, left = {}, dict(options)
    for name, parameter in known.items():
        if name in left:
            given[name] = left.pop(name)
        elif parameter.base == signatures.GROUP:
            fields = dict(_default(run, name).fields)
            fields.update({key: left.pop(key) for key in parameter.settings if key in left})
            given[name] = _class(run, name)(**_complete(run, parameter, fields))
        elif parameter.base == "" and REQUIRED in parameter.settings.values():
            raise ValueError("{} is missing; it has no default".format(name))
    return given, left


def _complete(run: Callable, parameter: Any, fields: Dict) -> Dict:
    for key, value in parameter.settings.items():
        if value is REQUIRED and key not in fields:
            raise ValueError("{} is missing; it has no default".format(key))
    return fields


def _chosen(run: Callable, known: Dict, given: Dict, left: Dict) -> Dict[str, Optional[Choice]]:
    """The plug-ins that were chosen, each with its own settings taken out of `left`."""
    found: Dict[str, Optional[Choice]] = {}
    for name, parameter in known.items():
        if parameter.base != signatures.CHOICE:
            continue
        wanted = given.get(name, _default(run, name).name)
        if not isinstance(wanted, Choice):
            wanted = wanted or implied(name, found)
            if wanted is None and REQUIRED in parameter.settings.values():
                raise ValueError("{} is missing; it has no default".format(name))
            found[name] = _made(_class(run, name), wanted, left) if wanted else None
        else:
            found[name] = wanted
    return found


def implied(name: str, chosen: Dict[str, Optional[Choice]]) -> Optional[str]:
    """The regularizer that a criterion comes with, where none was named."""
    criterion = chosen.get("criterion")
    if name != "regularizer" or criterion is None:
        return None
    return getattr(criterion.module, "REGULARIZER", None)


def _made(kind: Any, name: str, left: Dict) -> Choice:
    own = plugins.options(kind.KIND, name, kind.FUNCTION)
    return kind(name, **{key: left.pop(key) for key in list(left) if key in own})


def _default(run: Callable, name: str) -> Default:
    value = (run.__kwdefaults__ or {}).get(name)
    return value if isinstance(value, Default) else Default([], {})


def _class(run: Callable, name: str) -> Any:
    """The class that a parameter is annotated with, also within Optional."""
    annotation = run.__annotations__[name]
    inner = [each for each in getattr(annotation, "__args__", ()) or () if each is not type(None)]
    return inner[0] if inner else annotation


def _unknown(name: str, known: Dict, given: Dict, left: Dict) -> str:
    first = next(iter(left))
    chosen = [each for each in given.values() if isinstance(each, Choice)]
    allowed = [key for parameter in known.values() for key in parameter.settings]
    for each in chosen:
        allowed += plugins.options(each.KIND, each.name, each.FUNCTION)
    return "{} has no setting {!r}; it has: {}.{}".format(
        " with ".join([name] + [" and ".join(each.name for each in chosen)] * bool(chosen)),
        first,
        ", ".join(sorted(set(allowed))) or "none",
        plugins.nearest(first, allowed),
    )
