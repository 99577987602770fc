"""Where joules come from, in words: a rail, a fake, an estimate, or nothing."""

from typing import NamedTuple

from edgejoule.reports.words import listed, plain


class Power(NamedTuple):
    """Where the joules come from, in words; `label` is "" only for measured or missing ones."""

    label: str  # "fake power", "estimated power" or ""
    words: str
    measured: bool


def power(bundles, known: bool) -> Power:
    """Where a suite's joules come from. One fake run makes the whole report a fake one."""
    devices = [run.record.device for run in bundles.runs]
    for key, label in (("fake", "fake power"), ("estimate", "estimated power")):
        found = list(dict.fromkeys(plain(_source(each)) for each in devices if each.get(key)))
        if found:
            return Power(label, listed(found), known)
    if not known:
        return Power("", "not measured: {}".format(listed(_reasons(bundles)) or "no run"), False)
    return Power("", listed(dict.fromkeys(plain(rail(each)) for each in devices)), True)


def rail(device) -> str:
    """What was measured: "rail VDD_IN (module) of Jetson TX2, mode MAXN"."""
    if not device.get("rail"):
        return "nothing on {}".format(device.get("name"))
    mode = ", mode {}".format(device["power_mode"]) if device.get("power_mode") else ""
    return "rail {} ({}) of {}{}".format(
        device["rail"], device.get("scope"), device.get("name"), mode
    )


def words(device) -> str:
    """A device as the power source of one block: fake, estimated, measured or nothing."""
    if device["fake"]:
        return "fake power: {}".format(device["fake"])
    if device["estimate"]:
        return "estimated power on {}".format(device["name"])
    return "measured: {}".format(rail(device)) if device["rail"] else rail(device)


def _source(device) -> str:
    return str(device.get("fake") or device.get("reason") or "a figure given by the user")


def _reasons(bundles):
    return list(
        dict.fromkeys(reason for run in bundles.runs for reason in run.parts.row["reasons"])
    )
