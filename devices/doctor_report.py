"""One block of text on a machine, its sensors and the doctor's findings, to paste into an issue.

Made for the machine on which things fail: whatever cannot be found out costs its own line only,
a sensor that hangs costs seconds, and what would name a person or the machine is taken out.
"""

from typing import Any, Callable, Dict, List, Optional, Sequence

from edgejoule.devices import attempt, choose, conditions, health, machine, privacy, survey
from edgejoule.devices.device import Device

SENSORS_S = 8.0  # all sensors are asked at once; jtop takes seconds on a busy board
FIRST = "EdgeJoule's doctor; names of people and machines and serial numbers are taken out"
Examine = Callable[[Device], List[health.Check]]


def make(
    power: str,
    fake_power: Optional[str],
    examine: Examine,
    limit_s: float,
    sysfs: Optional[str] = None,
) -> Dict[str, Any]:
    """The report as plain JSON, at most `limit_s` seconds after every sensor was asked.

    `examine` gives the doctor's checks of a device; `sysfs` is where the machine's is mounted.

    Raises:
        ValueError: no sensor has that name, or `sysfs` is none.
    """
    sensors, root = survey.take(SENSORS_S, sysfs), conditions.root_of(sysfs)
    device = chosen(power, fake_power, sensors, sysfs)
    name = device.info().adapter
    try:
        checks = attempt.within(limit_s, name, lambda: examine(device))
    except Exception as error:  # the failure is what the report is for
        # Not closed: what has stopped answering may hang in that as well.
        return document(sensors, [health.Check("sensor", "refuse", _told(name, error))], root)
    device.close()
    return document(sensors, checks, root)


def chosen(
    power: str,
    fake_power: Optional[str],
    sensors: Sequence[Dict[str, Any]],
    sysfs: Optional[str] = None,
) -> Device:
    """The sensor of that name, "auto" being the first that answered; if none can, of nothing.

    `sensors` is a survey: what has just failed there is not waited for again.
    """
    failed = {each["adapter"]: each["reason"] for each in sensors if "reason" in each}
    answered = survey.preferred(sensors)
    name = answered if power == "auto" and fake_power is None and answered else power
    if name in failed:
        return choose.load("none").open(failed[name])
    if name == "auto" and fake_power is None:
        return choose.load("none").open("; ".join(failed.values()))
    try:
        return choose.open(name, fake_power=fake_power, sysfs=sysfs)
    except (RuntimeError, OSError) as error:
        return choose.load("none").open(str(error))


def document(
    sensors: Sequence[Dict[str, Any]], checks: Sequence[health.Check], root: str = "/"
) -> Dict[str, Any]:
    """Facts, sensors and checks as plain JSON that names nobody."""
    found = dict(
        machine.facts(root),
        sensors=list(sensors),
        checks=[check._asdict() for check in checks],
        verdict=health.verdict(checks),
    )
    return privacy.cleaner()(found)


def text(found: Dict[str, Any]) -> str:
    """The document as a block of text, fenced so that an issue shows it as it is."""
    lines = ["```text", FIRST]
    for section in ("software", "machine", "state", "environment"):
        facts = [_line(*item) for item in found[section].items()]
        lines += ["", section] + (facts or ["  nothing of ours is set"])
    lines += ["", "sensors"] + [line for each in found["sensors"] for line in _sensor(each)]
    lines += ["", "checks"] + [_check(check) for check in found["checks"]]
    return "\n".join(lines + ["", health.SENTENCES[found["verdict"]], "```"]) + "\n"


def _sensor(each: Dict[str, Any]) -> List[str]:
    name = each["adapter"]
    if "reason" in each:
        return [_line(name, survey.without_name(name, each["reason"]))]
    told = {key: value for key, value in each["info"].items() if value is not None}
    told.update(watts=each["watts"], joules=each["joules"], rails=each["rails"])
    told.update(each["facts"])
    del told["adapter"]
    lines = [_line(name, told.pop("name"))] + [_line("  " + key, told[key]) for key in told]
    return lines + [_line("  note", note) for note in each["notes"]]


def _check(check: Dict[str, Any]) -> str:
    mend = "; mend: " + check["mend"] if check["mend"] and check["verdict"] != "ok" else ""
    return "  {:6} {}: {}{}".format(check["verdict"], check["name"], check["found"], mend)


def _line(name: str, value: Any) -> str:
    return "  {:20} {}".format(name, _words(value)).rstrip()


def _words(value: Any) -> str:
    """A JSON value in words: None is not told, and what holds nothing is none."""
    if value is None:
        return "not told"
    if isinstance(value, float):
        return "{:.6g}".format(value)
    if isinstance(value, dict):
        value = ["{} {}".format(name, _words(each)) for name, each in value.items()]
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(each) for each in value) or "none"
    return str(value)


def _told(name: str, error: Exception) -> str:
    return "{}: {}".format(type(error).__name__, survey.without_name(name, str(error)))
