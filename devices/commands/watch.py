"""Live watts and temperatures in this terminal, until Ctrl-C.

Where standard output is no terminal, one line a look; with --json one JSON document a line, the
first of which describes the device. --prometheus serves the same numbers to Prometheus.
"""

import signal
import sys
from argparse import ArgumentParser, Namespace
from contextlib import contextmanager, suppress
from functools import partial
from typing import Callable, Iterator, Optional, Tuple

from edgejoule.devices import choose, conditions
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.exports import metrics_server
from edgejoule.devices.live import settings, stream
from edgejoule.devices.live.looks import Look, looks
from edgejoule.devices.live.terminal import Terminal, is_drawable
from edgejoule.devices.live.totals import Totals
from edgejoule.devices.meter import Meter

NOTHING = 3  # exit code: nothing was measured
SYSFS = "/sys"


def arguments(parser: ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--power", default="auto", metavar="NAME", help="the sensor to read")
    parser.add_argument("--fake-power", metavar="TRACE_OR_WATTS", help="play this instead")
    parser.add_argument(
        "--sysfs",
        metavar="ROOT",
        help="read sensors and temperatures there, such as the host's /sys in a container "
        "(default: {})".format(SYSFS),
    )
    parser.add_argument(
        "--interval",
        type=settings.interval,
        default=1.0,
        metavar="S",
        help="seconds between looks (default: 1)",
    )
    parser.add_argument(
        "--seconds", type=settings.duration, metavar="S", help="stop after that long"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document a line")
    parser.add_argument(
        "--prometheus",
        type=settings.port,
        metavar="PORT",
        help="serve {} there as well; 0 takes a free port".format(metrics_server.PATH),
    )
    parser.add_argument(
        "--bind",
        metavar="ADDRESS",
        help="of --prometheus (default: {}, this machine alone)".format(metrics_server.LOCAL),
    )


def run(args: Namespace, clock: Clock = MACHINE) -> int:
    """Exit code: 0, also when it is stopped, or 3 if there is nothing to watch."""
    if args.bind is not None and args.prometheus is None:
        raise ValueError(
            "watch: asked to bind to {!r}, but nothing is served; add --prometheus PORT, or "
            "leave --bind out".format(args.bind)
        )
    with _ended_by_signals():
        metrics = None
        if args.prometheus is not None:  # before the sensor, whose driver may take its time
            metrics = metrics_server.Metrics(args.prometheus, args.bind or metrics_server.LOCAL)
        try:
            return _opened(args, clock, metrics)
        finally:
            if metrics:
                metrics.close()
    return 0


def _opened(args: Namespace, clock: Clock, metrics: Optional[metrics_server.Metrics]) -> int:
    device = choose.open(args.power, fake_power=args.fake_power, clock=clock, sysfs=args.sysfs)
    try:
        if device.info().reason is not None:
            print("nothing to watch: {}".format(device.info().reason), file=sys.stderr)
            return NOTHING
        _watch(args, device, clock, metrics)
        return 0
    finally:
        device.close()


def _watch(
    args: Namespace, device: Device, clock: Clock, metrics: Optional[metrics_server.Metrics]
) -> None:
    """Show every look, and publish the sums of all."""
    totals = Totals(device.info())
    with Meter(device, clock=clock) as meter, _shown(args, meter, metrics) as (show, pause):
        celsius = partial(conditions.zones, args.sysfs or SYSFS)
        if metrics:
            metrics.publish(totals.families())
        for look in looks(meter, args.interval, args.seconds, celsius, pause):
            totals.add(look)
            if metrics:
                metrics.publish(totals.families())
            show(look)


@contextmanager
def _shown(
    args: Namespace, meter: Meter, metrics: Optional[metrics_server.Metrics]
) -> Iterator[Tuple[Callable[[Look], None], Callable[[float], None]]]:
    """(what shows a look, what waits for a moment), for where standard output goes."""
    url, out = metrics.url if metrics else None, sys.stdout
    if is_drawable(out) and not args.json:
        terminal = Terminal(out, meter.info, meter.clock, url)
        with terminal.heeding_signals():
            terminal.draw(None)
            try:
                yield terminal.draw, terminal.pause
            finally:
                terminal.close()
        return
    if url:  # on stderr: stdout may be read by a program
        print("edgejoule: metrics at {}".format(url), file=sys.stderr, flush=True)
    stream.write(stream.json_head(meter.info) if args.json else stream.head(meter.info), out)
    line = stream.json_line if args.json else stream.line
    yield (
        lambda look: stream.write(line(look), out),
        lambda deadline_s: meter.clock.sleep(deadline_s - meter.clock.now()),
    )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Makes Ctrl-C and SIGTERM end the block, quietly and with everything closed."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    kept = signal.signal(signal.SIGTERM, end)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, kept)
