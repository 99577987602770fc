"""Work repeated at shifted moments, so that a sensor that looks part of the time sees all of it.

Nobody can shift the sensor, but the work can wait. Its batches begin at evenly spaced phases of
the sensor's update; together they are what a sensor with as many windows in each update would
have seen. Where that number of windows covers the update evenly, a load in step with the sensor
is measured exactly. The waits are short: each batch takes the phase that comes next.
"""

from math import sqrt
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

from edgejoule.devices.calibration import blind
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Reading

SHIFTS = 8  # at least, of the update: as in arXiv 2312.02741
SWEEPS = 3  # interleaved: their differences say how far the mean can be trusted
STUDENT = 4.303  # 95 %, of the mean of three
BATCH_UPDATES = 4.0  # at least in each batch, or the waits are too large a part
WIDE = 0.1  # of the joules: a bar beyond it makes the status so


class Batch(NamedTuple):
    """When a batch began and ended, and which sweep it is of."""

    begun_s: float
    ended_s: float
    sweep: int


def repeat(
    meter: Meter, body: Callable[[], Any], rest_watts: Optional[float] = None
) -> Tuple[Reading, int]:
    """(Reading, times): `body()` as often as a blind sensor needs; divide by the times.

    The reading leaves the waits out. `rest_watts` is the power while the work waits, if it is
    known; else it is taken to lie between nothing and the mean. With an ordinary sensor this is
    `meter.repeat`.
    """
    info = _blind(meter)
    if info is None or info.window_s is None or info.update_s is None:
        return meter.repeat(body)
    slots = shifts(info.window_s, info.update_s) * SWEEPS
    least_s = max(meter.minimum_seconds() / slots, BATCH_UPDATES * info.update_s)
    batches: List[Batch] = []
    free, times = list(range(slots)), 0
    origin_s = meter.edge()
    while free:
        phase = (meter.clock.now() - origin_s) / info.update_s * slots
        slot = min(free, key=lambda each: (each - phase) % slots)
        free.remove(slot)
        meter.clock.sleep((slot - phase) % slots / slots * info.update_s)
        begun_s = meter.clock.now()
        done = _batch(meter, body, begun_s, least_s, times // max(len(batches), 1))
        times += done
        batches.append(Batch(begun_s, meter.edge(), slot % SWEEPS))
    return _reading(meter, info, batches, rest_watts), times


def shifts(window_s: float, update_s: float) -> int:
    """How many phases of the update: at least `SHIFTS`, and so that whole windows cover it."""
    fits = max(round(update_s / window_s), 1)
    return fits * -(-SHIFTS // fits)


def _blind(meter: Meter) -> Optional[DeviceInfo]:
    """Of the parts that see less than all, the one that sees the least; None without one."""
    found = [each.info for each in meter.samplers]
    found = [info for info in found if blind.is_blind(info.window_s, info.update_s)]
    return min(found, key=_share, default=None)


def _share(info: DeviceInfo) -> float:
    return (info.window_s or 0.0) / (info.update_s or 1.0)


def _batch(
    meter: Meter, body: Callable[[], Any], begun_s: float, least_s: float, times: int
) -> int:
    """The body that many times, the first batch (0) until it lasts long enough; how often."""
    done = 0
    while done < times if times else meter.clock.now() - begun_s < least_s or not done:
        body()
        done += 1
    return done


def _reading(
    meter: Meter, info: DeviceInfo, batches: List[Batch], rest_watts: Optional[float]
) -> Reading:
    """The whole stretch, less the waits in it; the bar from the spread of the sweeps."""
    whole = meter.between(batches[0].begun_s, batches[-1].ended_s)
    if whole.joules is None or whole.uncertainty_joules is None:
        return whole
    worked_s = sum(batch.ended_s - batch.begun_s for batch in batches)
    waited_s, mean_watts = whole.seconds - worked_s, whole.joules / whole.seconds
    rest = mean_watts / 2 if rest_watts is None else rest_watts
    joules = whole.joules - waited_s * rest
    doubt = waited_s * mean_watts / sqrt(12) if rest_watts is None else 0.0
    spread = STUDENT * _spread([_watts(meter, batches, n) for n in range(SWEEPS)]) * worked_s
    own = sqrt(spread**2 + (2 * doubt) ** 2)
    scale = sqrt(max(whole.uncertainty_joules**2 - (whole.repeatability_joules or 0.0) ** 2, 0.0))
    bar, status = sqrt(own**2 + scale**2), whole.status
    if status in ("ok", "wide"):
        status = "wide" if bar > WIDE * joules else "ok"
    told = "the work began at {} phases of a sensor that {}".format(
        len(batches), blind.sentence(info.window_s or 0.0, info.update_s or 0.0)
    )
    return whole._replace(
        seconds=worked_s,
        joules=joules,
        uncertainty_joules=bar,
        repeatability_joules=own,
        status=status,
        reason=told,
    )


def _watts(meter: Meter, batches: List[Batch], sweep: int) -> float:
    """Mean power of one sweep's batches, W."""
    mine = [batch for batch in batches if batch.sweep == sweep]
    joules = sum(meter.between(each.begun_s, each.ended_s).joules or 0.0 for each in mine)
    return joules / sum(each.ended_s - each.begun_s for each in mine)


def _spread(means: List[float]) -> float:
    """Standard error of the mean of several means."""
    middle = sum(means) / len(means)
    return sqrt(sum((each - middle) ** 2 for each in means) / (len(means) - 1) / len(means))
