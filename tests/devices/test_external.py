"""A bench meter that writes lines: files, pipes and sockets; clocks; what is no sample."""

import os
import socket
import threading
import time

import pytest

from edgejoule.devices.adapters import external
from edgejoule.devices.meter import Meter
from edgejoule.devices.vendors.meter_columns import Columns


@pytest.fixture
def writer():
    """Starts a thread that writes lines of a function of time every 10 ms."""
    stopping, threads = threading.Event(), []

    def start(write, line):
        def work():
            while not stopping.is_set():
                write(line(time.monotonic()))
                time.sleep(0.01)

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield start
    stopping.set()
    for thread in threads:
        thread.join()


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


def test_a_growing_file_is_followed(tmp_path, writer):
    path = tmp_path / "meter.csv"
    path.write_text("time_s,watts\n0,99\n")
    file = open(str(path), "a", buffering=1)
    writer(file.write, lambda t: "{:.6f},{:.3f}\n".format(t, 7.0))
    with Meter("external:" + str(path)) as meter:
        time.sleep(0.2)
        with meter.window() as opened:
            time.sleep(0.5)
    assert opened.reading.joules == pytest.approx(7.0 * opened.reading.seconds, rel=0.01)
    assert opened.reading.samples > 20 and opened.reading.peak_watts == 7.0
    assert any("clock" in text for text in meter.warnings())


def test_calendar_times_are_put_on_the_monotonic_clock(tmp_path, writer):
    path = tmp_path / "meter.csv"
    path.write_text("")
    shift = time.time() - time.monotonic()
    file = open(str(path), "a", buffering=1)
    writer(file.write, lambda t: "{:.6f},5\n".format(t + shift))
    device = external.open(str(path))
    time.sleep(0.05)
    assert device.read()[-1].time_s == pytest.approx(time.monotonic(), abs=0.1)
    device.close()


def test_a_pipe_of_bare_watts(tmp_path, writer):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    writer(lambda line: os.write(end, line.encode()), lambda t: "6.5\n")
    with Meter("external:" + path) as meter:
        with meter.window() as opened:
            time.sleep(0.4)
    assert opened.reading.joules == pytest.approx(6.5 * opened.reading.seconds, rel=0.01)
    os.close(end)


def test_a_socket(writer):
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(1)
    server.settimeout(5)

    def serve():
        connection = server.accept()[0]
        writer(lambda line: connection.send(line.encode()), lambda t: "4\n")

    thread = threading.Thread(target=serve)
    thread.start()
    device = external.open("tcp:127.0.0.1:{}".format(server.getsockname()[1]))
    thread.join()
    assert device.info().name.startswith("tcp:")
    time.sleep(0.05)
    assert device.read()[-1].watts == 4.0
    device.close()
    server.close()


def test_a_meter_that_falls_silent_is_a_reason(tmp_path, monkeypatch):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    end = os.open(path, os.O_RDWR)
    for _ in range(4):
        os.write(end, b"6.5\n")
    device = external.open(path)
    device.read()
    time.sleep(0.2)
    with pytest.raises(RuntimeError, match="has fallen silent"):
        device.read()
    device.close()
    os.close(end)


def test_what_cannot_be_opened_or_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(external, "OPENING_S", 0.1)
    path = tmp_path / "empty.csv"
    path.write_text("hello\n")
    with pytest.raises(RuntimeError, match="no line of power"):
        external.open(str(path))
    with pytest.raises(RuntimeError, match="cannot open"):
        external.open(str(tmp_path / "nowhere"))
    with pytest.raises(RuntimeError, match="cannot open tcp:nonsense"):
        external.open("tcp:nonsense")
    with pytest.raises(ValueError, match="external:PATH"):
        external.open()
