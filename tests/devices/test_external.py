"""A bench meter that writes lines: files, pipes and sockets; clocks; what is no sample."""

import os
import pty
import re
import socket

import pytest

from edgejoule.devices.adapters import external
from edgejoule.devices.clock import MACHINE
from edgejoule.devices.meter import Meter
from edgejoule.devices.vendors import line_sources
from edgejoule.devices.vendors.meter_columns import Columns

EVERY_S = 0.01


@pytest.fixture
def writer(clock):
    """Starts a thread that writes lines of a function of time every 10 ms of virtual time."""

    def start(write, line):
        def work():
            while True:
                write(line(clock.now()))
                clock.sleep(EVERY_S)

        clock.thread(work, "writer")

    return start


@pytest.mark.parametrize(
    "lines,wanted",
    [
        (["8.5"], [(None, 8.5)]),
        (["1.0, 8.5"], [(1.0, 8.5)]),
        (["Time,Watts,Temp", "1,8.5,40"], [None, (1.0, 8.5)]),
        (["volts,amps", "12,2"], [None, (None, 24.0)]),
        (["timestamp,power_w", "x,y"], [None, None]),
        (["volts,time", "12,2"], [None, None]),
    ],
)
def test_lines_are_understood(lines, wanted):
    columns = Columns()
    assert [columns.parse(line) for line in lines] == wanted
    assert columns.bad == sum(value is None for value in wanted[1:])


def test_a_growing_file_is_followed(tmp_path, clock, writer):
    path = tmp_path / "meter.csv"
    path.write_text("time_s,watts\n0,99\n")
    with open(str(path), "a", buffering=1) as file:
        writer(file.write, lambda t: "{:.6f},{:.3f}\n".format(t, 7.0))
        with Meter("external:" + str(path), clock=clock) as meter:
            clock.sleep(0.2)
            with meter.window() as opened:
                clock.sleep(0.5)
    assert opened.reading.joules == pytest.approx(7.0 * opened.reading.seconds, rel=0.01)
    assert opened.reading.samples >= 49 and opened.reading.peak_watts == 7.0
    assert any("clock" in text for text in meter.warnings())


def test_calendar_times_are_put_on_the_monotonic_clock(tmp_path, clock, writer):
    path = tmp_path / "meter.csv"
    path.write_text("")
    calendar_s = clock.wall() - clock.now()
    with open(str(path), "a", buffering=1) as file:
        writer(file.write, lambda t: "{:.6f},5\n".format(t + calendar_s))
        device = external.open(str(path), clock=clock)
        clock.set_wall(0.0)  # it was asked at the opening, and is not asked again
        clock.sleep(0.05)
    heard = device.read()
    assert len(heard) >= 5 and {sample.watts for sample in heard} == {5.0}
    assert heard[-1].time_s == pytest.approx(clock.now(), abs=1.1 * EVERY_S)
    device.close()


def test_a_pipe_of_bare_watts(tmp_path, clock, writer):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    writer(lambda line: os.write(end, line.encode()), lambda t: "6.5\n")
    with Meter("external:" + path, clock=clock) as meter:
        with meter.window() as opened:
            clock.sleep(0.4)
    assert opened.reading.joules == pytest.approx(6.5 * opened.reading.seconds, rel=0.01)
    assert opened.reading.coverage == 1.0
    os.close(end)


def test_a_socket():
    """Through the kernel's network, which nobody's virtual time moves."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        connections = []

        def serve():
            connections.append(server.accept()[0])
            connections[0].send(b"4\n" * external.ENOUGH_LINES)

        thread = MACHINE.thread(serve, "server")
        device = external.open("tcp:127.0.0.1:{}".format(server.getsockname()[1]))
        thread.join()
        assert device.info().name.startswith("tcp:")
        connections[0].send(b"5\n")
        heard = []
        assert MACHINE.until(lambda: heard.extend(device.read()) or heard, 30.0)
        assert [sample.watts for sample in heard] == [5.0]
        device.close()
        connections[0].close()


def test_a_meter_that_falls_silent_is_a_reason(tmp_path, clock):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    for _ in range(4):
        os.write(end, b"6.5\n")
    device = external.open(path, clock=clock)
    clock.sleep(0.14)
    assert device.read() == []
    clock.sleep(0.02)
    with pytest.raises(RuntimeError, match="has fallen silent"):
        device.read()
    device.close()
    os.close(end)


def test_what_cannot_be_opened_or_says_nothing(tmp_path, clock):
    path = tmp_path / "empty.csv"
    path.write_text("hello\n")
    begun = clock.now()
    with pytest.raises(RuntimeError, match="no line of power"):
        external.open(str(path), clock=clock)
    assert clock.now() - begun == pytest.approx(external.OPENING_S, abs=0.011)
    with pytest.raises(RuntimeError, match="cannot open"):
        external.open(str(tmp_path / "nowhere"))
    with pytest.raises(RuntimeError, match="cannot open tcp:nonsense"):
        external.open("tcp:nonsense")
    with pytest.raises(ValueError, match="external:PATH"):
        external.open()


@pytest.mark.parametrize(
    "header,line,wanted",
    [
        ("time,power_mw", "1,8500", (1.0, 8.5)),
        ("time_ms,power_uw", "1500,8500000", (1.5, 8.5)),
        ("Time (ms),Power [mW]", "1500,8500", (1.5, 8.5)),
        ('"Time [s]","P/kW"', '"1","0.0085"', (1.0, 8.5)),
        ("timestamp,POWER_MW", "1,8500", (1.0, 8.5)),
        ("t;Power W", "1,5;8,5", (1.5, 8.5)),
        ("power_w", "8.5", (None, 8.5)),
        ("mW", "8500", (None, 8.5)),
        ("milliwatts", "8500", (None, 8.5)),
        ("\u00b5W", "8500000", (None, 8.5)),
        ("Power (\u03bcW)", "8500000", (None, 8.5)),
        ("VDD_IN_mW", "8500", (None, 8.5)),
        ("time,VDD_IN_mW,temp", "1,8500,40", (1.0, 8.5)),
        ("Active Power (W),Power Factor", "8.5,0.9", (None, 8.5)),
        ("Time,Power Limit (W),Power (mW)", "1,30,8500", (1.0, 8.5)),
        ("U (mV),I (mA)", "5000,1700", (None, 8.5)),
        ("voltage_v\tcurrent_ma", "5,0\t1700", (None, 8.5)),
        ("avg power mW,power mW", "9000,8500", (None, 8.5)),
        ("# time,power_mw", "1,8500", (1.0, 8.5)),
        ("\ufefftime,power_mw", "1,8500", (1.0, 8.5)),
        ("time,power_w,state", "1,8.5,OK", (1.0, 8.5)),
        ("timestamp,watts", "1900000000000,8.5", (1.9e9, 8.5)),
        ("timestamp_us,watts", "1900000000000000,8.5", (1.9e9, 8.5)),
        ("timestamp,watts", "1900000000,8.5", (1.9e9, 8.5)),
        ("time,energy_j", "1,8.5", (1.0, 8.5)),
        ("time,Energy (mWh)", "1,1000", (1.0, 3600.0)),
    ],
)
def test_units_are_those_of_the_first_line(header, line, wanted):
    columns = Columns()
    assert columns.parse(header) is None and columns.bad == 0
    assert columns.parse(line) == pytest.approx(wanted), columns.reason
    assert columns.kind == ("joules" if "nergy" in header.lower() else "watts")


@pytest.mark.parametrize(
    "lines,why",
    [
        (["power_w", "8,5"], "2 columns where 1 are named; .*decimal comma.*semicolons"),
        (["time,power_w", "1,5,8,5"], "4 columns where 2 are named; .*decimal comma"),
        (["1,5,8,5"], "4 columns that nothing names; .*decimal comma"),
        (["time,temp,humidity", "1,40,50"], "hold no power"),
        (["foo,bar", "1,8.5"], "foo, bar hold no power"),
        (["power_w,watts", "8.5,8.5"], "2 columns hold watts; leave one"),
        (["cpu_mw,gpu_mw", "8.5,8.5"], "2 columns hold watts; leave one"),
        (["volts,temp", "5,1"], "not one of volts and one of amps"),
        (["time,P\ufffdW", "1,8500"], "hold no power"),
        (["time,power_w", "noon,8.5"], "'noon,8.5': is no number: 'noon'"),
        (["time,power_w", "1"], "1 columns, too few"),
        (["time,power_w", "inf,8.5"], "time is no moment"),
    ],
)
def test_a_line_that_is_no_sample_says_why(lines, why):
    columns = Columns()
    assert [columns.parse(line) for line in lines] == [None] * len(lines)
    assert columns.bad >= 1 and re.search(why, columns.reason), columns.reason


@pytest.mark.parametrize(
    "value", ["9.9E+37", "+9.900000E+37", "-9.9E+37", "9.91E37", "inf", "-inf", "nan", "OL", "OVLD"]
)
def test_an_overload_is_no_value(value):
    columns = Columns()
    assert columns.parse("power_w") is None
    assert columns.parse(value) is None
    assert (columns.bad, columns.missing) == (0, 1) and "overload" in columns.reason
    assert columns.parse("8.5") == (None, 8.5)
    volts = Columns()
    assert volts.parse("volts,amps") is None
    assert volts.parse("5," + value) is None and volts.missing == 1


@pytest.fixture
def pipe(tmp_path, clock):
    """(device, function that writes a line) of a meter that has said 6.5 W four times."""
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    os.write(end, b"6.5\n" * 4)
    device = external.open(path, clock=clock)
    yield device, lambda line: os.write(end, line + b"\n")
    device.close()
    os.close(end)


def test_an_overload_is_a_failed_read_beside_good_samples(pipe, clock):
    device, write = pipe
    write(b"7\n9.9E+37\n8")
    assert [sample.watts for sample in device.read()] == [7.0, 8.0]
    with pytest.raises(RuntimeError, match="^external: '9.9E[+]37': the meter shows an overload"):
        device.read()
    write(b"nan")
    with pytest.raises(RuntimeError, match="overload"):
        device.read()
    assert "2 values were overloads" in "\n".join(device.notes())


def test_an_overload_marks_the_reading(pipe, clock):
    device, write = pipe

    def speak():
        for number in range(1000):
            write(b"9.9E+37" if 100 <= number < 200 else b"6.5")
            clock.sleep(EVERY_S)

    clock.thread(speak, "meter")
    with Meter(device, clock=clock) as meter:
        with meter.window() as opened:
            clock.sleep(6.0)
    assert opened.reading.joules == pytest.approx(6.5 * 6.0, rel=0.01)
    assert opened.reading.status in ("degraded", "invalid")
    assert any("overload" in text for text in meter.warnings())


def test_bad_lines_are_told_with_an_example(pipe):
    device, write = pipe
    write(b"5 W")
    assert device.read() == []
    assert "1 lines were no samples; '5 W': is no number" in "\n".join(device.notes())


def test_decimal_commas_are_refused_where_they_part_columns(tmp_path, clock, writer):
    path = tmp_path / "meter.csv"
    path.write_text("")
    with open(str(path), "a", buffering=1) as file:
        writer(file.write, lambda t: "8,5\n")
        with pytest.raises(RuntimeError, match="times do not go forward.*decimal comma"):
            external.open(str(path), clock=clock)


def test_the_reason_stands_in_the_refusal(tmp_path, clock, writer):
    path = tmp_path / "meter.csv"
    path.write_text("watts\n")
    with open(str(path), "a", buffering=1) as file:
        writer(file.write, lambda t: "8,5\n")
        with pytest.raises(RuntimeError, match="no line of power.*'8,5': .*decimal comma"):
            external.open(str(path), clock=clock)


@pytest.mark.parametrize(
    "header,line,sensing,lag",
    [
        ("power_mw", "6500\n", "instant", 0.0),
        ("avg_power_mw", "6500\n", "average", 0.025),
        ("energy_mj", "{:.3f}\n", "counter", 0.0),
    ],
)
def test_the_first_line_says_how_values_come_about(
    tmp_path, clock, writer, header, line, sensing, lag
):
    path = tmp_path / "meter.csv"
    path.write_text(header + "\n")
    with open(str(path), "a", buffering=1) as file:
        writer(file.write, lambda t: line.format(6500 * t))
        with Meter("external:" + str(path), clock=clock) as meter:
            assert (meter.info.sensing, meter.info.lag_s) == (sensing, pytest.approx(lag))
            clock.sleep(0.5)
            with meter.window() as opened:
                clock.sleep(2.0)
    assert opened.reading.joules == pytest.approx(13.0, rel=0.03)


def test_a_micro_sign_of_one_byte_is_read_too(tmp_path, clock, writer):
    path = tmp_path / "meter.csv"
    path.write_bytes("# made by a meter\ntime [s],P [\u00b5W]\n".encode("latin-1"))
    with open(str(path), "a", buffering=1) as file:
        writer(file.write, lambda t: "{:.6f},8500000\n".format(t))
        device = external.open(str(path), clock=clock)
        clock.sleep(0.1)
        assert {sample.watts for sample in device.read()} == {8.5}
    device.close()


def test_a_line_that_is_half_written_at_opening_is_read_whole(tmp_path, clock):
    path = tmp_path / "meter.csv"
    path.write_text("watts\n99\n1")
    with open(str(path), "a", buffering=1) as file:
        clock.thread(lambda: file.write("e1\n" + "12\n" * 3), "meter")
        device = external.open(str(path), clock=clock)
        assert device.notes() == []  # its rest alone would have been no sample
        file.write("1")
        file.flush()
        assert device.read() == []
        file.write("3\n")
        assert [sample.watts for sample in device.read()] == [13.0]
    device.close()


def test_the_rest_of_a_line_without_a_beginning_is_dropped(tmp_path, clock):
    path = tmp_path / "meter.csv"
    path.write_text("9" * 2 * line_sources.TAIL)

    def speak():
        for text in ("9", "9", "9\n", "6.5\n", "7\n", "8\n"):
            append(path, text)
            clock.sleep(0.1)

    clock.thread(speak, "meter")
    device = external.open(str(path), clock=clock)
    assert device.notes() == [] and device.info().period_s == pytest.approx(0.1)
    device.close()


@pytest.fixture
def log(tmp_path, clock):
    """(path, device) of a log that said 5 W four times."""
    path = tmp_path / "meter.csv"
    path.write_text("power_mw\n")
    clock.thread(lambda: append(path, "5000\n" * 4), "meter")
    device = external.open(str(path), clock=clock)
    yield path, device
    device.close()


def append(path, text):
    with open(str(path), "a") as file:
        file.write(text)


def rotated(path):
    os.rename(str(path), str(path) + ".1")
    path.write_text("power_w\n")


def emptied(path):
    os.truncate(str(path), 0)


def removed(path):
    path.unlink()


@pytest.mark.parametrize("change", [rotated, emptied, removed])
def test_a_log_that_begins_anew_is_followed(log, change):
    path, device = log
    append(path, "6000\n")
    assert [sample.watts for sample in device.read()] == [6.0]
    append(path, "60")  # half a line, that never ends
    assert device.read() == []
    change(path)
    assert device.read() == []
    append(path, "power_w\n7\n")
    assert [sample.watts for sample in device.read()] == [7.0]
    assert any("began anew" in note for note in device.notes())


def test_a_serial_port_that_vanishes_and_returns(tmp_path, clock):
    """Its settings are those that somebody gave it, and its first bytes are half a line."""
    port = tmp_path / "ttyUSB0"

    def plug(text):
        end, other = pty.openpty()
        os.symlink(os.ttyname(other), str(port))
        os.write(end, text)
        return end, other

    def pull(ends):
        port.unlink()
        for end in ends:
            os.close(end)

    ends = plug(b".5\n" + b"6.5\n" * 5)
    device = external.open(str(port), clock=clock)
    os.write(ends[0], b"7\n")
    assert device.read()[-1].watts == 7.0
    pull(ends)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="^external: .*ttyUSB0 is .*looked for again"):
            device.read()
    ends = plug(b"5\n8\n")
    with pytest.raises(RuntimeError, match="looked for again"):  # it is not looked for all the time
        device.read()
    assert heard_within(device, clock, 10.0) == [8.0]
    assert any("began anew" in note for note in device.notes())
    device.close()
    pull(ends)


def heard_within(device, clock, limit_s):
    """The watts of the first read that hears something, asked ten times a second."""
    ends = clock.now() + limit_s
    while True:
        try:
            heard = device.read()
        except RuntimeError:
            if clock.now() >= ends:
                raise
            heard = []
        if heard:
            return [sample.watts for sample in heard]
        clock.sleep(0.1)


class Bench:
    """A meter behind a real socket that speaks by a virtual clock; it can be switched off."""

    def __init__(self, clock):
        self.clock, self.connections, self.server = clock, [], None
        self.watts, self.attempts = 4.0, 0
        self.port = 0
        self.switch_on()
        clock.thread(self.work, "meter")

    def switch_on(self):
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", self.port))
        self.server.listen(5)
        self.server.setblocking(False)
        self.port = self.server.getsockname()[1]

    def switch_off(self):
        for each in self.connections + [self.server]:
            each.close()
        self.connections, self.server = [], None

    def work(self):
        while True:
            if self.server is not None:
                self.accept()
                for each in self.connections:
                    each.send("{:g}\n".format(self.watts).encode())
            self.clock.sleep(EVERY_S)

    def accept(self):
        try:
            self.connections.append(self.server.accept()[0])
            self.attempts += 1
        except BlockingIOError:
            pass


@pytest.fixture
def bench(clock):
    meter = Bench(clock)
    yield meter
    if meter.server is not None:
        meter.switch_off()


def test_a_meter_that_is_switched_off_and_on_is_found_again(bench, clock):
    with Meter("external:tcp:127.0.0.1:{}".format(bench.port), clock=clock) as meter:
        clock.sleep(1.0)
        with meter.window() as whole:
            clock.sleep(4.0)
            bench.switch_off()
            with meter.window("off") as off:
                clock.sleep(3.0)
            bench.switch_on()
            clock.sleep(9.0)
        with meter.window("again") as again:
            clock.sleep(6.0)
        notes = meter.warnings()
    assert off.reading.status == "invalid"
    assert re.search("lost|closed the connection|refused", off.reading.reason)
    assert whole.reading.status in ("degraded", "invalid") and whole.reading.coverage < 0.9
    assert again.reading.status == "ok" and again.reading.coverage == 1.0
    assert again.reading.joules == pytest.approx(24.0, rel=0.01)
    assert any("began anew, seen 1x" in note for note in notes)


def test_a_meter_that_hangs_up_at_once_is_asked_ever_less_often(bench, clock):
    device = external.open("tcp:127.0.0.1:{}".format(bench.port), clock=clock)
    bench.switch_off()
    bench.switch_on()
    accept = bench.accept

    def refuse():
        accept()
        for each in bench.connections:
            each.close()
        bench.connections = []

    bench.accept, bench.attempts = refuse, 0
    for _ in range(1200):  # two minutes
        try:
            assert device.read() == [] or bench.attempts == 0
        except RuntimeError as error:
            assert "looked for again" in str(error)
        clock.sleep(0.1)
    assert 10 <= bench.attempts <= 20
    device.close()


def test_a_connection_that_died_without_a_word_is_made_anew(bench, clock):
    device = external.open("tcp:127.0.0.1:{}".format(bench.port), clock=clock)
    silent, bench.connections = bench.connections, []  # the meter forgot us
    bench.watts = 5.0
    clock.sleep(3.0)
    device.read()
    with pytest.raises(RuntimeError, match="fallen silent"):
        clock.sleep(3.0)
        device.read()
    assert heard_within(device, clock, 30.0)[0] == 5.0
    device.close()
    silent[0].close()


def test_a_meter_whose_clock_begins_anew_is_followed(tmp_path, clock):
    path = tmp_path / "meter.csv"
    path.write_text("time,watts\n")
    clock.thread(lambda: append(path, "".join("{},5\n".format(100 + n) for n in range(4))), "meter")
    device = external.open(str(path), clock=clock)
    append(path, "0,6\n1,7\n")
    first, second = device.read()
    assert first.time_s == clock.now() and second.time_s == first.time_s + 1.0
    assert any("clock was set" in note for note in device.notes())
    device.close()


@pytest.mark.parametrize("source", ["tcp:127.0.0.1:99999", "tcp:127.0.0.1:x", "tcp:"])
def test_a_port_that_is_none_is_a_reason(source):
    with pytest.raises(RuntimeError, match="^external: cannot open " + source):
        external.open(source)
