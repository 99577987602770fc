"""Is this machine fit to measure? Reads the sensor in bursts, at rest and under a step of load.

exit codes: 0 fit or fit with warnings, 3 not fit
"""

import json

from edgejoule.devices import choose, health

MARKS = {"ok": "ok    ", "warn": "warn  ", "refuse": "refuse"}


def arguments(parser):
    """Add what the command takes."""
    parser.add_argument("--power", default="auto", metavar="NAME", help="the sensor to examine")
    parser.add_argument("--fake-power", metavar="TRACE_OR_WATTS", help="play this instead")
    parser.add_argument(
        "--seconds",
        type=float,
        default=20.0,
        metavar="S",
        help="how long to watch the machine at rest (default: 20)",
    )
    parser.add_argument("--no-load", action="store_true", help="do not load the processor")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args) -> int:
    """Exit code: 3 if a check refuses."""
    device = choose.open(args.power, fake_power=args.fake_power)
    try:
        found = health.examine(device, args.seconds, not args.no_load)
    finally:
        device.close()
    if args.json:
        print(
            json.dumps(
                {
                    "verdict": health.verdict(found),
                    "info": device.info()._asdict(),
                    "checks": [check._asdict() for check in found],
                },
                indent=1,
            )
        )
    else:
        _print(found)
    return 3 if health.verdict(found) == "refuse" else 0


def _print(found):
    for check in found:
        print("{} {:16} {}".format(MARKS[check.verdict], check.name, check.found))
        if check.mend and check.verdict != "ok":
            print("{:23} mend: {}".format("", check.mend))
    print(
        {
            "ok": "fit to measure",
            "warn": "fit to measure, with the warnings above",
            "refuse": "not fit to measure",
        }[health.verdict(found)]
    )
