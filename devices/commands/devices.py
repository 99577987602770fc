"""Which power sensors answer on this machine: read once, with rails, scope and period."""

import json
from argparse import ArgumentParser, Namespace
from typing import Any, Dict

from edgejoule.devices import choose, conditions


def arguments(parser: ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: Namespace) -> int:
    """Exit code: 0; a machine without a sensor is a finding, not a failure."""
    found = choose.survey()
    chosen = [each["adapter"] for each in found if "info" in each][:1]
    if args.json:
        print(
            json.dumps(
                {
                    "chosen": chosen[0] if chosen else "none",
                    "sensors": found,
                    "conditions": conditions.snapshot(),
                },
                indent=1,
            )
        )
        return 0
    for each in found:
        print(text(each, each["adapter"] in chosen))
    if not chosen:
        print(
            'no sensor answers: joules will read "not measured"; '
            "--fake-power WATTS plays a number instead, labelled as such"
        )
    return 0


def text(each: Dict[str, Any], is_chosen: bool) -> str:
    """A survey's finding on one sensor, for a terminal; the chosen one has a star."""
    if "reason" in each:
        return "  {:8} {}".format(
            each["adapter"], choose.without_name(each["adapter"], each["reason"])
        )
    info = each["info"]
    lines = [
        "{} {:8} {}: {} ({}), {}, every {:.3g} s".format(
            "*" if is_chosen else " ",
            each["adapter"],
            info["name"],
            info["rail"],
            info["scope"],
            _now(each),
            info["period_s"],
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
    return "a counter" if each["watts"] is None else "{:.2f} W now".format(each["watts"])
