"""Compare the board's sensor with a bench meter: gain, offset and lag, kept for every later run.

Both are recorded at once while the processor climbs and descends a staircase of load. What is
found is applied from then on, and stands in every record. Nothing is kept of a comparison that
is stopped or not good enough.

as in:
  edgejoule calibrate --against external:/dev/ttyUSB0
  edgejoule calibrate --against external:tcp:bench:5000 --power ina3221:board --rounds 6
  edgejoule calibrate --against external:meter.csv --dry-run
  edgejoule calibrate --show

exit codes: 0 stored (shown, forgotten, planned), 1 not good enough, 3 no sensor or no meter,
4 not understood, 130 stopped
"""

import datetime
import json
import sys
from argparse import ArgumentParser, Namespace
from typing import Any, Dict, List, Optional, Tuple

from edgejoule.devices import choose, several
from edgejoule.devices.calibration import fit, known, outcome, recording, store
from edgejoule.devices.calibration.progress import Progress
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device

ROUNDS = 4


def arguments(parser: ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "--against", metavar="NAME", help="the meter to compare with, as external:/dev/ttyUSB0"
    )
    parser.add_argument(
        "--power", default="auto", metavar="NAME", help="the sensor to calibrate (default: auto)"
    )
    parser.add_argument(
        "--hold",
        type=float,
        metavar="S",
        help="seconds at each level of load (default: {:g}, more for slow devices)".format(
            recording.LEAST_HOLD_S
        ),
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=ROUNDS,
        metavar="N",
        help="how often the load climbs and descends (default: {})".format(ROUNDS),
    )
    parser.add_argument(
        "--meter-percent",
        type=float,
        metavar="P",
        help="the meter's own standard uncertainty in percent (default: what it is assumed to be)",
    )
    parser.add_argument("--dry-run", action="store_true", help="the plan; nothing is loaded")
    parser.add_argument("--show", action="store_true", help="list what is stored")
    parser.add_argument("--forget", metavar="FILE", help="remove what --show lists by this name")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: Namespace, clock: Clock = MACHINE) -> int:
    """Exit code: 0 if a calibration was stored, or what was asked for instead was done."""
    if args.show or args.forget:
        return _stored(args)
    _check(args)
    try:
        opened = _opened(args, clock)
        if opened is None:
            return 3
        try:
            return _calibrate(args, opened[0], opened[1], clock)
        finally:
            _close(list(opened))
    except KeyboardInterrupt:
        print("calibrate: stopped; nothing was stored", file=sys.stderr)
        return 130


def _check(args: Namespace) -> None:
    """Raise ValueError for what cannot be meant."""
    if not args.against:
        raise ValueError(
            "calibrate: asked for no meter; name it with --against, as in "
            "edgejoule calibrate --against external:/dev/ttyUSB0"
        )
    if args.hold is not None and not args.hold >= 1.0:
        raise ValueError("calibrate: --hold {:g} s; it must be 1 or more".format(args.hold))
    if args.rounds < 1:
        raise ValueError("calibrate: --rounds {}; it must be 1 or more".format(args.rounds))
    if args.meter_percent is not None and not args.meter_percent >= 0.0:
        raise ValueError(
            "calibrate: --meter-percent {:g}; it must be 0 or more".format(args.meter_percent)
        )


def _opened(args: Namespace, clock: Clock) -> Optional[Tuple[Device, Device]]:
    """(meter, sensor), raw; None once it was said why one of them is not there."""
    found: List[Device] = []
    try:
        for name in (args.against, args.power):
            found.append(choose.open(name, clock=clock, calibrated=False))
            _one_real(found[-1])
        return found[0], found[1]
    except (RuntimeError, OSError) as error:
        print("calibrate: {}".format(error), file=sys.stderr)
    except ValueError:
        _close(found)
        raise
    _close(found)
    return None


def _close(devices: List[Device]) -> None:
    for device in devices:
        device.close()


def _one_real(device: Device) -> None:
    """Raise what a device that cannot be compared is: absent, not real, or several."""
    info = device.info()
    if info.reason is not None:
        raise RuntimeError("no sensor: {}".format(info.reason))
    if info.fake or info.estimate:
        raise ValueError(
            "calibrate: {} is not real ({}); name a sensor and a meter".format(
                info.adapter, info.fake or "an estimate"
            )
        )
    if len(several.parts(device)) > 1:
        raise ValueError(
            "calibrate: {} are several sensors; calibrate one at a time".format(info.adapter)
        )


def _calibrate(args: Namespace, meter: Device, sensor: Device, clock: Clock) -> int:
    planned = recording.plan(meter.info(), sensor.info(), args.hold, args.rounds)
    document: Dict[str, Any] = {
        "sensor": sensor.info()._asdict(),
        "against": meter.info()._asdict(),
        "plan": planned._asdict(),
        "stored": None,
        "reason": None,
    }
    if args.dry_run:
        return _told(args, document, _plan_text(planned, meter, sensor), 0)
    store.prepare()
    print(_plan_text(planned, meter, sensor), file=sys.stderr)
    with Progress(planned, clock) as progress:
        recorded = recording.both(meter, sensor, planned, clock, progress.begin)
    document["warnings"] = recorded.warnings
    try:
        found = _compared(recorded, meter, sensor)
    except RuntimeError as error:
        return _told(args, _refused(document, str(error)), "", 1)
    document["fit"] = found._asdict()
    reason = outcome.shortcoming(found)
    if reason is not None:
        return _told(args, _refused(document, reason), "", 1)
    today = datetime.date.fromtimestamp(clock.wall()).isoformat()
    facts = outcome.facts(found, meter.info(), sensor.info(), today, args.meter_percent)
    document["facts"] = facts
    document["stored"] = store.save(sensor.info(), facts, serial=known.serial_of(sensor))
    return _told(args, document, outcome.text(found, facts, document["stored"]), 0)


def _compared(recorded: recording.Recorded, meter: Device, sensor: Device) -> fit.Fit:
    """The fit, its lag from the power itself: the meter's own, as far as it is known, is added."""
    names = (meter.info().adapter, sensor.info().adapter)
    if names[0] == names[1]:
        names = ("the meter", "the sensor")
    found = fit.compare(recorded.reference, recorded.sensor, recorded.steps, recorded.end_s, names)
    late = meter.info().lag_s
    if found.lag_s is None or not late:
        return found
    return found._replace(lag_s=fit.Quantity(*[each + late for each in found.lag_s]))


def _refused(document: Dict[str, Any], reason: str) -> Dict[str, Any]:
    return dict(document, reason=reason)


def _told(args: Namespace, document: Dict[str, Any], text: str, code: int) -> int:
    """The exit code, once the findings are printed."""
    if args.json:
        print(json.dumps(document, indent=1))
    elif code == 0:
        print(text)
    if code:
        print("calibrate: {}; nothing was stored".format(document["reason"]), file=sys.stderr)
    return code


def _plan_text(planned: recording.Plan, meter: Device, sensor: Device) -> str:
    info, bench = sensor.info(), meter.info()
    return (
        "calibrate: {} of {} ({}) against {}:{}; {} of {} levels of {:.3g} s each, "
        "{} in all; the processor is loaded, so let nothing else run".format(
            info.rail,
            info.name,
            info.adapter,
            bench.adapter,
            bench.name,
            "1 round" if planned.rounds == 1 else "{} rounds".format(planned.rounds),
            len(recording.LEVELS),
            planned.hold_s,
            minutes(planned.seconds),
        )
    )


def minutes(seconds: float) -> str:
    """A length of time in words."""
    whole = int(round(seconds))
    return "{} s".format(whole) if whole < 60 else "{} min {} s".format(*divmod(whole, 60))


def _stored(args: Namespace) -> int:
    """List what is stored, or remove one of it."""
    if args.forget:
        path = store.forget(args.forget)
        print(json.dumps({"forgotten": path}) if args.json else "forgotten: {}".format(path))
        return 0
    found = store.listed()
    if args.json:
        print(json.dumps({"folder": store.home(), "calibrations": found}, indent=1))
        return 0
    for each in found:
        print(_entry(each))
    if not found:
        print("nothing is stored in {}".format(store.home()))
    return 0


def _entry(each: Dict[str, Any]) -> str:
    if "trouble" in each:
        return each["trouble"]
    stem = each["path"].replace("\\", "/").rsplit("/", 1)[-1][: -len(".json")]
    words = known.sentence(each["facts"]) or "nothing that is applied"
    return "{}  {}: {}\n    {}".format(stem, each["sensor"]["name"], each["sensor"]["rail"], words)
