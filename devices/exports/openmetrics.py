"""Metrics as text that Prometheus reads: OpenMetrics 1.0, or its older text format 0.0.4.

https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
https://prometheus.io/docs/instrumenting/exposition_formats/

What was not measured has no sample: a 0 would be drawn and averaged as if it were one.
"""

from typing import Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

OPENMETRICS = "application/openmetrics-text"
OPENMETRICS_TYPE = OPENMETRICS + "; version=1.0.0; charset=utf-8"
PLAIN_TYPE = "text/plain; version=0.0.4; charset=utf-8"
VERSIONS = ("", "0.0.1", "1.0.0")  # of OpenMetrics, all answered alike
SUFFIX = {"counter": "_total", "info": "_info"}  # of a family's samples


class Sample(NamedTuple):
    """One value and its labels; a label without a value is left out."""

    labels: Mapping[str, Optional[str]]
    value: float


class Family(NamedTuple):
    """All samples of one metric. `kind` is gauge, counter or info.

    A `name` ends in its `unit` if it has one, and never in the suffix of its kind.
    """

    name: str
    kind: str
    text: str
    unit: str
    samples: List[Sample]


def openmetrics(families: Iterable[Family]) -> str:
    """The families as an OpenMetrics 1.0 text; those without a sample are left out."""
    lines: List[str] = []
    for family in families:
        if family.samples:
            lines.append("# TYPE {} {}".format(family.name, family.kind))
            lines += ["# UNIT {} {}".format(family.name, family.unit)] if family.unit else []
            lines.append("# HELP {} {}".format(family.name, _escaped(family.text)))
            lines += _lines(family)
    return "\n".join(lines + ["# EOF"]) + "\n"


def plain(families: Iterable[Family]) -> str:
    """The families in the text format 0.0.4, which knows no units and no info."""
    lines: List[str] = []
    for family in families:
        if family.samples:
            name = family.name + SUFFIX.get(family.kind, "")
            kind = "gauge" if family.kind == "info" else family.kind
            text = family.text.replace("\\", "\\\\").replace("\n", "\\n")  # quotes stay here
            lines += ["# HELP {} {}".format(name, text), "# TYPE {} {}".format(name, kind)]
            lines += _lines(family)
    return "".join(line + "\n" for line in lines)


def negotiated(accept: Optional[str]) -> Tuple[str, Callable[[Iterable[Family]], str]]:
    """(content type, what writes it) for an Accept header; without one the older format."""
    wanted = _asked(accept or "")
    older = wanted.get("text/plain", wanted.get("text/*", wanted.get("*/*", 0.0)))
    if wanted.get(OPENMETRICS, 0.0) > 0.0 and wanted[OPENMETRICS] >= older:
        return OPENMETRICS_TYPE, openmetrics
    return PLAIN_TYPE, plain


def _lines(family: Family) -> Iterable[str]:
    name = family.name + SUFFIX.get(family.kind, "")
    for labels, value in family.samples:
        yield "{}{} {}".format(name, _labelled(labels), _number(value))


def _labelled(labels: Mapping[str, Optional[str]]) -> str:
    pairs = ['{}="{}"'.format(name, _escaped(text)) for name, text in labels.items() if text]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _escaped(text: str) -> str:
    """A text between double quotes; the backslash first, for the others bring some."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))


def _asked(accept: str) -> Dict[str, float]:
    """{media type: its weight} of an Accept header, the highest if one is named twice."""
    found: Dict[str, float] = {}
    for part in accept.split(","):
        kind, *rest = [word.strip() for word in part.lower().split(";")]
        parameters = dict(word.split("=", 1) for word in rest if "=" in word)
        if kind != OPENMETRICS or parameters.get("version", "").strip('"') in VERSIONS:
            found[kind] = max(found.get(kind, 0.0), _weight(parameters.get("q", "1")))
    return found


def _weight(text: str) -> float:
    """The number after q=, 0 if it is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0
