"""Looks as lines and as metrics: in virtual time, and how the command begins and ends."""

import argparse
import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from rigs import board_rig, openmetrics_text

from edgejoule.devices import conditions
from edgejoule.devices.commands import watch
from edgejoule.devices.device import Device
from edgejoule.devices.exports import metrics_server, openmetrics
from edgejoule.devices.live.looks import Look, looks
from edgejoule.devices.live.totals import Totals
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Sample

ROOT = Path(__file__).resolve().parent.parent.parent
EDGEJOULE = [sys.executable, str(ROOT / "edgejoule.py"), "watch"]
FAKE = ["--fake-power", "5"]


def asked(*words):
    parser = argparse.ArgumentParser()
    watch.arguments(parser)
    return parser.parse_args([str(word) for word in words])


def refused(*words):
    """The one line of a request that was not understood."""
    process = subprocess.Popen(
        EDGEJOULE + FAKE + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = process.communicate(timeout=30)
    assert process.returncode == 4 and not out and err.count(b"\n") == 1, err
    return err.decode()


@pytest.mark.parametrize("option", ["--interval", "--seconds"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "0", "-1", "abc", ""])
def test_times_that_cannot_be_meant(option, value):
    said = refused("{}={}".format(option, value))
    assert option in said and repr(value) in said and "more than 0" in said


def test_an_interval_of_more_than_a_day():
    assert "at most 86400" in refused("--interval", "86401")


@pytest.mark.parametrize("value", ["99999", "65536", "-1", "abc", "80.5", "", "1e3", "\u0663"])
def test_ports_that_are_none(value):
    said = refused("--prometheus={}".format(value))
    assert "--prometheus" in said and "from 0 (any free one) to 65535" in said


def test_an_address_without_a_server():
    assert "add --prometheus" in refused("--bind", "0.0.0.0")


def test_fake_power_and_a_tree_of_sensors():
    assert "drop one" in refused("--sysfs", "/sys")


@pytest.mark.parametrize("address", ["203.0.113.7", "no.such.host.invalid", "a..b", "\udcff"])
def test_an_address_of_another_machine(address):
    with pytest.raises(ValueError, match="one of this machine's"):
        metrics_server.Metrics(0, address)


def test_a_port_that_is_taken():
    taken = metrics_server.Metrics(0)
    try:
        port = taken.url.rsplit(":", 1)[1].split("/")[0]
        assert "which another program uses" in refused("--prometheus", port)
    finally:
        taken.close()


def lines(capsys):
    return capsys.readouterr().out.splitlines()


def test_a_look_every_interval(clock, capsys):
    assert watch.run(asked(*FAKE + ["--interval", 2, "--seconds", 5, "--json"]), clock) == 0
    device, *found = [json.loads(line) for line in lines(capsys)]
    assert list(device) == ["device"] and device["device"]["fake"] == "constant 5 W"
    assert [look["seconds"] for look in found] == pytest.approx([2, 4, 5])
    assert [look["span_s"] for look in found] == pytest.approx([2, 2, 1])
    assert [look["joules"] for look in found] == pytest.approx([10, 10, 5], rel=1e-3)
    assert all(look["watts"] == pytest.approx(5.0) for look in found)


def test_an_interval_longer_than_all_of_it(clock, capsys):
    assert watch.run(asked(*FAKE + ["--interval", 60, "--seconds", 3, "--json"]), clock) == 0
    (look,) = [json.loads(line) for line in lines(capsys)[1:]]
    assert look["seconds"] == pytest.approx(3.0)


def test_a_line_a_look(clock, capsys):
    assert watch.run(asked(*FAKE + ["--seconds", 3]), clock) == 0
    assert lines(capsys) == [
        "replay: constant of no sensor, NOT REAL: constant 5 W",
        "     1.0 s        5.00 W",
        "     2.0 s        5.00 W",
        "     3.0 s        5.00 W",
    ]


def test_sensors_and_zones_of_another_tree(clock, capsys, tmp_path):
    root = board_rig.build(tmp_path / "host", "tx2")
    board_rig.heat(root, {"GPU-therm": 45.5})
    assert watch.run(asked("--sysfs", root, "--seconds", 2, "--json"), clock) == 0
    device, look, _ = [json.loads(line) for line in lines(capsys)]
    assert device["device"]["rail"] == "VDD_IN"
    assert look["watts"] == pytest.approx(3.056, rel=1e-3) and look["rails"]["VDD_SYS_CPU"] > 0
    assert look["celsius"] == {"GPU-therm": 45.5}


class Failing(Device):
    """A sensor that fails between two moments after its opening."""

    def __init__(self, clock, first_s, last_s, rails=None):
        self._clock, self._begun = clock, clock.now()
        self._first_s, self._last_s, self._rails = first_s, last_s, rails or {}

    def info(self):
        return DeviceInfo("made up", 'a "board"', "IN", "module", period_s=0.1)

    def read(self):
        if self._first_s <= self._clock.now() - self._begun < self._last_s:
            raise RuntimeError("the bus is stuck")
        return [Sample(watts=4.0, rails=self._rails)]


def scrapes(device, clock, seconds, interval=1.0):
    """What Prometheus would read after every look, as {name: {labels: number}}."""
    totals, found = Totals(device.info()), []
    with Meter(device, clock=clock) as meter:

        def pause(deadline_s):
            clock.sleep(deadline_s - clock.now())

        for look in looks(meter, interval, seconds, dict, pause):
            totals.add(look)
            found.append(openmetrics_text.parse(openmetrics.openmetrics(totals.families())))
    return found


def values(found, name, labels=()):
    return [each.get(name, {}).get(labels) for each in found]


def test_a_failed_stretch_adds_nothing_and_shows(clock):
    device = Failing(clock, 10.2, 19.8, rails={"CPU": 1.5})
    found = scrapes(device, clock, 30)
    up = values(found, "edgejoule_sensor_up")
    assert up[:9] == [1] * 9 and up[11:18] == [0] * 7 and up[22:] == [1] * 8
    gap = values(found, "edgejoule_gap_seconds_total")
    assert gap[0] == 0 and gap == sorted(gap) and gap[-1] == pytest.approx(30 - sum(up), abs=0.1)
    assert values(found, "edgejoule_watched_seconds_total")[-1] == pytest.approx(30, abs=0.1)
    for rail, watts in (("IN", 4.0), ("CPU", 1.5)):
        joules = values(found, "edgejoule_joules_total", (("rail", rail),))
        assert joules == sorted(joules)
        assert joules[11] == joules[17] and joules[-1] == pytest.approx(watts * sum(up), rel=0.02)
        shown = values(found, "edgejoule_watts", (("rail", rail),))
        assert shown[0] == pytest.approx(watts) and shown[12] is None


def test_a_sensor_that_never_answers_has_no_joules(clock):
    found = scrapes(Failing(clock, 0.0, 1e9), clock, 3)
    assert values(found, "edgejoule_sensor_up") == [0, 0, 0]
    assert all("edgejoule_joules_total" not in each for each in found)


def test_a_counter_never_falls():
    totals = Totals(DeviceInfo("a", "b", "IN", "module"))
    last = {}
    for watts in (3.0, -0.5, None, 0.0, 2.0):
        status = "invalid" if watts is None else "too_short"
        totals.add(Look(1.0, 1.0, watts, watts, {"low": -0.1}, {}, status, None))
        found = openmetrics_text.parse(openmetrics.openmetrics(totals.families()))
        joules = found["edgejoule_joules_total"]
        assert all(joules[labels] >= before for labels, before in last.items())
        last = joules
    assert last == {(("rail", "IN"),): 5.0, (("rail", "low"),): 0.0}


def test_what_is_read_is_told_once():
    totals = Totals(DeviceInfo("a", 'b "c"', None, "board", fake="constant 5 W"))
    found = openmetrics_text.parse(openmetrics.openmetrics(totals.families()))
    assert found == {
        "edgejoule_sensor_info": {
            (
                ("adapter", "a"),
                ("board", 'b "c"'),
                ("fake", "constant 5 W"),
                ("rail", "total"),
                ("scope", "board"),
            ): 1.0
        }
    }


def test_prometheus_own_parser_reads_a_board(clock):
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    totals = Totals(DeviceInfo("a", "b", "IN", "module", power_mode="MAXN"))
    totals.add(Look(1.0, 1.0, 3.0, 3.0, {"IN": 3.0, "CPU": 1.0}, {"GPU": 40.5}, "ok", None))
    text = openmetrics.openmetrics(totals.families())
    found = {each.name: each for each in parser.text_string_to_metric_families(text)}
    assert found["edgejoule_joules"].type == "counter"
    assert [each.value for each in found["edgejoule_watts"].samples] == [3.0, 1.0]
    assert found["edgejoule_temperature_celsius"].unit == "celsius"


def get(url, accept=None, method="GET"):
    """(code, content type, text) of a page."""
    request = urllib.request.Request(url, headers={"Accept": accept} if accept else {})
    request.get_method = lambda: method
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


@pytest.fixture
def server():
    made = metrics_server.Metrics(0)
    made.publish(
        [openmetrics.Family("a_watts", "gauge", "A.", "watts", [openmetrics.Sample({}, 2.5)])]
    )
    yield made
    made.close()


def test_the_page_in_both_formats(server):
    code, kind, text = get(server.url, "application/openmetrics-text; version=1.0.0")
    assert (code, kind) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert openmetrics_text.parse(text) == {"a_watts": {(): 2.5}}
    code, kind, text = get(server.url + "?name[]=a_watts", "*/*")
    assert (code, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert text == "# HELP a_watts A.\n# TYPE a_watts gauge\na_watts 2.5\n"


def test_the_other_pages(server):
    assert server.url.startswith("http://127.0.0.1:")
    home = server.url[: -len("metrics")]
    code, _, text = get(home)
    assert code == 200 and "/metrics" in text
    code, _, text = get(home + "favicon.ico")
    assert code == 404 and "/metrics" in text
    code, kind, text = get(server.url, method="HEAD")
    assert code == 200 and kind.startswith("text/plain") and not text


def test_a_client_that_goes_away_is_no_trouble(server, capfd):
    host, port = server.url.split("/")[2].split(":")
    for said in (b"", b"GET /metr", b"\x16\x03\x01 nonsense\r\n\r\n"):
        client = socket.create_connection((host, int(port)))
        client.sendall(said)
        client.close()
    assert get(server.url)[0] == 200
    assert capfd.readouterr().err == ""


def test_an_ipv6_address():
    try:
        socket.socket(socket.AF_INET6).bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    made = metrics_server.Metrics(0, "::1")
    try:
        assert made.url.startswith("http://[::1]:") and get(made.url)[0] == 200
    finally:
        made.close()


def heed_interrupts():
    """A shell starts background jobs, and so these tests at times, with Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def started(*words):
    return subprocess.Popen(
        EDGEJOULE + FAKE + list(words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_interrupts,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [["--json"], []])
def test_a_signal_ends_it_well(number, words):
    process = started("--interval", "0.05", *words)
    for _ in range(2):  # each line is there when it is written: nothing waits for a buffer
        process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")


def test_a_signal_in_a_long_interval():
    process = started("--interval", "86400", "--json")
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")


def test_a_reader_that_leaves():
    process = started("--interval", "0.05", "--json")
    assert b"device" in process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) in (0, 141) and process.stderr.read() == b""
    process.stderr.close()


def test_the_command_serves_what_it_shows():
    process = started("--interval", "0.05", "--prometheus", "0", "--json")
    url = process.stderr.readline().decode().split()[-1]
    for _ in range(3):
        process.stdout.readline()
    found = openmetrics_text.parse(get(url, "application/openmetrics-text")[2])
    assert (("rail", "constant"),) in found["edgejoule_watts"]
    assert found["edgejoule_watched_seconds_total"][()] >= 0.1
    (sensor,) = found["edgejoule_sensor_info"]
    assert dict(sensor)["fake"] == "constant 5 W"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")


def test_zones_of_any_tree_and_of_the_machine(tmp_path):
    for folder in ("elsewhere", "sys"):
        board_rig.heat(tmp_path / folder, {"GPU-therm": 45.5, "off": -256.0})
        assert conditions.zones(str(tmp_path / folder)) == {"GPU-therm": 45.5}
    assert conditions.celsius(str(tmp_path)) == {"GPU-therm": 45.5}
