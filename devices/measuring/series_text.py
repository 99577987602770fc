"""What `measure -n` says of a series, as lines for a person."""

from typing import Any, List, Mapping, Sequence, Tuple

from edgejoule.devices.measuring import measured_text, rails_text
from edgejoule.devices.measuring.measured_runs import Plan, Run
from edgejoule.devices.measuring.measured_text import Document

UNITS = (("joules", "J"), ("seconds", "s"), ("watts", "W"), ("net_joules", "J above rest"))
MEANING = "in 95 of 100 series like this one the interval holds the mean of ever more such runs"


def line(run: Run, before: Sequence[Run], plan: Plan, with_eta: bool) -> str:
    """The line on a run that has just ended; `with_eta` adds how long the others will take."""
    of = plan.warmup if run.name.startswith("warm-up") else plan.repeat
    reading = run.reading._asdict()
    cost = measured_text.cost(reading) if run.reading.joules is not None else _unmeasured(run)
    text = "{} of {}: {}{}".format(run.name, of, cost, _notes(run))
    left = plan.times - len(before) - 1
    if not with_eta or not left or (run.exit_code and not plan.keep_going):
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


def _unmeasured(run: Run) -> str:
    return "{:.4g} s, joules not measured".format(run.reading.seconds)


def _duration(seconds: float) -> str:
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return "{:.1f} {}".format(seconds / size, unit)
    return "{:.0f} s".format(seconds)


def lines(found: Document) -> List[str]:
    """The lines on all runs of a series, after those on each."""
    summary = found["summary"]
    n = summary["counted"]
    if not n:
        return ["no run counts, so there is no mean"] + measured_text.unsaid(found["warnings"])
    told = [
        "mean of {} ({})".format(_number(n, found["asked"]["repeat"]), measured_text.source(found))
    ]
    told += _table(summary)
    told += _meaning(found)
    if summary["joules"]:
        told += rails_text.table(
            summary["rails"], summary["joules"]["mean"], found["device"]["rail"]
        )
    return told + _reasons(found) + _enough(found)


def _number(counted: int, asked: int) -> str:
    if counted < asked:
        return "{} of {} runs".format(counted, asked)
    return "{} run{}".format(counted, "" if counted == 1 else "s")


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
    summary, told = found["summary"], []
    joules = summary["joules"]
    if summary["counted"] == 1:
        told.append("one run has no spread" + (_only_bar(found) if joules else ""))
        return told + _series_rest(found)
    told.append(MEANING)
    if joules and joules["n"] < summary["counted"]:
        told.append(
            "joules and watts are of {} runs; those of the others are unknown or invalid".format(
                joules["n"]
            )
        )
    if joules and summary["common_joules"]:
        told.append(
            "it leaves out what is common to all runs: the sensor's scale, +- {:.2g} J".format(
                summary["common_joules"]
            )
        )
    return told + _series_rest(found)


def _only_bar(found: Document) -> str:
    bar = [run["reading"] for run in found["runs"] if run["counted"]][0]["uncertainty_joules"]
    return "" if bar is None else "; +- {:.2g} J is the bar of its reading".format(bar)


def _series_rest(found: Document) -> List[str]:
    rest = found["summary"]["rest_joules"]
    if rest:
        return [
            "{} of each run at rest ({} over {:.3g} s), common to all runs".format(
                measured_text.amount(rest["mean"], rest["uncertainty"]),
                measured_text.watts_at_rest(found["idle"]),
                found["idle"]["seconds"],
            )
        ]
    return measured_text.at_rest(dict(found, shares=None)) if found["summary"]["joules"] else []


def _reasons(found: Document) -> List[str]:
    """What is to be known of the readings that count, each sentence once, and the warnings."""
    counted = [run["reading"] for run in found["runs"] if run["counted"]]
    worth = [each["reason"] for each in counted if each["status"] not in ("ok", "too_short")]
    return measured_text.unsaid(worth + found["warnings"])


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
