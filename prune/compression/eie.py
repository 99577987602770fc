"""A model of EIE, an accelerator for compressed linear layers (Han et al., 2016, 1602.01528).

Nothing here is measured: cycles and joules follow from counts and the constants below, and must
never stand beside measured joules without the word "modelled". Row i of a weight matrix lies on
processing element i mod N, which stores per column the entries (a 4-bit code of the value, a 4-bit
run of zeros, fillers included) and works through those columns alone whose activation is not 0, an
entry a cycle.
"""

from typing import Dict, NamedTuple

import numpy as np

RUN_BITS = 4
ENTRY_BITS = 8  # code and run
POINTER_BITS = 16
ACTIVATION_BITS = 16
ELEMENTS = 64  # processing elements of the paper's design
CLOCK_HZ = 800e6
ELEMENT_WATTS = 9.157e-3  # of one processing element with its memories, the paper's table 2
# 45 nm, Horowitz, 2014 (ISSCC); of a memory's energy per 32 bits
PICOJOULES = {
    "sram": 5.0,
    "dram": 640.0,  # 128 times SRAM, where the abstract of EIE says 120
    "int_multiply_add": 3.1 + 0.1,
    "float_multiply_add": 3.7 + 0.9,
}


class Modelled(NamedTuple):
    """What a layer would need on EIE, by the model: nothing is measured.

    `entries` are stored ones, `fillers` of them without a weight, `macs` those of weights that
    meet an activation other than 0 (without fillers). `cycles_least` has all elements busy all the
    time, `cycles_most` waits for the slowest after every column; finite queues lie between.
    `efficiency` is their quotient. Seconds and joules follow; `dense_joules` are those of the whole
    matrix as 32-bit floats from DRAM, every activation included.
    """

    entries: int
    fillers: int
    macs: int
    dense_macs: int
    bits: int
    cycles_least: float
    cycles_most: int
    efficiency: float
    seconds_least: float
    seconds_most: float
    joules: float
    dense_joules: float


def stored(flags: np.ndarray, elements: int = ELEMENTS) -> np.ndarray:
    """Entries [elements, columns] of a weight matrix, fillers included; `flags` [rows, columns]."""
    rows, columns = flags.shape
    column, row = np.nonzero(flags.T)  # by column, then by row
    element, place = row % elements, row // elements
    slot = column * elements + element
    order = np.argsort(slot, kind="stable")  # rows of one element and column still ascend
    slot, place = slot[order], place[order]
    before = np.concatenate([[-1], place[:-1]])
    begins = np.concatenate([[True], slot[1:] != slot[:-1]])[: len(slot)]
    gaps = place - np.where(begins, -1, before[: len(place)])
    counts = (gaps - 1) // 2**RUN_BITS + 1
    found = np.bincount(slot, weights=counts, minlength=columns * elements)
    return found.astype(np.int64).reshape(columns, elements).T


def layer(flags: np.ndarray, active: np.ndarray, elements: int = ELEMENTS) -> Modelled:
    """What a linear layer would need, by the model.

    `flags` [rows, columns] are True where a weight is not 0, `active` [columns] where an input is.

    Raises:
        ValueError: they do not fit each other.
    """
    flags, active = np.asarray(flags, bool), np.asarray(active, bool)
    if flags.ndim != 2 or active.shape != flags.shape[1:] or elements < 1:
        raise ValueError(
            "weights {} with activations {} on {} elements; they are [rows, columns] and "
            "[columns], on at least one".format(flags.shape, active.shape, elements)
        )
    entries = stored(flags, elements)
    busy = entries[:, active]
    read, least, most = int(busy.sum()), busy.sum() / elements, int(busy.max(0).sum())
    rows, columns = flags.shape
    macs = int(flags[:, active].sum())
    outputs_and_inputs = rows + int(active.sum())
    return Modelled(
        int(entries.sum()),
        int(entries.sum() - flags.sum()),
        macs,
        rows * columns,
        ENTRY_BITS * int(entries.sum()) + POINTER_BITS * elements * (columns + 1),
        float(least),
        most,
        float(least / most) if most else 1.0,
        float(least) / CLOCK_HZ,
        most / CLOCK_HZ,
        joules(read, ENTRY_BITS, macs, outputs_and_inputs, ACTIVATION_BITS, "sram", "int"),
        joules(rows * columns, 32, rows * columns, rows + columns, 32, "dram", "float"),
    )


def joules(
    weights: int,
    weight_bits: int,
    macs: int,
    activations: int,
    activation_bits: int,
    memory: str,
    arithmetic: str,
) -> float:
    """Joules, by the model, of reading weights, multiplying, and reading or writing activations.

    Weights come from `memory` "sram" or "dram", activations from SRAM; `arithmetic` is "int" or
    "float". One multiplication and one addition per MAC, at the constants of `PICOJOULES`.
    """
    picojoules = (
        weights * weight_bits / 32 * PICOJOULES[memory]
        + macs * PICOJOULES[arithmetic + "_multiply_add"]
        + activations * activation_bits / 32 * PICOJOULES["sram"]
    )
    return picojoules * 1e-12


def fillers_per_weight(density: float) -> float:
    """Expected fillers per weight other than 0 in a long stream where each is one by chance.

    q / (1 - q) with q = (1 - density)^16: a run is as long as 16 zeros, and then again.
    """
    q = (1 - density) ** 2**RUN_BITS
    return q / (1 - q)


def facts(modelled: Modelled) -> Dict[str, object]:
    """The model's answer as plain JSON that says what it is, constants included."""
    constants = {"clock_hz": CLOCK_HZ, "picojoules": dict(PICOJOULES)}
    return {"kind": "modelled, not measured", "constants": constants, **modelled._asdict()}
