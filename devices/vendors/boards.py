"""Which power rails of a Jetson make its total, and which are parts of another rail.

Sources: NVIDIA's carrier device trees, energymon's JetsonPowerRails.md, tegrastats logs.
A sub-rail is never added: what it carries has passed its parent.
"""

from typing import Collection, List, NamedTuple, Optional, Set, Tuple


class Board(NamedTuple):
    """A family of modules that share a rail layout.

    `modules` are part numbers in the device tree's `compatible`; `module` and `board` are the
    rails whose sum is that scope's total; `children` are rails that such a rail feeds; `caveat`
    is a sentence on what the total leaves out; `module_watts` and `board_watts` are the top
    budgets of the two scopes, None where nobody says.
    """

    name: str
    modules: Tuple[str, ...]
    module: Tuple[str, ...]
    board: Tuple[str, ...] = ()
    children: Tuple[str, ...] = ()
    caveat: Optional[str] = None
    module_watts: Optional[float] = None
    board_watts: Optional[float] = None

    @property
    def usual_scope(self) -> str:
        """The scope measured unless another is asked for: the module, where it has a total."""
        return "module" if self.module else "board"

    def limit_watts(self, scope: str) -> Optional[float]:
        """The most a scope, "module" or "board", can draw, peaks included; None if unknown."""
        budget = self.board_watts if scope == "board" else self.module_watts
        return None if budget is None else PEAK * budget

    def scopes(self, rails: Collection[str]) -> List[str]:
        """The scopes whose total can be made from these rails."""
        both = [scope for scope in ("module", "board") if self.total(scope)]
        return [scope for scope in both if set(self.total(scope)) <= set(rails)]

    def total(self, scope: str) -> Tuple[str, ...]:
        """The rails to add for a scope, "module" or "board"."""
        return self.board if scope == "board" else self.module


XAVIER = ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V")
ORIN = ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0")
THOR = ("VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0")
ATX = ("CVB_ATX_12V", "CVB_ATX_3V3", "CVB_ATX_5V")
# Watts: the highest power mode in the modules' data sheets and nvpmodel tables; of a developer kit
# its supply (TX1, TX2: 19 V, 4.74 A; Nano: 5 V, 4 A); of Thor's VIN its over-current limit, 168 W
# (NVIDIA's forum, 366461). A power mode holds the mean over a second: peaks pass above it.
PEAK = 1.25
BOARDS = (  # of rows that fit, the first is taken
    Board(
        "Jetson Nano",
        ("p3448",),
        (),
        ("POM_5V_IN",),
        ("POM_5V_GPU", "POM_5V_CPU"),
        board_watts=20.0,
    ),
    Board(
        "Jetson TX1",
        ("p2180",),
        ("VDD_IN",),
        ("VDD_IN", "VDD_MUX"),
        (
            "VDD_GPU",
            "VDD_CPU",
            "VDD_5V_IO_SYS",
            "VDD_3V3_SYS",
            "VDD_3V3_IO",
            "VDD_3V3_IO_SLP",
            "VDD_1V8_IO",
            "VDD_M2_IN",
            "VDD_3V3_SYS_M2",
        ),
        module_watts=15.0,
        board_watts=90.0,
    ),
    Board(
        "Jetson TX2 NX",
        ("p3636",),
        ("VDD_IN",),
        (),
        ("VDD_CPU_GPU", "VDD_SOC"),
        module_watts=20.0,
    ),
    Board(
        "Jetson TX2",
        ("p3310", "p3489"),
        ("VDD_IN",),
        ("VDD_IN", "VDD_MUX"),
        (
            "VDD_SYS_GPU",
            "VDD_SYS_SOC",
            "VDD_4V0_WIFI",
            "VDD_SYS_CPU",
            "VDD_SYS_DDR",
            "VDD_5V0_IO_SYS",
            "VDD_3V3_SYS",
            "VDD_3V3_IO_SLP",
            "VDD_1V8_IO",
            "VDD_3V3_SYS_M2",
        ),
        module_watts=20.0,
        board_watts=90.0,
    ),
    # This one has no input rail: its parts are added.
    Board("Jetson AGX Xavier", ("p2888",), XAVIER, module_watts=50.0),
    Board(
        "Jetson Xavier NX",
        ("p3668",),
        ("VDD_IN",),
        (),
        ("VDD_CPU_GPU_CV", "VDD_SOC"),
        module_watts=20.0,
    ),
    Board(
        "Jetson Orin Nano/NX",
        ("p3767",),
        ("VDD_IN",),
        (),
        ("VDD_CPU_GPU_CV", "VDD_SOC"),
        module_watts=40.0,
    ),
    Board("Jetson IGX Orin", ("p3740",), ORIN, ATX, ("VDDQ_VDD2_1V8AO",), module_watts=75.0),
    Board("Jetson AGX Orin", ("p3701",), ORIN, ATX, ("VDDQ_VDD2_1V8AO",), module_watts=75.0),
    # Thor's input has a chip of its own; where that is not seen, the row after this one is left.
    Board("Jetson AGX Thor", ("p3834", "p4071"), (), ("VIN",), THOR, board_watts=168.0),
    Board(
        "Jetson AGX Thor",
        ("p3834", "p4071"),
        THOR,
        (),
        (),
        "VIN is missing: the module's rails are about a third less than the board draws",
        module_watts=130.0,
    ),
)

LABELS = frozenset(
    label for board in BOARDS for label in board.module + board.board + board.children
)


def identify(compatible: str, rails: Collection[str]) -> Optional[Board]:
    """The board of a device tree's `compatible` whose total can be made from these rails.

    Where the device tree names no module that is known here, the rails alone decide. None if
    no row fits: a sum by guesswork would count some joules twice.
    """
    fitting = [board for board in BOARDS if _can_total(board, rails)]
    named = [board for board in fitting if any(m in compatible for m in board.modules)]
    covering = [board for board in fitting if set(rails) <= _all(board)]
    found = named or ([] if _known(compatible) else covering)
    return found[0] if found else None


def _can_total(board: Board, rails: Collection[str]) -> bool:
    return bool(board.scopes(rails))


def _all(board: Board) -> Set[str]:
    return set(board.module) | set(board.board) | set(board.children)


def _known(compatible: str) -> bool:
    return any(m in compatible for board in BOARDS for m in board.modules)
