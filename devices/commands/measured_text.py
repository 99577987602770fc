"""What `measure` says of a command's joules, as lines for a person."""

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from edgejoule.devices.commands import measured_runs
from edgejoule.devices.commands.measured_runs import Plan, Run

Document = Dict[str, Any]
UNITS = (("joules", "J"), ("seconds", "s"), ("watts", "W"), ("net_joules", "J above rest"))
MEANING = "in 95 of 100 series like this one the interval holds the mean of ever more such runs"


def single(found: Document) -> List[str]:
    """The lines on one run."""
    reading, device = found["reading"], found["device"]
    if reading["joules"] is None:
        lines = ["{:.3g} s, joules not measured: {}".format(reading["seconds"], reading["reason"])]
        return lines + _unsaid(found["warnings"], reading["reason"])
    lines = [_cost(reading) + ", peak {} ({})".format(_peak(reading["peak_watts"]), _source(found))]
    lines += _rest(found)
    lines += rails(reading["rails"], reading["joules"], device["rail"])
    lines += _unsaid([reading["reason"]] + found["warnings"])
    return lines + _advice(reading, found["minimum_seconds"])


def told(run: Run, before: Sequence[Run], plan: Plan, with_rest: bool) -> str:
    """The line on a run that has just ended; `with_rest` adds how long the others will take."""
    of = plan.warmup if run.name.startswith("warm-up") else plan.repeat
    reading = run.reading._asdict()
    cost = _cost(reading) if run.reading.joules is not None else _unmeasured(run)
    text = "{} of {}: {}{}".format(run.name, of, cost, _notes(run))
    left = plan.times - len(before) - 1
    if not with_rest or not left or (run.exit_code and not plan.keep_going):
        return text
    seconds = [each.reading.seconds for each in list(before) + [run]]
    return text + "; {} left, about {}".format(left, _duration(left * sum(seconds) / len(seconds)))


def _notes(run: Run) -> str:
    """What to think of a run, in brackets."""
    notes = [run.reading.status] if run.reading.status != "none" else []
    if run.why_not is not None:
        notes.append("not counted: " + run.why_not)
    elif run.exit_code:
        notes.append("exit code {}".format(run.exit_code))
    return " ({})".format(", ".join(notes)) if notes else ""


def several(found: Document) -> List[str]:
    """The lines on all runs of a series, after those on each."""
    summary = found["summary"]
    n = summary["counted"]
    if not n:
        return ["no run counts, so there is no mean"] + _unsaid(found["warnings"])
    lines = ["mean of {} ({})".format(_number(n, found["asked"]["repeat"]), _source(found))]
    lines += _table(summary)
    lines += _meaning(found)
    if summary["joules"]:
        lines += rails(summary["rails"], summary["joules"]["mean"], found["device"]["rail"])
    return lines + _reasons(found) + _enough(found)


def _number(counted: int, asked: int) -> str:
    if counted < asked:
        return "{} of {} runs".format(counted, asked)
    return "{} run{}".format(counted, "" if counted == 1 else "s")


def rails(joules: Mapping[str, Optional[float]], total: float, rail: Optional[str]) -> List[str]:
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


def _cost(reading: Mapping[str, Any]) -> str:
    return "{} in {:.4g} s, mean {:.4g} W".format(
        amount(reading["joules"], reading["uncertainty_joules"]),
        reading["seconds"],
        reading["joules"] / reading["seconds"],
    )


def _unmeasured(run: Run) -> str:
    return "{:.4g} s, joules not measured".format(run.reading.seconds)


def amount(value: float, half_width: Optional[float], unit: str = "J") -> str:
    """A value with half of its 95 % interval, where that is known."""
    bar = "" if half_width is None else " +- {:.2g}".format(half_width)
    return "{:.4g}{} {}".format(value, bar, unit)


def _peak(watts: Optional[float]) -> str:
    return "not told" if watts is None else "{:.4g} W".format(watts)


def _source(found: Document) -> str:
    device = found["device"]
    names = [device["fake"] or device["adapter"], device["rail"]]
    status = ": " + found["reading"]["status"] if found.get("reading") else ""
    return ", ".join(name for name in names if name) + status


def _rest(found: Document) -> List[str]:
    """Net joules and those at rest, each with its bar, where rest was asked for."""
    split, rest = found["shares"], found["idle"]
    if split:
        return [
            "{} above rest, {} at rest ({} over {:.3g} s)".format(
                amount(split["net"], split["uncertainty_joules"]),
                amount(split["idle"], split["idle_uncertainty_joules"]),
                _watts_at_rest(rest),
                rest["seconds"],
            )
        ]
    asked = found["asked"]["idle_seconds"] > 0
    return ["power at rest was not measured, so net joules are unknown"] if asked else []


def _watts_at_rest(rest: Mapping[str, Any]) -> str:
    bar = rest["uncertainty_watts"]  # one standard deviation
    return amount(rest["watts"], None if bar is None else 2 * bar, "W")


def _advice(reading: Mapping[str, Any], least_s: float) -> List[str]:
    """How often to run what is too short for the sensor."""
    if reading["status"] != "too_short" or not reading["seconds"] > 0:
        return []
    times = measured_runs.runs_for(least_s, reading["seconds"])
    return ["-n {} would run it for {:.3g} s".format(times, times * reading["seconds"])]


def _table(summary: Document) -> List[str]:
    """Mean, spread and interval of every quantity that is known, in columns."""
    rows = [("", "mean", "sd", "95 % interval of the mean")]
    for key, unit in UNITS:
        if summary[key] is not None:
            rows.append(_row(key.partition("_")[0], unit, summary[key]))
        elif key == "joules":
            rows.append((key, "not measured", "", ""))
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [("  " + "  ".join(map(str.ljust, row, wide))).rstrip() for row in rows]


def _row(name: str, unit: str, each: Mapping[str, Any]) -> Tuple[str, str, str, str]:
    value = "{:.4g} {}".format(each["mean"], unit)
    if each["sd"] is None:
        return name, value, "-", "none, of one run"
    interval = "{:.4g} to {:.4g}".format(each["low"], each["high"])
    return name, value, "{:.2g}".format(each["sd"]), interval


def _meaning(found: Document) -> List[str]:
    """What the interval is, and what it leaves out."""
    summary, lines = found["summary"], []
    joules = summary["joules"]
    if summary["counted"] == 1:
        lines.append("one run has no spread" + (_only_bar(found) if joules else ""))
        return lines + _series_rest(found)
    lines.append(MEANING)
    if joules and joules["n"] < summary["counted"]:
        lines.append("joules and watts are of {} runs; the others' are unknown".format(joules["n"]))
    if joules and summary["common_joules"]:
        lines.append(
            "it leaves out what is common to all runs: the sensor's scale, +- {:.2g} J".format(
                summary["common_joules"]
            )
        )
    return lines + _series_rest(found)


def _only_bar(found: Document) -> str:
    bar = [run["reading"] for run in found["runs"] if run["counted"]][0]["uncertainty_joules"]
    return "" if bar is None else "; +- {:.2g} J is the bar of its reading".format(bar)


def _series_rest(found: Document) -> List[str]:
    rest = found["summary"]["rest_joules"]
    if rest:
        return [
            "{} of each run at rest ({} over {:.3g} s), common to all runs".format(
                amount(rest["mean"], rest["uncertainty"]),
                _watts_at_rest(found["idle"]),
                found["idle"]["seconds"],
            )
        ]
    return _rest(dict(found, shares=None)) if found["summary"]["joules"] else []


def _reasons(found: Document) -> List[str]:
    """What is to be known of the readings that count, each sentence once, and the warnings."""
    counted = [run["reading"] for run in found["runs"] if run["counted"]]
    worth = [each["reason"] for each in counted if each["status"] not in ("ok", "too_short")]
    return _unsaid(worth + found["warnings"])


def _enough(found: Document) -> List[str]:
    """Whether runs that are too short for the sensor one by one are long enough together."""
    summary = found["summary"]
    counted = [run["reading"] for run in found["runs"] if run["counted"]]
    short = [each for each in counted if each["status"] == "too_short"]
    if not short:
        return []
    text = "{} of {} runs shorter than the {:.3g} s this sensor needs: their bars are wide".format(
        len(short), len(counted), summary["least_s"]
    )
    total_s = sum(each["seconds"] for each in counted)
    if total_s >= summary["least_s"] and len(counted) > 1:
        return [text + "; together they take {:.3g} s, which is enough".format(total_s)]
    return [text + "; -n {} would be enough".format(summary["enough_runs"])]


def _unsaid(sentences: Sequence[Optional[str]], said: Optional[str] = None) -> List[str]:
    """Each sentence once, without those that repeat what was said or lie within another."""
    found = [text for text in dict.fromkeys(sentences) if text]
    within = {text for text in found for other in found if text != other and text in other}
    return [text for text in found if text not in within and not (said and said in text)]


def _duration(seconds: float) -> str:
    if seconds < 120:
        return "{:.0f} s".format(seconds)
    return (
        "{:.0f} min".format(seconds / 60) if seconds < 7200 else "{:.1f} h".format(seconds / 3600)
    )
