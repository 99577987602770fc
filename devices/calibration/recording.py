"""Two devices recorded at once while a staircase of load runs."""

from typing import Any, Callable, List, NamedTuple, Optional

from edgejoule.devices.calibration import staircase
from edgejoule.devices.calibration.plateaus import Step
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo
from edgejoule.devices.trace import PowerTrace

# Up as often as down, so that heat left over from the step before is no slope; nothing but high
# steps, for on a low one the lag drowns in noise; three levels, so that a bend shows.
LEVELS = (0.0, 0.5, 1.0, 0.0, 1.0, 0.5)
LEAST_HOLD_S, HOLD_LAGS, HOLD_PERIODS = 6.0, 14.0, 20.0
# The rounds differ in length: with equal ones every edge could fall at the same place between
# two samples, and the lag would be wrong by as much each time.
STRETCH, GOLDEN = 0.1, 0.618034
FINEST_S = 0.05  # between samples of a sensor: what dates an edge to a few milliseconds
SLOW_S = 0.1  # a sensor that asks for longer pauses has nothing new in between
TAIL_S = 1.0  # of recording after the last step, for a meter that tells late


class Plan(NamedTuple):
    """How long each level is held, how often the staircase runs, and the seconds of it all."""

    hold_s: float
    rounds: int
    seconds: float


class Recorded(NamedTuple):
    """Both traces in watts, the moments of the steps, when the last one ended, both's warnings."""

    reference: PowerTrace
    sensor: PowerTrace
    steps: List[Step]
    end_s: float
    warnings: List[str]


def plan(reference: DeviceInfo, sensor: DeviceInfo, hold_s: Optional[float], rounds: int) -> Plan:
    """What two devices need: at least six seconds a level, longer if they are slow."""
    slowest = max(reference.period_s or 0.0, sensor.period_s or 0.0, sensor.update_s or 0.0)
    needed = max(
        LEAST_HOLD_S, HOLD_LAGS * sensor.lag_s, HOLD_LAGS * reference.lag_s, HOLD_PERIODS * slowest
    )
    hold = needed if hold_s is None else hold_s
    return Plan(hold, rounds, sum(len(LEVELS) * each for each in holds(hold, rounds)) + TAIL_S)


def holds(hold_s: float, rounds: int) -> List[float]:
    """Seconds that every level of a round is held, by round."""
    return [hold_s * (1.0 + STRETCH * ((n * GOLDEN) % 1.0)) for n in range(rounds)]


def both(
    reference: Device,
    sensor: Device,
    planned: Plan,
    clock: Clock = MACHINE,
    begin: Callable[[int], Any] = lambda number: None,
) -> Recorded:
    """The two devices over the planned staircase; `begin(number)` is called before each round."""
    steps: List[Step] = []
    own = Meter(sensor, period_s=_period_s(sensor.info()), clock=clock)
    with Meter(reference, clock=clock) as bench, own as meter:
        for number, hold in enumerate(holds(planned.hold_s, planned.rounds)):
            begin(number)
            steps += staircase.climb(clock=clock, levels=LEVELS, hold_s=hold)
        end_s = clock.now()
        clock.sleep(TAIL_S)
        warnings = bench.warnings() + meter.warnings()
        return Recorded(bench.trace(), meter.trace(), steps, end_s, warnings)


def _period_s(info: DeviceInfo) -> Optional[float]:
    """Seconds between samples: often enough to date an edge; None for what the sensor asks."""
    if info.period_s is None or info.period_s > SLOW_S:
        return None
    return min(info.period_s, FINEST_S)
