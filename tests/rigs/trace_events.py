"""Checks a timeline against the rules of the Trace Event Format and of Perfetto's reader.

Independent of the code that writes it: what must hold is taken from the format's description.
"""

import json
import re
from numbers import Real

PHASES = {"M", "X", "C"}
NEEDED = {"M": {"args"}, "X": {"dur", "tid"}, "C": {"args"}}
NAMES = {"process_name", "thread_name"}


def checked(text):
    """The document of a timeline's text; fails where it breaks a rule."""
    assert re.match(r'\s*{\s*"traceEvents"\s*:\s*\[', text), "Perfetto reads no further"
    assert "\\u" not in text.split("\n],\n")[0], "an escape that its scanner does not know"
    document = json.loads(text, parse_constant=_no_constant)
    events = document["traceEvents"]
    for event in events:
        _check_event(event)
    assert {e["name"] for e in events if e["ph"] == "M"} == NAMES
    _check_nesting([each for each in events if each["ph"] == "X"])
    _check_counters([each for each in events if each["ph"] == "C"])
    return document


def slices(document):
    """[(name, start s, end s)] of a document."""
    return [
        (e["name"], e["ts"] / 1e6, (e["ts"] + e["dur"]) / 1e6)
        for e in document["traceEvents"]
        if e["ph"] == "X"
    ]


def counter(document, name):
    """[(s, value)] of a counter; [] if there is none of that name."""
    return [
        (e["ts"] / 1e6, value)
        for e in document["traceEvents"]
        if e["ph"] == "C" and e["name"] == name
        for value in e["args"].values()
    ]


def depth(document, name):
    """In how many other slices the first slice of that name lies."""
    found = slices(document)
    _, start, end = next(each for each in found if each[0] == name)
    inside = [each for each in found if each[1] <= start and end <= each[2]]
    return len(inside) - 1


def _no_constant(name):
    raise AssertionError("{} is no JSON".format(name))


def _check_event(event):
    assert list(event)[:2] == ["ph", "ts"], event
    assert event["ph"] in PHASES and NEEDED[event["ph"]] <= set(event), event
    assert isinstance(event["name"], str) and event["name"], event
    assert type(event["ts"]) is int and event["ts"] >= 0, event
    assert type(event["pid"]) is int, event
    assert type(event.get("dur", 0)) is int and event.get("dur", 0) >= 0, event
    assert all(not isinstance(each, (list, dict)) for each in event["args"].values()), event


def _check_nesting(found):
    """On one thread two slices lie apart or one in the other."""
    spans = sorted((e["ts"], -e["dur"]) for e in found)
    around = []
    for start, length in spans:
        while around and around[-1] <= start:
            around.pop()
        assert not around or start - length <= around[-1], "slices overlap"
        around.append(start - length)


def _check_counters(found):
    """Numbers, one unit a counter, and no time before the one before it."""
    seen = {}
    for event in found:
        ((unit, value),) = event["args"].items()
        assert isinstance(value, Real) and not isinstance(value, bool), event
        last_s, last_unit = seen.get(event["name"], (event["ts"], unit))
        assert event["ts"] >= last_s and unit == last_unit, event
        seen[event["name"]] = (event["ts"], unit)
