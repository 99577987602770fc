"""Every fault of a sysfs sensor and of the sampling thread, injected while a training loop runs.

The training always completes; within three periods the reading says degraded or invalid, and
why; nothing blocks for two seconds; no joules are a silent zero. (NVML's and jtop's faults:
test_nvml, test_jtop.)
"""

import ast
import ctypes
import errno
import os
import threading
from pathlib import Path

import pytest
from rigs import board_rig, process_state
from rigs.training_loop import measured

from edgejoule.devices import sampler
from edgejoule.devices.adapters import ina3221
from edgejoule.devices.energy import window
from edgejoule.devices.energy.record import Record
from edgejoule.devices.meter import Meter
from edgejoule.devices.proof import virtual_time
from edgejoule.devices.reading import Sample
from edgejoule.devices.vendors import sysfs

ROOT = Path(__file__).resolve().parent.parent.parent
PERIODS = 3.2  # three, and the time to notice


@pytest.fixture
def board(tmp_path, clock):
    """(root, power file of the total, meter) of an emulated TX2 whose total is 3.056 W."""
    root = board_rig.build(tmp_path, "tx2")
    device = ina3221.open(root=str(root), clock=clock)
    with Meter(device, clock=clock) as meter:
        yield root, board_rig.power_file(root, "VDD_IN"), meter
    device.close()


def says(reading, word):
    """The promises common to every fault."""
    assert reading.status in ("degraded", "invalid"), reading
    assert word in reading.reason, reading.reason
    assert reading.joules is None or reading.joules == pytest.approx(
        3.056 * reading.seconds, rel=0.05
    )
    return True


def test_a_sensor_file_removed(board):
    _, path, meter = board
    reading, _ = measured(meter, 0.5, path.unlink, PERIODS * 0.1)
    assert says(reading, "No such file")


def test_a_sensor_file_emptied(board):
    _, path, meter = board
    reading, _ = measured(meter, 0.5, lambda: open(str(path), "w").close(), PERIODS * 0.1)
    assert says(reading, "expected a number, found ''")


def test_a_sensor_file_of_garbage(board):
    _, path, meter = board
    reading, _ = measured(meter, 0.5, lambda: path.write_text("nonsense\n"), PERIODS * 0.1)
    assert says(reading, "found 'nonsense")


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EIO, errno.ENODEV])
def test_a_driver_that_answers_with_an_error(board, monkeypatch, number):
    def pread(*_):
        raise OSError(number, os.strerror(number))

    reading, _ = measured(
        board[2], 0.5, lambda: monkeypatch.setattr(sysfs.os, "pread", pread), PERIODS * 0.1
    )
    assert says(reading, os.strerror(number))


def test_a_driver_whose_error_is_real(board):
    """/proc/self/mem at 0 is unmapped: a read there is the kernel's own EIO."""
    _, path, meter = board

    def replace():
        path.unlink()
        os.symlink("/proc/self/mem", str(path))

    reading, _ = measured(meter, 0.5, replace, PERIODS * 0.1)
    assert says(reading, "Input/output error")


def test_one_error_in_a_hundred_reads_is_no_matter(board, monkeypatch):
    real, calls = os.pread, []

    def pread(*arguments):
        calls.append(1)
        if len(calls) % 100 == 0:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return real(*arguments)

    monkeypatch.setattr(sysfs.os, "pread", pread)
    reading, _ = measured(board[2], 1.5, lambda: None, 0.0)
    assert reading.coverage == 1.0
    assert reading.joules == pytest.approx(3.056 * reading.seconds, rel=1e-3)


def test_a_read_that_never_returns(board, clock, monkeypatch):
    reading, _ = measured(
        board[2],
        0.5,
        lambda: monkeypatch.setattr(sysfs.os, "pread", lambda *_: clock.sleep(3600)),
        PERIODS * 0.1,
    )
    assert says(reading, "without samples")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_sampling_thread_killed(board, clock):
    meter = board[2]

    def kill():
        [thread] = [each for each in threading.enumerate() if each.name == sampler.THREAD]
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
        )
        assert clock.until(lambda: not thread.is_alive(), 1.0)

    reading, _ = measured(meter, 0.3, kill, 0.5)
    assert says(reading, "thread had died")
    again, _ = measured(meter, 0.3, lambda: None, 0.1)
    assert again.coverage == 1.0


def test_the_wall_clock_stepped(board, clock):
    reading, _ = measured(board[2], 0.3, lambda: clock.set_wall(clock.wall() - 86400), 0.4)
    assert reading.coverage == 1.0 and reading.status == "too_short"


def calls(path):
    """Functions that a file calls by a dotted name, such as "time.time"."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            owner = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            yield "{}.{}".format(owner, node.func.attr)


def imports(path):
    """Modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_nothing_that_measures_looks_at_the_wall_clock():
    """A bench meter's calendar times need it, and ask the clock that they are given."""
    walls = {"time.time", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"}
    walls |= {each + name for each in ("datetime.", "date.") for name in ("now", "today", "utcnow")}
    looking = {
        path.name for path in (ROOT / "devices").rglob("*.py") if walls.intersection(calls(path))
    }
    assert looking == {"clock.py"}


def test_what_measures_goes_by_the_clock_it_is_given():
    """What runs another process, or times this one, has real time only."""
    real = [ROOT / "devices" / name for name in ("commands", "proof", "vendors")]
    for path in (ROOT / "devices").rglob("*.py"):
        if path.parent not in real and path.name != "clock.py":
            assert not {"time", "datetime"}.intersection(imports(path)), path


def test_a_fault_in_an_hour_is_told_though_it_is_short():
    """A sensor that is silent when a long window ends is seen, whatever the coverage."""
    info = virtual_time.info(period_s=0.1)
    record = Record(0.1)
    for i in range(36000):
        record.add(0.1 * i, 0.1 * i, Sample(watts=8.0))
    reading = window.reading(record, info, 0.0, 3600.2)
    assert reading.coverage > 0.9999 and reading.status == "degraded"
    assert window.reading(record, info, 0.0, 3599.9).status == "ok"


def test_importing_and_using_changes_nothing_of_the_process(tmp_path):
    """Start method, signal handlers, filters, environment, threads, files, random numbers."""
    trace = tmp_path / "t.json"
    trace.write_text('{"schema": 1, "rail": null, "times_s": [0, 9], "watts": [5, 6]}')
    log = tmp_path / "log.csv"
    log.write_text("")
    writes = (
        "import threading, time\n"
        "def write():\n"
        "    with open({!r}, 'a', buffering=1) as f:\n"
        "        while True: f.write('5\\n'); time.sleep(0.01)\n"
        "t = threading.Thread(target=write, daemon=True); t.start()\n".format(str(log))
    )
    root = board_rig.build(tmp_path, "tx2")
    said = process_state.after_using(
        "open('none')",
        "open('replay:8.5')",
        "open({!r})".format("replay:" + str(trace)),
        "open({!r})".format("external:" + str(log)),
        "load('ina3221').open(root={!r})".format(str(root)),
        first=writes,
    )
    assert said == "unchanged", said
