"""What `measure` says of one run, and words that it shares with `series_text`."""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from edgejoule.devices.measuring import measured_summary, rails_text

Document = Dict[str, Any]


def single(found: Document) -> List[str]:
    """The lines on one run."""
    reading, device = found["reading"], found["device"]
    if reading["joules"] is None:
        lines = ["{:.3g} s, joules not measured: {}".format(reading["seconds"], reading["reason"])]
        return lines + unsaid(found["warnings"], reading["reason"])
    lines = [cost(reading) + ", peak {} ({})".format(_peak(reading["peak_watts"]), source(found))]
    if device["calibration"]:
        lines.append("calibrated: {}".format(device["calibration"]))
    lines += at_rest(found)
    lines += rails_text.table(reading["rails"], reading["joules"], device["rail"])
    lines += unsaid([reading["reason"]] + found["warnings"])
    return lines + _advice(reading, found["minimum_seconds"])


def cost(reading: Mapping[str, Any]) -> str:
    """Joules with their bar, seconds and mean watts of a reading that has joules."""
    return "{} in {:.4g} s, mean {:.4g} W".format(
        amount(reading["joules"], reading["uncertainty_joules"]),
        reading["seconds"],
        reading["joules"] / reading["seconds"],
    )


def amount(value: float, half_width: Optional[float], unit: str = "J") -> str:
    """A value with half of its 95 % interval, where that is known."""
    bar = "" if half_width is None else " +- {:.2g}".format(half_width)
    return "{:.4g}{} {}".format(value, bar, unit)


def _peak(watts: Optional[float]) -> str:
    return "not told" if watts is None else "{:.4g} W".format(watts)


def source(found: Document) -> str:
    """The sensor and its rail, and the status where there is one reading."""
    device = found["device"]
    names = [device["fake"] or device["adapter"], device["rail"]]
    status = ": " + found["reading"]["status"] if found.get("reading") else ""
    return ", ".join(name for name in names if name) + status


def at_rest(found: Document) -> List[str]:
    """Net joules and those at rest, each with its bar, where rest was asked for."""
    split, rest = found["shares"], found["idle"]
    if split:
        return [
            "{} above rest, {} at rest ({} over {:.3g} s)".format(
                amount(split["net"], split["uncertainty_joules"]),
                amount(split["idle"], split["idle_uncertainty_joules"]),
                watts_at_rest(rest),
                rest["seconds"],
            )
        ]
    asked = found["asked"]["idle_seconds"] > 0
    return ["power at rest was not measured, so net joules are unknown"] if asked else []


def watts_at_rest(rest: Mapping[str, Any]) -> str:
    """The power at rest with half of its 95 % interval."""
    bar = rest["uncertainty_watts"]  # one standard deviation
    return amount(rest["watts"], None if bar is None else 2 * bar, "W")


def _advice(reading: Mapping[str, Any], least_s: float) -> List[str]:
    """How often to run what is too short for the sensor."""
    if reading["status"] != "too_short" or not reading["seconds"] > 0:
        return []
    times = measured_summary.runs_for(least_s, reading["seconds"])
    return ["-n {} would run it for {:.3g} s".format(times, times * reading["seconds"])]


def unsaid(sentences: Sequence[Optional[str]], said: Optional[str] = None) -> List[str]:
    """Each sentence once, without those that repeat what was said or lie within another."""
    found = [text for text in dict.fromkeys(sentences) if text]
    within = {text for text in found for other in found if text != other and text in other}
    return [text for text in found if text not in within and not (said and said in text)]
