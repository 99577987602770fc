"""Power rails of a Jetson, straight from the INA3221 (and Thor's INA238) in sysfs.

Only the rails of `boards.BOARDS` that make the total are added; their children are reported
beside them. Readable by every user, no service needed.
"""

import os
from typing import Dict, List, Optional

from edgejoule.devices import conditions
from edgejoule.devices.clock import MACHINE, Clock
from edgejoule.devices.device import Device
from edgejoule.devices.reading import DeviceInfo, Sample
from edgejoule.devices.vendors import boards, ina_channels, sysfs

SHUNT_GAIN = 0.01  # 1 % shunts (AGX Xavier design guide)
OFFSET_STEPS = 1.15  # 80 uV at most across the shunt: two steps, as a standard deviation
PERIOD_S = 0.1
CHILD_SHARE = 0.1  # of a period may go to rails that are not part of the total
QUICKEST_S = 1e-6  # no file of the kernel's is read in less


def present(root: str = "/sys") -> bool:
    """True if a power monitor with a labelled rail is there."""
    return bool(ina_channels.find(root))


def open(scope: Optional[str] = None, root: str = "/sys", clock: Clock = MACHINE) -> "Rails":
    """The rails that make the total of a scope, "module" or "board"; None for the usual one.

    Raises:
        RuntimeError: there is no monitor, or no known rule for its rails.
        ValueError: the board has no total of that scope.
    """
    rails = {rail.label: rail for rail in ina_channels.find(root)}
    if not rails:
        raise RuntimeError("ina3221: no power monitor under {}/bus/i2c".format(root))
    board = boards.identify(_compatible(root), rails)
    if board is None:
        raise RuntimeError(
            "ina3221: no rule adds the rails {} up; devices/vendors/boards.py holds one "
            "row per board, add this one".format(", ".join(sorted(rails)))
        )
    scope = scope or boards.scope_of(board, rails)
    if scope not in ("module", "board") or not set(board.total(scope)) & set(rails):
        raise ValueError(
            "ina3221: {} has no {!r} total here; its rails are {}".format(
                board.name, scope, ", ".join(sorted(rails))
            )
        )
    return Rails(root, board, scope, rails, clock)


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
        names = board.total(scope)
        self._total = [ina_channels.Channel(rails[name], clock) for name in names]
        self._children = [
            ina_channels.Channel(rails[name], clock) for name in sorted(rails) if name not in names
        ]
        self._reads = [(channel.rail.label, channel.watts) for channel in self._total]
        self._turn = 0  # of the children, for as many are read at a time as are cheap enough
        self._failed: Dict[str, str] = {}
        self._per_read = self._affordable()
        self._info = self._described()

    def info(self) -> DeviceInfo:
        """The board, the rails of its total, and how well they are known."""
        return self._info

    def _described(self) -> DeviceInfo:
        rails = [channel.rail for channel in self._total]
        steps = [channel.step_watts() or 0.0 for channel in self._total]
        step = max(steps) or None
        return DeviceInfo(
            "ina3221",
            _model(self._root) or self._board.name,
            "+".join(r.label for r in rails),
            self._scope,
            conditions.power_mode(os.path.join(self._root, "..")),
            "ina3221x (iio)" if rails[0].power else "ina3221 (hwmon)",
            PERIOD_S,
            max(r.lag_s for r in rails),
            gain=SHUNT_GAIN,
            update_s=max([r.update_s or 0.0 for r in rails]) or None,
            step_watts=step,
            offset_watts=OFFSET_STEPS * (step or 0.0),
        )

    def read(self) -> List[Sample]:
        """Watts of the total and of every rail whose turn it is, children last."""
        now = self._clock.now
        before = now()
        rails = {label: watts() for label, watts in self._reads}
        after = now()
        total = sum(rails.values())
        if self._children:
            for channel in self._next_children():
                self._add_child(rails, channel)
        return [Sample(total, None, rails, (before + after) / 2, after - before)]

    def notes(self) -> List[str]:
        """Sentences on rails that failed, chips that changed, and what the total leaves out."""
        found = [self._board.caveat] if self._board.caveat else []
        if any(
            channel.rail.lag_s != ina_channels.lag_s(channel.rail.folder) for channel in self._total
        ):
            found.append(
                "a chip has changed how it averages since it was opened; its lag is "
                "corrected as it was then"
            )
        return found + ["rail {}: {}".format(*item) for item in sorted(self._failed.items())]

    def close(self) -> None:
        """Give all files back."""
        for channel in self._total + self._children:
            channel.close()

    def _affordable(self) -> int:
        """How many children fit beside the total into a tenth of a period."""
        self._read_total()  # the first read of a file costs more than those that follow
        begun = self._clock.now()
        self._read_total()
        each = max((self._clock.now() - begun) / len(self._total), QUICKEST_S)
        return max(1, min(len(self._children), int(CHILD_SHARE * PERIOD_S / each)))

    def _read_total(self) -> float:
        return sum(channel.watts() for channel in self._total)

    def _next_children(self) -> List[ina_channels.Channel]:
        count = len(self._children)
        chosen = [self._children[(self._turn + i) % count] for i in range(self._per_read)]
        self._turn += self._per_read
        return chosen

    def _add_child(self, rails: Dict[str, float], channel: ina_channels.Channel) -> None:
        """A child that cannot be read must not cost the total."""
        label = channel.rail.label
        try:
            rails[label] = channel.watts()
        except (OSError, RuntimeError) as error:
            self._failed[label] = str(error)


def _compatible(root: str) -> str:
    tree = os.path.join(root, "firmware/devicetree/base/compatible")
    return (sysfs.text(tree) or "").replace("\0", " ")


def _model(root: str) -> Optional[str]:
    return sysfs.text(os.path.join(root, "firmware/devicetree/base/model"))
