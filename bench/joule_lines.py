"""What a session of joule benchmarks says on the terminal: changes first, one line a test."""
from statistics import median

WORDS = {"FAIL": "REGRESSED", "INVALID": "NOT JUDGED", "INCONCLUSIVE": "NOT JUDGED"}


def lines(joules):
    """Sensor, tests in order of urgency, counts; [] if no test was measured or missed."""
    if not joules.results:
        return []
    found = sorted((_order(judged), name, taken, judged)
                   for name, (taken, judged) in joules.results.items())
    return _sensor(joules.meter.info) + [
        line for _, name, taken, judged in found for line in _test(name, taken, judged)] \
        + _counts(joules)


def _sensor(info):
    text = "sensor: {} {}, {}".format(info.adapter, info.name, info.rail or info.reason)
    return [text] + (["NOT REAL POWER: {} was played".format(info.fake)] if info.fake else [])


def _test(name, taken, judged):
    word = "measured" if judged is None else "better" if judged.improved else \
        WORDS.get(judged.verdict, "same")
    yield "{:10}  {}  {}".format(word, name, _figures(taken))
    for sentence in judged.sentences if judged else ():
        yield "            " + sentence


def _figures(taken):
    if taken is None:
        return ""
    if not taken.joules:
        return "no joules: {}".format(taken.reason)
    text = "{:.4g} J a call, {:.4g} W, {} rounds".format(
        median(taken.joules), median(taken.watts), len(taken.joules))
    if taken.flops_per_joule:
        text += ", {:.4g} FLOP/J".format(taken.flops_per_joule)
    return text + (" ({})".format(taken.reason) if taken.reason else "")


def _counts(joules):
    judged = [each for _, each in joules.results.values() if each is not None]
    if joules.blessing:
        blessed = sum(joules.outcome(name) is None for name in joules.results)
        return ["{} of {} blessed as {}".format(blessed, len(joules.results), joules.path)]
    if not judged:
        return []
    improved = sum(each.improved for each in judged)
    counts = [sum(each.verdict in verdicts for each in judged) for verdicts in (
        ("FAIL",), ("INVALID", "INCONCLUSIVE"), ("PASS",))]
    return ["{} regressed, {} better, {} unchanged, {} not judged, against {}".format(
        counts[0], improved, counts[2] - improved, counts[1], joules.path)]


def _order(judged):
    if judged is None:
        return 4
    return 2 if judged.improved else ("FAIL", "INVALID", "INCONCLUSIVE", "", "PASS").index(
        judged.verdict)
