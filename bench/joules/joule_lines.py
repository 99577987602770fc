"""What a session of joule benchmarks says on the terminal: changes first, one line a test."""

from statistics import median
from typing import Iterator, List, Optional

from edgejoule.bench.joules import tap_timer
from edgejoule.bench.joules.joule_gate import Judged
from edgejoule.bench.joules.joule_session import JouleSession
from edgejoule.devices.reading import DeviceInfo

NO_SENSOR = tap_timer.NO_SENSOR
WORDS = {"FAIL": "REGRESSED", "INVALID": "NOT JUDGED", "INCONCLUSIVE": "NOT JUDGED"}


def lines(joules: JouleSession) -> List[str]:
    """Sensor, tests in order of urgency, counts; [] if no test was measured or missed."""
    if not joules.results:
        return []
    found = sorted(joules.results.items(), key=lambda pair: (_order(pair[1][1]), pair[0]))
    tests = [
        line
        for name, (taken, judged) in found
        for line in _test(_word(joules, name, judged), name + _figures(joules, taken), judged)
    ]
    return _sensor(joules.meter.info) + _way_out(joules) + tests + _counts(joules)


def _sensor(info: DeviceInfo) -> List[str]:
    text = (
        "sensor: {} {}, {}".format(info.adapter, info.name, info.rail)
        if not info.reason
        else NO_SENSOR + info.reason
    )
    return [text] + (["NOT REAL POWER: {} was played".format(info.fake)] if info.fake else [])


def _way_out(joules: JouleSession) -> List[str]:
    """What to ask for on a machine without a sensor, if joules or watts were asked for."""
    if not joules.meter.info.reason or joules.metrics == {"seconds"}:
        return []
    return [tap_timer.WAY_OUT] if joules.gating or joules.blessing else []


def _test(word: str, figures: str, judged: Optional[Judged]) -> Iterator[str]:
    """A test's line, and its sentences below it."""
    yield "{:11} {}".format(word, figures)
    for sentence in judged.sentences if judged else ():
        if NO_SENSOR not in sentence:  # said once, at the top
            yield "            " + sentence


def _word(joules: JouleSession, name: str, judged: Optional[Judged]) -> str:
    """What became of a test, in a word or two."""
    if joules.blessing:
        return "NOT BLESSED" if joules.outcome(name) else "blessed"
    if judged is None:
        return "measured"
    return "better" if judged.improved else WORDS.get(judged.verdict, "same")


def _figures(joules: JouleSession, taken: Optional[tap_timer.Taken]) -> str:
    """What a call cost, by the median round."""
    if taken is None:
        return ""
    found = ["{:.4g} s a call".format(median(taken.seconds))] if taken.seconds else []
    if taken.joules and taken.watts:
        found += ["{:.4g} J".format(median(taken.joules)), "{:.4g} W".format(median(taken.watts))]
    if taken.flops_per_joule:
        found.append("{:.4g} FLOP/J".format(taken.flops_per_joule))
    if taken.reason:
        found.append(_short(joules, taken.reason))
    return ": " + ", ".join(found)


def _short(joules: JouleSession, reason: str) -> str:
    """Why there are no joules: briefly if it stands above or only seconds were asked for."""
    if reason.startswith(NO_SENSOR):
        return "no joules: no sensor"
    return "no joules" if joules.metrics == {"seconds"} else reason


def _counts(joules: JouleSession) -> List[str]:
    """How many tests ended in which way; [] if none was to be judged."""
    judged = [each for _, each in joules.results.values() if each is not None]
    if joules.blessing:
        blessed = sum(joules.outcome(name) is None for name in joules.results)
        return ["{} of {} blessed as {}".format(blessed, len(joules.results), joules.path)]
    if not judged:
        return []
    improved = sum(each.improved for each in judged)
    counts = [
        sum(each.verdict in verdicts for each in judged)
        for verdicts in (("FAIL",), ("INVALID", "INCONCLUSIVE"), ("PASS",))
    ]
    return [
        "{} regressed, {} better, {} unchanged, {} not judged, against {}".format(
            counts[0], improved, counts[2] - improved, counts[1], joules.path
        )
    ]


def _order(judged: Optional[Judged]) -> int:
    """The place of a test: what is worse stands above what is better."""
    if judged is None:
        return 4
    return (
        2
        if judged.improved
        else ("FAIL", "INVALID", "INCONCLUSIVE", "", "PASS").index(judged.verdict)
    )
