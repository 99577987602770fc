"""What the names of a bench meter's columns mean: quantity, factor to SI, mean or snapshot."""

import re
from typing import Dict, NamedTuple, Optional, Tuple

# A unit in capitals ("POWER_MW") is read as in small letters: no bench meter counts megawatts.
SCALES = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "k": 1e3}
PREFIXES = {"": 1.0, "milli": 1e-3, "micro": 1e-6, "nano": 1e-9, "kilo": 1e3}
BASES = (  # (quantity, in SI, symbol, name)
    ("watts", 1.0, "w", "watt"),
    ("volts", 1.0, "v", "volt"),
    ("amps", 1.0, "a", "amp"),
    ("amps", 1.0, "a", "ampere"),
    ("joules", 1.0, "j", "joule"),
    ("joules", 3600.0, "wh", "watthour"),
    ("time", 1.0, "s", "second"),
    ("time", 1.0, "sec", "sec"),
)
QUANTITIES = {
    "power": "watts",
    "pwr": "watts",
    "p": "watts",
    "voltage": "volts",
    "u": "volts",
    "current": "amps",
    "i": "amps",
    "energy": "joules",
    "time": "time",
    "timestamp": "time",
    "t": "time",
    "elapsed": "time",
    "epoch": "time",
}
MEANS = {"avg", "average", "mean"}
HARMLESS = {"active", "real", "total", "dc", "input", "measured", "value", "inst", "instant"}
OTHER = {"limit", "cap", "budget", "max", "min", "peak", "apparent", "reactive", "factor", "error"}
LETTERS = re.compile(r"[^\W\d_]+")
STARTS_AS_NUMBER = re.compile(r"\s*[-+.]*\d")  # "5 W" is a value
LOST = "\ufffd"  # stands for a letter that could not be read: it may have been a micro


class Column(NamedTuple):
    """What a column holds: "time", "watts", "volts", "amps" or "joules", and the factor to SI.

    `named` is False where no unit is written; `mean` is True where its name says that it is
    one; `sure` is False where the name holds words that are not known here.
    """

    quantity: str
    factor: float
    named: bool
    mean: bool
    sure: bool


def _units() -> Dict[str, Tuple[str, float]]:
    """{word of a unit: (quantity, factor)}: symbols and names, singular and plural, scaled."""
    found = {}
    for quantity, factor, symbol, name in BASES:
        for prefix, scale in SCALES.items():
            found[prefix + symbol] = (quantity, factor * scale)
        for prefix, scale in PREFIXES.items():
            for word in (prefix + name, prefix + name + "s"):
                found[word] = (quantity, factor * scale)
    return found


UNITS = _units()


def column(name: str) -> Optional[Column]:
    """What a column of that name holds, as "power_mw", "P [W]", "Voltage (mV)"; None if unknown."""
    if LOST in name or STARTS_AS_NUMBER.match(name):
        return None
    words = LETTERS.findall(name.lower().replace("\u00b5", "u").replace("\u03bc", "u"))
    units = {UNITS[word] for word in words if word in UNITS}
    quantities = {quantity for quantity, _ in units}
    quantities |= {QUANTITIES[word] for word in words if word in QUANTITIES}
    if len(quantities) != 1 or len(units) > 1 or OTHER & set(words):
        return None
    [quantity] = quantities
    known = set(UNITS) | set(QUANTITIES) | MEANS | HARMLESS
    sure = set(words) <= known
    # "VDD_IN_mW" is power all the same; of other quantities the unit alone says too little.
    if not sure and not (quantity == "watts" and units or quantity == "time" and not units):
        return None
    factor = next(iter(units))[1] if units else 1.0
    return Column(quantity, factor, bool(units), bool(MEANS & set(words)), sure)
