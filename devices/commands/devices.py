"""Which power sensors answer on this machine: read once, with rails, scope and period."""

import json
from argparse import ArgumentParser, Namespace
from typing import Any, Dict

from edgejoule.devices import conditions, survey

NAMES = 8  # characters of the longest adapter's name; those of several GPUs are longer


def arguments(parser: ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--sysfs", metavar="ROOT", help="where /sys is mounted, if not there")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: Namespace) -> int:
    """Exit code: 0; a machine without a sensor is a finding, not a failure."""
    found = survey.take(sysfs=args.sysfs)
    chosen = survey.preferred(found)
    if args.json:
        print(
            json.dumps(
                {
                    "chosen": chosen or "none",
                    "sensors": found,
                    "conditions": conditions.snapshot(conditions.root_of(args.sysfs)),
                },
                indent=1,
            )
        )
        return 0
    width = max(len(each["adapter"]) for each in found)
    for each in found:
        is_chosen = "info" in each and survey.adapter_of(each["adapter"]) == chosen
        print(text(each, is_chosen, width))
    if not chosen:
        print(
            'no sensor answers: joules will read "not measured"; '
            "--fake-power WATTS plays a number instead, labelled as such"
        )
    return 0


def text(each: Dict[str, Any], is_chosen: bool, width: int = 0) -> str:
    """A survey's finding on one sensor, for a terminal; the chosen one has a star."""
    name = each["adapter"].ljust(max(width, NAMES))
    if "reason" in each:
        return "  {} {}".format(name, survey.without_name(each["adapter"], each["reason"]))
    info = each["info"]
    lines = [
        "{} {} {}: {} ({}), {}".format(
            "*" if is_chosen else " ", name, info["name"], info["rail"], info["scope"], _now(each)
        )
    ]
    if info["calibration"]:
        lines.append("             calibrated: {}".format(info["calibration"]))
    unit = "J" if each["joules"] is not None else "W"
    lines += [
        "             {:24} {:10.3f} {}".format(rail, value, unit)
        for rail, value in sorted(each["rails"].items())
    ]
    return "\n".join(lines + ["             {}".format(note) for note in each["notes"]])


def _now(each: Dict[str, Any]) -> str:
    watts = "" if each["watts"] is None else "{:.2f} W now, ".format(each["watts"])
    return watts + sensing(each["info"])


def sensing(info: Dict[str, Any]) -> str:
    """How a sensor's value comes about and how often it is read, in words; from a DeviceInfo."""
    every = "every {:.3g} s".format(info["period_s"])
    if info["sensing"] == "counter":
        renewed = info["update_s"]
        return "a counter" + (", renewed every {:.3g} ms".format(renewed * 1e3) if renewed else "")
    if info["sensing"] == "average":
        return "averages over {:.3g} s, {}".format(info["window_s"] or info["lag_s"], every)
    return "snapshots, dithered {}".format(every)
