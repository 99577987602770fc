"""Which board a tree of rails is of, and whether they make the total that is asked for."""

import os
from typing import Optional, Sequence, Tuple

from edgejoule import plugins
from edgejoule.devices.vendors import boards, ina_channels, sysfs


def chosen(
    root: str, scope: Optional[str], rails: Sequence[ina_channels.Rail]
) -> Tuple[boards.Board, str]:
    """The board that has these rails, and the scope: the one asked for, None for the usual one.

    Raises:
        RuntimeError: no rule adds the rails up, or one of the usual total's is missing, or of any
            total's cannot be told from another.
        ValueError: the board has no total of the scope that was asked for.
    """
    labels = sorted(rail.label for rail in rails)
    board = boards.identify(_compatible(root), labels)
    if board is None:
        raise RuntimeError(
            "ina3221: no rule adds the rails {} up; devices/vendors/boards.py holds one "
            "row per board, add this one".format(", ".join(labels))
        )
    chosen_scope = scope or board.usual_scope
    if chosen_scope not in board.scopes(labels):
        # What nobody asked for is a finding about this machine, which another sensor may mend.
        raise (RuntimeError if scope is None else ValueError)(_without(board, chosen_scope, labels))
    _refuse_twins(board, chosen_scope, rails)
    return board, chosen_scope


def _without(board: boards.Board, scope: str, labels: Sequence[str]) -> str:
    """Why there is no total of that scope: what is missing, and the scopes there are."""
    allowed = board.scopes(labels)
    needed = board.total(scope) if scope in ("module", "board") else ()
    missing = ", ".join(name for name in needed if name not in labels)
    return "ina3221: {} has no {!r} total here; its rails are {}{}; ask for {}.{}".format(
        board.name,
        scope,
        ", ".join(labels),
        ", without {}, which belongs to it".format(missing) if missing else "",
        " or ".join("ina3221:" + each for each in allowed),
        plugins.nearest(scope, allowed),
    )


def _refuse_twins(board: boards.Board, scope: str, rails: Sequence[ina_channels.Rail]) -> None:
    """Raise RuntimeError if two rails bear a label of the total: nothing tells which it is."""
    for name in board.total(scope):
        places = ["{}.{}".format(r.chip, r.number) for r in rails if r.label == name]
        if len(places) > 1:
            raise RuntimeError(
                "ina3221: asked for the {} total of {}, found {} rails called {} (chip.channel "
                "{}) where one is known; take the stranger out, for now with: echo CHIP | "
                "sudo tee /sys/bus/i2c/devices/CHIP/driver/unbind".format(
                    scope, board.name, len(places), name, ", ".join(places)
                )
            )


def _compatible(root: str) -> str:
    tree = os.path.join(root, "firmware/devicetree/base/compatible")
    return (sysfs.text(tree) or "").replace("\0", " ")
