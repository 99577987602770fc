"""Metrics as text: grammar, escapes, and which of two formats a client gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs import openmetrics_text

from edgejoule.devices.exports import openmetrics
from edgejoule.devices.exports.openmetrics import Family, Sample

FAMILIES = [
    Family("a_sensor", "info", 'What "it" is.', "", [Sample({"rail": "VDD_IN", "fake": None}, 1)]),
    Family("a_watts", "gauge", "Power\\now\nand then.", "watts", [Sample({"rail": "x"}, -0.5)]),
    Family("a_joules", "counter", "Energy.", "joules", [Sample({}, 1e-7), Sample({"r": "b"}, 3)]),
    Family("a_celsius", "gauge", "Nothing was measured.", "celsius", []),
]
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;"
    "version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3"
)
ANY_TEXT = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1)


def labelled(label):
    return [Family("a_watts", "gauge", label, "watts", [Sample({"rail": label, "z": "z"}, 2.5)])]


def test_the_text_is_openmetrics():
    found = openmetrics_text.parse(openmetrics.openmetrics(FAMILIES))
    assert found == {
        "a_sensor_info": {(("rail", "VDD_IN"),): 1.0},
        "a_watts": {(("rail", "x"),): -0.5},
        "a_joules_total": {(): 1e-7, (("r", "b"),): 3.0},
    }


def test_what_was_not_measured_is_not_there():
    for written in (openmetrics.openmetrics(FAMILIES), openmetrics.plain(FAMILIES)):
        assert "celsius" not in written


def test_nothing_at_all_is_still_a_whole_text():
    assert openmetrics.openmetrics([]) == "# EOF\n"
    assert openmetrics.plain([]) == ""


@given(ANY_TEXT)
def test_any_label_survives(label):
    found = openmetrics_text.parse(openmetrics.openmetrics(labelled(label)))
    assert found == {"a_watts": {(("rail", label), ("z", "z")): 2.5}}


@given(ANY_TEXT)
def test_prometheus_own_parsers_read_any_label(label):
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    older = pytest.importorskip("prometheus_client.parser")
    texts = (openmetrics.openmetrics(labelled(label)), openmetrics.plain(labelled(label)))
    for text, read in zip(texts, (parser, older)):
        (family,) = read.text_string_to_metric_families(text)
        assert family.samples[0].labels == {"rail": label, "z": "z"}


def test_prometheus_own_parsers_read_all_kinds():
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    found = list(parser.text_string_to_metric_families(openmetrics.openmetrics(FAMILIES)))
    assert [(each.name, each.type, each.unit) for each in found] == [
        ("a_sensor", "info", ""),
        ("a_watts", "gauge", "watts"),
        ("a_joules", "counter", "joules"),
    ]
    assert found[1].documentation == FAMILIES[1].text
    older = pytest.importorskip("prometheus_client.parser")
    found = list(older.text_string_to_metric_families(openmetrics.plain(FAMILIES)))
    assert [(each.name, each.type) for each in found] == [
        ("a_sensor_info", "gauge"),
        ("a_watts", "gauge"),
        ("a_joules", "counter"),
    ]


def test_the_older_format_in_full():
    assert openmetrics.plain(FAMILIES[:2]) == (
        '# HELP a_sensor_info What "it" is.\n'
        "# TYPE a_sensor_info gauge\n"
        'a_sensor_info{rail="VDD_IN"} 1\n'
        "# HELP a_watts Power\\\\now\\nand then.\n"
        "# TYPE a_watts gauge\n"
        'a_watts{rail="x"} -0.5\n'
    )


@pytest.mark.parametrize(
    "accept,newer",
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("text/html, */*;q=0.8", False),
        (PROMETHEUS, True),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=1.0.0; charset=utf-8", True),
        ('application/openmetrics-text; version="0.0.1"', True),
        ("application/openmetrics-text; version=7.0.0, text/plain;q=0.1", False),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nonsense", False),
        (";;,=,q=", False),
    ],
)
def test_a_client_gets_what_it_accepts(accept, newer):
    kind, write = openmetrics.negotiated(accept)
    assert write is (openmetrics.openmetrics if newer else openmetrics.plain)
    assert kind == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
        if newer
        else "text/plain; version=0.0.4; charset=utf-8"
    )
