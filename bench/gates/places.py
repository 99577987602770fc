"""Which device and suite of a history are meant, when only one can be. Free of torch."""

from typing import List, Optional, Tuple

from edgejoule import plugins
from edgejoule.bench.history import store


def choose(folder: store.Folder, device: Optional[str], suite: Optional[str]) -> Tuple[str, str]:
    """(device, suite), each the only one there is if it is not named.

    Raises:
        ValueError: there is none, there are several, or the one named is not there.
    """
    nights = store.nights(folder)
    if not nights:
        raise ValueError("{} holds no nights; 'edgejoule nightly SUITE' makes them".format(folder))
    device = _one(
        "device",
        "--device NAME",
        device,
        [each.device for each in nights if suite in (None, each.suite)]
        or [each.device for each in nights],  # nobody ran the suite: that is what to complain of
    )
    return device, _one(
        "suite", "SUITE", suite, [each.suite for each in nights if each.device == device]
    )


def _one(what: str, how: str, asked: Optional[str], there: List[str]) -> str:
    """The one asked for, or the only one there is; `how` is what a user could have said."""
    known = sorted(set(there))
    if asked in known:
        return asked
    if asked is None and len(known) == 1:
        return known[0]
    if asked is None:
        raise ValueError(
            "which {}? There are nights of {}; say {}".format(what, ", ".join(known), how)
        )
    raise ValueError(
        "no nights of {} {!r}; there are some of {}.{}".format(
            what, asked, ", ".join(known), plugins.nearest(asked, known)
        )
    )
