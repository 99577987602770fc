"""A strict reader of OpenMetrics 1.0, independent of what writes it."""

import re

NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile('([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\n]|\\\\[\\\\n"])*)"')
SAMPLE = re.compile("({})(?:\\{{(.*)\\}})? (\\S+)$".format(NAME), re.S)
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$")
SUFFIXES = {"gauge": "", "counter": "_total", "info": "_info"}
ESCAPES = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


def parse(text):
    """{sample's name: {((label, value), ...): number}} of an exposition that breaks no rule."""
    assert text.endswith("# EOF\n") and text.count("# EOF\n") == 1 and "\n\n" not in text
    found, families, open_family = {}, {}, None
    for line in text.split("\n")[:-2]:
        if line.startswith("# "):
            open_family = _meta(line, families, open_family)
        else:
            name, labels, value = _sample(line)
            assert name == open_family + SUFFIXES[families[open_family]["TYPE"]], line
            series = found.setdefault(name, {})
            assert labels not in series, "twice: " + line
            assert value >= 0 or families[open_family]["TYPE"] == "gauge", line
            series[labels] = value
    for name, meta in families.items():
        assert not meta.get("UNIT") or name.endswith("_" + meta["UNIT"]), name
        assert not name.endswith(("_total", "_info", "_created")), name
        assert meta.get("HELP"), name
    return found


def _meta(line, families, open_family):
    """The family that a line of TYPE, UNIT or HELP is about."""
    _, keyword, name, rest = line.split(" ", 3)
    assert keyword in ("TYPE", "UNIT", "HELP") and re.match(NAME + "$", name), line
    assert name == open_family or name not in families, "interleaved: " + line
    meta = families.setdefault(name, {})
    assert keyword not in meta and (keyword == "TYPE" or "TYPE" in meta), line
    assert not re.search(r'(?<!\\)(\\\\)*"', rest), "a quote that is not escaped: " + line
    meta[keyword] = rest
    return name


def _sample(line):
    match = SAMPLE.match(line)
    assert match, line
    name, inside, number = match.groups()
    assert NUMBER.match(number), line
    return name, _labels(inside or ""), float(number)


def _labels(inside):
    """((name, value), ...) in order of the names."""
    found, place = {}, 0
    while place < len(inside):
        match = LABEL.match(inside, place)
        assert match, inside[place:]
        name, value = match.groups()
        assert name not in found, name
        found[name] = re.sub(r'\\[\\n"]', lambda each: ESCAPES[each.group()], value)
        place = match.end()
        assert place == len(inside) or inside[place] == ",", inside
        place += 1
    return tuple(sorted(found.items()))
