"""A bench meter that writes lines: files, pipes and sockets; clocks; what is no sample."""

import os
import socket

import pytest

from edgejoule.devices.adapters import external
from edgejoule.devices.clock import MACHINE
from edgejoule.devices.meter import Meter
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
