"""Live watts and temperatures in this terminal, until Ctrl-C."""

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from typing import Any, Dict, Iterable, Iterator, List, Optional

from edgejoule.devices import choose, conditions
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Reading

BAR = 30  # characters of the longest bar
UP, CLEAR = "\x1b[{}A", "\x1b[J"  # of a terminal: up so many lines, clear what is below


def arguments(parser: ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--power", default="auto", metavar="NAME", help="the sensor to read")
    parser.add_argument("--fake-power", metavar="TRACE_OR_WATTS", help="play this instead")
    parser.add_argument(
        "--interval",
        type=float,
        default=1.0,
        metavar="S",
        help="seconds between lines (default: 1)",
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after that long")
    parser.add_argument(
        "--json", action="store_true", help="one JSON document at the end; needs --seconds"
    )


def run(args: Namespace) -> int:
    """Exit code: 0, or 3 if there is nothing to watch."""
    if not args.interval > 0:
        raise ValueError(
            "watch: asked for {!r} s between lines; it must be more than 0".format(args.interval)
        )
    if args.json and not args.seconds:
        raise ValueError("watch: --json prints at the end; say when that is with --seconds S")
    device = choose.open(args.power, fake_power=args.fake_power)
    if device.info().reason is not None:
        print("nothing to watch: {}".format(device.info().reason), file=sys.stderr)
        return 3
    try:
        with Meter(device) as meter:
            looks = _looks(meter, args.interval, args.seconds)
            if args.json:
                print(json.dumps({"device": meter.info._asdict(), "looks": list(looks)}, indent=1))
            else:
                _show(meter.info, looks)
    except KeyboardInterrupt:
        pass
    finally:
        device.close()
    return 0


def _looks(meter: Meter, interval: float, seconds: Optional[float]) -> Iterator[Dict[str, Any]]:
    """One dictionary every `interval` seconds: mean watts since the last, rails, temperatures."""
    begun = last = time.monotonic()
    while seconds is None or last - begun < seconds - 1e-3:
        # From the last look on, not from now: what a look takes must not add up.
        time.sleep(max(last + interval - time.monotonic(), 0.0))
        now = time.monotonic()
        reading = meter.between(last, now)
        yield {
            "seconds": now - begun,
            "watts": _per_second(reading.joules, now - last),
            "rails": {
                name: _per_second(joules, now - last) for name, joules in reading.rails.items()
            },
            "celsius": conditions.celsius(),
            "reason": _failure(reading),
        }
        last = now


def _failure(reading: Reading) -> Optional[str]:
    return reading.reason if reading.status in ("invalid", "degraded") else None


def _per_second(joules: Optional[float], seconds: float) -> Optional[float]:
    return None if joules is None else joules / seconds


def _show(info: DeviceInfo, looks: Iterable[Dict[str, Any]]) -> None:
    """Redraws on a terminal, prints one line a look elsewhere."""
    print(
        "{}: {} of {}{}".format(
            info.adapter, info.rail, info.name, ", NOT REAL: " + info.fake if info.fake else ""
        )
    )
    drawn, top = 0, 1e-9  # more than 0, for a bar is a share of the highest watts so far
    for look in looks:
        top = max([top, look["watts"] or 0.0])
        lines = _block(look, top) if sys.stdout.isatty() else [_line(look)]
        if sys.stdout.isatty() and drawn:  # over the last block, so that it stands still
            sys.stdout.write(UP.format(drawn) + CLEAR)
        print("\n".join(lines), flush=True)
        drawn = len(lines)


def _line(look: Dict[str, Any]) -> str:
    hottest = max(look["celsius"].values()) if look["celsius"] else None
    return "{:8.1f} s  {}  {}{}".format(
        look["seconds"],
        _watts(look["watts"]),
        "" if hottest is None else "{:.1f} C".format(hottest),
        "  " + look["reason"] if look["reason"] else "",
    ).rstrip()


def _block(look: Dict[str, Any], top: float) -> List[str]:
    lines = ["{:20} {} {}".format("total", _watts(look["watts"]), _bar(look["watts"], top))]
    lines += [
        "{:20} {} {}".format(name[:20], _watts(watts), _bar(watts, top))
        for name, watts in sorted(look["rails"].items())
    ]
    zones = ["{} {:.1f} C".format(name, degrees) for name, degrees in look["celsius"].items()]
    return (
        lines + ([", ".join(zones)] if zones else []) + ([look["reason"]] if look["reason"] else [])
    )


def _watts(watts: Optional[float]) -> str:
    return "not measured" if watts is None else "{:10.2f} W".format(watts)


def _bar(watts: Optional[float], top: float) -> str:
    return "#" * int(round(BAR * max(watts or 0.0, 0.0) / top))
