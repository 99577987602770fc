"""Where joules come from, in words: a rail, a fake, an estimate, or nothing."""

from typing import Any, Dict, List, NamedTuple

from edgejoule.reports import load
from edgejoule.reports.words import listed, plain

FAKE, ESTIMATED = "fake power", "estimated power"


class Power(NamedTuple):
    """Where the joules come from, in words; `label` is "" only for measured or missing ones."""

    label: str  # FAKE, ESTIMATED or ""
    words: str
    measured: bool


def power(bundles: load.Bundles, known: bool) -> Power:
    """Where a suite's joules come from; `known` if there are any.

    One fake run makes the whole report a fake one: a reader cannot see which numbers it is in.
    """
    devices = [run.record.device for run in bundles.runs]
    for key, label in (("fake", FAKE), ("estimate", ESTIMATED)):
        found = list(dict.fromkeys(plain(_source(each)) for each in devices if each.get(key)))
        if found:
            return Power(label, listed(found), known)
    if not known:
        return Power("", "not measured: {}".format(listed(_reasons(bundles)) or "no run"), False)
    return Power("", listed(dict.fromkeys(plain(rail(each)) for each in devices)), True)


def rail(device: Dict[str, Any]) -> str:
    """What was measured: "rail VDD_IN (module) of Jetson TX2, mode MAXN"."""
    if not device.get("rail"):
        return "nothing on {}".format(device.get("name"))
    mode = ", mode {}".format(device["power_mode"]) if device.get("power_mode") else ""
    return "rail {} ({}) of {}{}".format(
        device["rail"], device.get("scope"), device.get("name"), mode
    )


def describe(device: Dict[str, Any]) -> str:
    """A device as the power source of one block: fake, estimated, measured or nothing."""
    if device["fake"]:
        return "{}: {}".format(FAKE, device["fake"])
    if device["estimate"]:
        return "{} on {}".format(ESTIMATED, device["name"])
    return "measured: {}".format(rail(device)) if device["rail"] else rail(device)


def label(device: Dict[str, Any]) -> str:
    """What figures say of a device's power: FAKE, ESTIMATED, or "" if nothing need be said."""
    return FAKE if device.get("fake") else ESTIMATED if device.get("estimate") else ""


def label_of(words: str) -> str:
    """FAKE or ESTIMATED, of power that was not measured, in words such as `describe` gives."""
    return FAKE if words.startswith(FAKE) else ESTIMATED


def _source(device: Dict[str, Any]) -> str:
    # of an estimate the reason says by which figure
    return str(device.get("fake") or device.get("reason") or "a figure given by the user")


def _reasons(bundles: load.Bundles) -> List[str]:
    return list(
        dict.fromkeys(reason for run in bundles.runs for reason in run.parts.row["reasons"])
    )
