"""Virtual sensors that go wrong, each in a way that was reported, and their window's reading."""

import tempfile
from typing import Callable, Dict, List, Optional

from edgejoule.devices.adapters import rapl
from edgejoule.devices.clock import Clock
from edgejoule.devices.energy import window
from edgejoule.devices.proof import codecarbon, counter_wrap, virtual_time
from edgejoule.devices.proof.synthetic import Pattern, Register, constant
from edgejoule.devices.reading import DeviceInfo, Reading, Sample

START_S, SECONDS = 300.0, 60.0
END_S, MIDDLE_S = START_S + SECONDS, START_S + SECONDS / 2
PERIOD_S, UPDATE_S = 0.1, 0.1
BOARD_W, BOARD_LIMIT_W = 4.4, 45.0  # three times the 15 W that such a board may draw
FULL_SCALE_W = 163.8  # of an INA3221 over 10 mOhm
UNKNOWN_W = 0xFFFFFFFF * 1e-3  # NVML's "no value", in milliwatts
CHIP_W, BEFORE_J = 2.0, 1000.0  # 120 J in the window; what the register shows at its start
SHARE_COUNTED = 0.57
# The power in a counter's hole is another than round it, so that only the counter knows it.
HOLE_S, AROUND_W, INSIDE_W = 4.0, 8.0, 20.0
HOLED = Pattern([(20.0, AROUND_W), (HOLE_S, INSIDE_W), (START_S - 20.0 - HOLE_S, AROUND_W)])
INSIDE = (START_S + 20.0, START_S + 20.0 + HOLE_S)  # a cycle of the pattern lasts START_S
EDGE_HOLE_S = 2.0
AT_END = (END_S - EDGE_HOLE_S, END_S + 1.0)
STALE_S = 1.0  # a value of a moment so long before a hole is no newer than what is known

BOARD_J = constant(BOARD_W).joules(SECONDS)
HOLED_J = HOLED.joules(END_S) - HOLED.joules(START_S)

Source = Callable[[float], Sample]


def reading(source: Source, info: DeviceInfo) -> Reading:
    """The window's reading of such a sensor."""
    found = virtual_time.record(source, START_S, END_S, info, PERIOD_S / 3)
    return window.reading(found, info, START_S, END_S)


def outlier(watts: float, limit_watts: Optional[float]) -> Callable[[], Reading]:
    """A board at steady power, one sample of which shows these watts instead."""

    def read() -> Reading:
        shown: List[float] = []

        def sample(t: float) -> Sample:
            if t < MIDDLE_S or shown:
                return Sample(watts=BOARD_W)
            shown.append(t)
            return Sample(watts=watts)

        info = virtual_time.info(period_s=PERIOD_S, limit_watts=limit_watts)
        return reading(sample, info)

    return read


def jump() -> Reading:
    """A counter that something before us took for wrapped when it had begun anew."""

    def sample(t: float) -> Sample:
        wrapped = counter_wrap.RANGE_UJ * 1e-6 - BEFORE_J if t >= MIDDLE_S else 0.0
        return Sample(joules=CHIP_W * t + wrapped)

    return reading(sample, virtual_time.info(period_s=PERIOD_S, sensing="counter"))


def restart() -> Reading:
    """The register of a processor that begins anew, through the adapter and its files."""
    with tempfile.TemporaryDirectory() as root:
        zone, clock = counter_wrap.zone(root), _Moment()
        counter_wrap.write(zone, _register_uj(START_S))
        device = rapl.open(root=root, clock=clock)

        def sample(t: float) -> Sample:
            clock.now_s = t
            counter_wrap.write(zone, _register_uj(t))
            return device.read()[-1]

        try:
            return reading(sample, device.info())
        finally:
            device.close()


def _register_uj(t: float) -> int:
    if t >= MIDDLE_S:
        return int(CHIP_W * (t - MIDDLE_S) * 1e6)
    return int((BEFORE_J + CHIP_W * (t - START_S)) * 1e6)


def restart_elsewhere() -> Dict[str, float]:
    """What CodeCarbon makes of the same restart."""
    if not codecarbon.installed():
        return {}
    with tempfile.TemporaryDirectory() as root:
        zone = counter_wrap.zone(root)
        counter_wrap.write(zone, _register_uj(START_S))
        return {
            "codecarbon": codecarbon.rapl(
                zone, lambda: counter_wrap.write(zone, _register_uj(END_S))
            )
        }


def hole(start_s: float, end_s: float) -> Callable[[], Reading]:
    """A counter that answers with an old value from one moment to another."""

    def read() -> Reading:
        register = Register(HOLED, UPDATE_S, UPDATE_S / 3)

        def sample(t: float) -> Sample:
            if start_s <= t < end_s:
                return Sample(joules=register.joules(start_s - STALE_S), time_s=start_s - STALE_S)
            return Sample(joules=register.joules(t))

        info = virtual_time.info(period_s=UPDATE_S / 4, update_s=UPDATE_S, sensing="counter")
        return reading(sample, info)

    return read


def disagreement() -> Reading:
    """A counter that misses much of the power which the same sensor shows."""
    return reading(
        lambda t: Sample(watts=AROUND_W, joules=SHARE_COUNTED * AROUND_W * t),
        virtual_time.info(period_s=PERIOD_S, sensing="counter"),
    )


class _Moment(Clock):
    """A clock that stands where a sample is taken."""

    now_s = START_S

    def now(self) -> float:
        """The moment, in seconds."""
        return self.now_s
