"""Power rails of a Jetson, straight from the INA3221 (and Thor's INA238) in sysfs.

Only the rails of `boards.BOARDS` that make the total are added; their children are reported
beside them. Readable by every user, no service needed.
"""

import os
from typing import Dict, List, Optional, Tuple

from edgejoule.devices import conditions
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors import (
    boards,
    container,
    ina_channels,
    ina_modes,
    ina_totals,
    sysfs,
)

SHUNT_GAIN = 0.01  # 1 % shunts (AGX Xavier design guide)
OFFSET_STEPS = 1.15  # 80 uV at most across the shunt: two steps, as a standard deviation
PERIOD_S = 0.1
# Snapshots are worth taking twice as often, as the error halves, where reads leave room for it:
# above a tenth of the period they would load what they measure.
SNAPSHOT_PERIOD_S, READ_SHARE = 0.05, 0.1
CHILD_SHARE = 0.1  # of a period may go to rails that are not part of the total
LOOKS = 3  # at what a read costs
QUICKEST_S = 1e-6  # no file of the kernel's is read in less


def present(root: str = "/sys") -> bool:
    """True if a power monitor with a labelled rail is there."""
    return bool(ina_channels.find(root))


def open(scope: Optional[str] = None, root: str = "/sys", clock: Clock = MACHINE) -> "Rails":
    """The rails that make the total of a scope, "module" or "board"; None for the usual one.

    Raises:
        RuntimeError: there is no monitor, no known rule for its rails, or one of the total's
            cannot be read or told from another.
        ValueError: the board has no total of that scope.
    """
    found = ina_channels.find(root)
    if not found:
        raise RuntimeError(
            "ina3221: no power monitor under {}/bus/i2c{}".format(root, _masked(root))
        )
    board, scope = ina_totals.chosen(root, scope, found)
    return Rails(root, board, scope, ina_channels.named(found), clock)


class Rails(Device):
    """The opened rails of one board."""

    def __init__(
        self,
        root: str,
        board: boards.Board,
        scope: str,
        rails: Dict[str, ina_channels.Rail],
        clock: Clock = MACHINE,
    ):
        self._root, self._board, self._scope, self._clock = root, board, scope, clock
        self._failed: Dict[str, str] = {}
        self._total: List[ina_channels.Channel] = []
        self._children: List[Tuple[str, ina_channels.Channel]] = []
        self._turn = 0  # of the children, for as many are read at a time as are cheap enough
        try:
            self._open(rails)
            self._read_s = self._cost_s()
            self._static = self._described()
        except BaseException:
            self.close()
            raise
        self._begun_as = self._modes()
        self._per_read = self._affordable()

    def info(self) -> DeviceInfo:
        """The board, the rails of its total, and how well they are known; as the chips are now."""
        modes = self._modes()
        average = all(mode.sensing == "average" for mode in modes)
        updates = [mode.update_s or 0.0 for mode in modes]
        cheap = self._read_s <= READ_SHARE * SNAPSHOT_PERIOD_S
        fresh = max(updates) <= SNAPSHOT_PERIOD_S
        return self._static._replace(
            sensing="average" if average else "instant",
            period_s=SNAPSHOT_PERIOD_S if cheap and fresh and not average else PERIOD_S,
            lag_s=max(mode.lag_s for mode in modes),
            update_s=max(updates) or None,
        )

    def read(self) -> List[Sample]:
        """Watts of the total and of every rail whose turn it is, children last.

        Raises:
            RuntimeError: a rail of the total cannot be read.
        """
        now = self._clock.now
        before = now()
        try:
            rails = {label: watts() for label, watts in self._reads}
        except (OSError, RuntimeError):
            before = now()
            rails = self._once_more()
        after = now()
        total = sum(rails.values())
        if self._children:
            for label, channel in self._next_children():
                self._add_child(rails, label, channel)
        return [Sample(total, None, rails, (before + after) / 2, after - before)]

    def notes(self) -> List[str]:
        """Sentences on rails that failed, chips that changed, and what the total leaves out."""
        found = [self._board.caveat] if self._board.caveat else []
        modes = self._modes()
        if len({mode.lag_s for mode in modes}) > 1:
            found.append("the total's chips average differently; the longest lag is corrected")
        if modes != self._begun_as:
            found.append(
                "a chip has changed how it averages since it was opened; a measurement corrects "
                "the lag of its beginning"
            )
        return found + ["rail {}: {}".format(*item) for item in sorted(self._failed.items())]

    def close(self) -> None:
        """Give all files back."""
        for channel in self._total + [channel for _, channel in self._children]:
            channel.close()

    def _open(self, rails: Dict[str, ina_channels.Rail]) -> None:
        """Every rail of the total, and of the others those that can be opened."""
        names = self._board.total(self._scope)
        for name in names:
            try:
                self._total.append(ina_channels.Channel(rails[name], self._clock))
            except OSError as error:
                raise _unreadable(name, error) from None
        self._reads = [(channel.rail.label, channel.watts) for channel in self._total]
        for name in sorted(set(rails) - set(names)):
            try:
                self._children.append((name, ina_channels.Channel(rails[name], self._clock)))
            except OSError as error:
                self._failed[name] = str(error)

    def _described(self) -> DeviceInfo:
        """What does not depend on the chips' modes."""
        driver = "ina3221x (iio)" if self._total[0].rail.power else "ina3221 (hwmon)"
        step = max(channel.step_watts() or 0.0 for channel in self._total) or None
        return DeviceInfo(
            "ina3221",
            _model(self._root) or self._board.name,
            "+".join(label for label, _ in self._reads),
            self._scope,
            conditions.power_mode(conditions.root_of(self._root)),
            driver,
            gain=SHUNT_GAIN,
            step_watts=step,
            offset_watts=OFFSET_STEPS * (step or 0.0),
            limit_watts=self._limit_watts(),
        )

    def _limit_watts(self) -> Optional[float]:
        """The most the total can be: what the board can draw, or its registers can show."""
        scales = [channel.full_scale_watts() for channel in self._total]
        known = [scale for scale in scales if scale is not None]
        bounds = [self._board.limit_watts(self._scope)]
        bounds += [sum(known)] if len(known) == len(scales) else []
        return min([bound for bound in bounds if bound is not None], default=None)

    def _modes(self) -> List[ina_modes.Mode]:
        """How each chip of the total senses, as its driver is set now."""
        folders = dict.fromkeys(channel.rail.folder for channel in self._total)
        return [ina_modes.mode(folder) for folder in folders]

    def _cost_s(self) -> float:
        """Seconds that a read of the total takes; a busy processor makes it longer, never less."""
        self._once_more()  # the first read of a file costs more than those that follow
        found = []
        for _ in range(LOOKS):
            begun = self._clock.now()
            self._once_more()
            found.append(self._clock.now() - begun)
        return min(found)

    def _affordable(self) -> int:
        """How many children fit beside the total into a tenth of a period."""
        each = max(self._read_s / len(self._total), QUICKEST_S)
        share_s = CHILD_SHARE * (self.info().period_s or PERIOD_S)
        return max(1, min(len(self._children), int(share_s / each)))

    def _once_more(self) -> Dict[str, float]:
        """The total's rails, each asked again if it fails: a triggered chip may not be ready.

        Raises:
            RuntimeError: names the rail that fails twice.
        """
        rails = {}
        for label, watts in self._reads:
            try:
                rails[label] = watts()
            except (OSError, RuntimeError):
                try:
                    rails[label] = watts()
                except (OSError, RuntimeError) as error:
                    raise _unreadable(label, error) from None
        return rails

    def _next_children(self) -> List[Tuple[str, ina_channels.Channel]]:
        count = len(self._children)
        chosen = [self._children[(self._turn + i) % count] for i in range(self._per_read)]
        self._turn += self._per_read
        return chosen

    def _add_child(
        self, rails: Dict[str, float], label: str, channel: ina_channels.Channel
    ) -> None:
        """A child that cannot be read must not cost the total."""
        try:
            rails[label] = channel.watts()
        except (OSError, RuntimeError) as error:
            self._failed[label] = str(error)


def _unreadable(label: str, error: Exception) -> RuntimeError:
    return RuntimeError(
        "ina3221: rail {}, part of the total, cannot be read: {}".format(label, error)
    )


def _masked(root: str) -> str:
    """The end of a reason in a container that does not see its host's buses; else ""."""
    if os.path.isdir(os.path.join(root, "bus/i2c/devices")):
        return ""
    return container.hint(container.HOST_SYSFS, conditions.root_of(root))


def _model(root: str) -> Optional[str]:
    return sysfs.text(os.path.join(root, "firmware/devicetree/base/model"))
