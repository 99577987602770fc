"""State dicts as they lie in people's checkpoints: under a key, or with a prefix on every name."""

from typing import Any, Collection, Dict, List, Tuple

import torch

# what DataParallel, torch.compile and Lightning put in front of a model's names
PREFIXES = ("module.", "_orig_mod.", "model.")
COUNTER = "n_averaged"  # how many models an average holds, beside its weights

State = Dict[str, torch.Tensor]


def entry(found: Any, path: str, key: str) -> State:
    """The state dict under a key of a checkpoint, dotted where it lies deeper.

    Raises:
        ValueError: there is none; the sentence names the keys that hold one.
    """
    inner = found
    for word in key.split("."):
        inner = inner.get(word) if isinstance(inner, dict) else None
    if not is_state(inner):
        raise ValueError("{!r} holds no state dict under {!r}; {}".format(path, key, _offer(found)))
    return inner


def none_found(found: Any, path: str) -> str:
    """What to say of a checkpoint in which no state dict was found by itself."""
    return "{!r} holds no state dict; save model.state_dict(), or {}".format(path, _offer(found))


def is_state(value: Any) -> bool:
    """Whether a value of a checkpoint is a state dict: names and tensors, nothing else."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(item, torch.Tensor) for item in value.values())
    )


def _offer(found: Any) -> str:
    """Which keys to choose from."""
    keys = _keys(found)
    if keys:
        return "choose one of these with --key (in Python: key=): {}".format(", ".join(keys))
    names = sorted(map(str, found)) if isinstance(found, dict) else []
    return "it has: {}".format(", ".join(names[:8]) or "nothing by name")


def _keys(found: Any, lead: str = "") -> List[str]:
    """Dotted keys of everything in a checkpoint that could be a state dict."""
    result: List[str] = []
    for key, value in found.items() if isinstance(found, dict) else ():
        if is_state(value):
            result.append(lead + str(key))
        else:
            result.extend(_keys(value, "{}{}.".format(lead, key)))
    return result


def fitted(state: State, names: Collection[str]) -> Tuple[State, str]:
    """The state dict without the prefixes that a model's names lack, and what was taken off."""
    off = ""
    while True:
        rest = {key: value for key, value in state.items() if key != COUNTER or key in names}
        prefix = _prefix(rest, names)
        if not prefix:
            return state if not off else rest, off
        state, off = {key[len(prefix) :]: value for key, value in rest.items()}, off + prefix


def _prefix(state: State, names: Collection[str]) -> str:
    """A prefix of every name in a state dict, and not of the model's; "" if there is none."""
    for prefix in PREFIXES:
        ours = [name.startswith(prefix) for name in names]
        if state and all(name.startswith(prefix) for name in state) and not all(ours):
            return prefix
    return ""
