"""Joules by rail as a table: what the total is made of, and what was measured within it."""

from typing import List, Mapping, Optional, Sequence


def table(joules: Mapping[str, Optional[float]], total: float, rail: Optional[str]) -> List[str]:
    """A table of joules by rail and their share of the total; [] if the sensor tells none.

    The rails that make the total come first, what lies within them below.
    """
    parts = [name for name in joules if _is_part(name, rail)]
    inner = [name for name in sorted(joules) if name not in parts]
    if len(parts) + len(inner) < 2:  # the total again
        return []
    rows = [("  " + name, joules[name]) for name in parts] + [
        ("    " + name, joules[name]) for name in inner
    ]
    wide = max(len(name) for name, _ in rows)
    lines = ["joules by rail, and share of the total" + _layout(parts, inner)]
    return lines + [_rail(name.ljust(wide), value, total) for name, value in rows]


def _layout(parts: Sequence[str], inner: Sequence[str]) -> str:
    if not inner:
        return " that they make together"
    return "; indented: measured within the total, not on top of it" if parts else ""


def _is_part(name: str, rail: Optional[str]) -> bool:
    """True of a rail whose joules are part of the sum; several sensors put their name before it."""
    made_of = [each.strip() for each in (rail or "").split("+")]
    return name in made_of or name.partition(" ")[2] in made_of


def _rail(name: str, joules: Optional[float], total: float) -> str:
    if joules is None:
        return "{}  {:>10}".format(name, "not measured")
    share = "{:6.1f} %".format(100 * joules / total) if total else ""
    return "{}  {:>10.4g} J  {}".format(name, joules, share).rstrip()
