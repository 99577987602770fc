"""What a meter lives through: forks, threads, event loops, interrupts, forgetting, sleep."""

import asyncio
import copy
import gc
import linecache
import os
import pickle
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from edgejoule.devices import sampler
from edgejoule.devices.device import Device
from edgejoule.devices.meter import Meter
from edgejoule.devices.reading import DeviceInfo, Sample

ROOT = str(Path(__file__).resolve().parent.parent.parent)
WATTS = 8.0
LIMIT_S = 120.0  # for a program of a few seconds, on a machine that is busy


class Steady(Device):
    """8 W, or whatever `read` says; remembers whether it is open."""

    def __init__(self, read=None, period_s=0.02):
        self._read = read or (lambda: [Sample(watts=WATTS)])
        self._info = DeviceInfo("steady", "steady", "IN", "module", period_s=period_s)
        self.closed = 0

    def info(self):
        return self._info

    def read(self):
        return self._read()

    def close(self):
        self.closed += 1


def samplers_alive():
    return [each for each in threading.enumerate() if each.name == sampler.THREAD]


def is_right(reading):
    """True if the reading holds the constant's joules over its own seconds."""
    return reading.joules == pytest.approx(WATTS * reading.seconds, abs=1e-9)


# Forks. Each program prints a line of Python that says what became of its meter.

PROGRAM = """
import multiprocessing, os, sys, threading, time
from edgejoule import Meter, open_device
from edgejoule.devices import sampler

def alive():
    return any(each.name == sampler.THREAD for each in threading.enumerate())

def use(meter):
    "What a child might do with the meter of its parent."
    said = []
    try:
        with meter.window("child"):
            time.sleep(0.2)
    except ValueError as error:
        said.append(str(error))
    now = meter.edge()
    said += [meter.between(now - 1.0, now).joules, meter.warnings(), meter.cost()]
    said += [len(meter.trace().times_s), alive()]
    return said

def report(meter, window, code):
    "The parent's side, after the child has ended; it goes on if new samples come by themselves."
    reading, count = window.reading, len(meter.trace().times_s)
    share = reading.joules / (8.0 * reading.seconds) if reading.joules else None
    goes_on = meter.clock.until(lambda: len(meter.trace().times_s) > count, 30.0)
    print(repr(dict(code=code, alive=alive(), goes_on=goes_on, share=share,
                    warnings=[w for w in meter.warnings() if "thread" in w or "Error" in w])))
"""


def ran(tmp_path, text):
    """What a program printed last, as a value; it must end well, in time and print no more."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + textwrap.dedent(text))
    done = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=str(tmp_path),
        env=dict(os.environ, PYTHONPATH=ROOT),
    )
    try:
        said, complaints = done.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        done.kill()
        raise AssertionError("it hangs; it said {!r}".format(done.communicate())) from None
    assert done.returncode == 0, complaints.decode()
    assert complaints == b"", complaints.decode()
    return [eval(line) for line in said.decode().splitlines()]


def is_whole(found):
    """True if the sampler lives, and never had to be started anew."""
    assert found["code"] == 0 and found["alive"] and found["warnings"] == [], found
    assert found["goes_on"] and found["share"] == pytest.approx(1.0), found
    return True


def test_a_forked_child_is_told_and_its_parent_goes_on(tmp_path):
    """By os.fork, out of every block and through the interpreter's own end."""
    child, parent = ran(
        tmp_path,
        """
        with Meter(open_device(fake_power=8.0), period_s=0.01) as meter:
            with meter.window() as window:
                time.sleep(0.1)
                pid = os.fork()
                if pid == 0:
                    print(use(meter), flush=True)
                    sys.exit(0)
                code = os.waitpid(pid, 0)[1]
                time.sleep(0.2)
            report(meter, window, code)
        """,
    )
    refusal, joules, warnings, cost, samples, alive = child
    assert "was forked from it; make a Meter of its own" in refusal
    assert refusal.endswith(warnings[0]) and refusal.startswith("window 'child': this meter")
    assert (joules, cost, samples, alive) == (None, {}, 0, False)
    assert is_whole(parent)


def test_a_window_that_a_forked_child_leaves_says_so_there(tmp_path):
    child, parent = ran(
        tmp_path,
        """
        def refuse():
            if os.getpid() != parent:
                raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")

        parent = os.getpid()
        meter = Meter(open_device(fake_power=8.0), period_s=0.01, synchronise=refuse)
        meter.__enter__()
        with meter.window() as window:
            pid = os.fork()
            code = os.waitpid(pid, 0)[1] if pid else 0
        if not pid:
            print(repr(window.reading.reason), flush=True)
            meter.close()
        else:
            report(meter, window, code)
        """,
    )
    assert "was forked from it" in child and is_whole(parent)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_of_multiprocessing_measures_with_a_meter_of_its_own(tmp_path, method):
    child, parent = ran(
        tmp_path,
        """
        def work():
            with Meter("replay:8.0", period_s=0.01) as own:
                with own.window() as window:
                    time.sleep(0.3)
                report(own, window, 0)

        if __name__ == "__main__":
            meter = Meter("replay:8.0", period_s=0.01).__enter__()
            with meter.window() as window:
                time.sleep(0.1)
                process = multiprocessing.get_context({!r}).Process(target=work)
                process.start()
                process.join()
                time.sleep(0.1)
            report(meter, window, process.exitcode)
        """.format(method),
    )
    assert is_whole(child) and is_whole(parent)


def test_a_forked_child_may_enter_a_meter_that_goes_by_name(tmp_path):
    refusal, child, parent = ran(
        tmp_path,
        """
        given = Meter(open_device(fake_power=8.0))
        with Meter("replay:8.0", period_s=0.01) as meter:
            with meter.window() as window:
                pid = os.fork()
                if pid == 0:
                    with meter:
                        with meter.window() as own:
                            time.sleep(0.2)
                        try:
                            given.__enter__()
                        except ValueError as error:
                            print(repr(str(error)), flush=True)
                        report(meter, own, 0)
                        sys.stdout.flush()
                        os._exit(0)
                code = os.waitpid(pid, 0)[1]
                time.sleep(0.1)
            report(meter, window, code)
        """,
    )
    assert "its device was opened in process" in refusal and "Meter(open_device(...))" in refusal
    assert is_whole(child) and is_whole(parent)


def test_the_workers_of_a_data_loader_leave_the_meter_alone(tmp_path):
    pytest.importorskip("torch")
    [parent] = ran(
        tmp_path,
        """
        import torch
        from torch.utils.data import DataLoader, Dataset

        class Squares(Dataset):
            "Holds a meter, as a training's objects often do, and asks it for a window."
            def __len__(self):
                return 64

            def __getitem__(self, index):
                try:
                    with held[0].window("item"):
                        pass
                except ValueError:
                    return torch.tensor(float(index))
                raise AssertionError("a window of the parent's meter began in a worker")

        held = []
        with Meter(open_device(fake_power=8.0), period_s=0.01) as meter:
            held.append(meter)
            with meter.window() as window:
                for _ in range(2):
                    total = sum(x.sum().item() for x in DataLoader(Squares(), 8, num_workers=2))
                time.sleep(0.2)
            report(meter, window, 0 if total == 2016.0 else total)
        """,
    )
    assert is_whole(parent)


def test_a_meter_is_not_sent_to_another_process_or_copied(clock):
    with Meter(Steady(), clock=clock) as meter:
        for copied in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be copied or sent to another; make one"):
                copied(meter)


# Names, ends that fail, cancel and restart


def test_windows_without_a_name_get_one_of_their_own(clock):
    with Meter(Steady(), clock=clock) as meter:
        with meter.window() as first:
            with meter.window() as second, meter.window() as third:
                clock.sleep(0.1)
            assert meter.begin().name == "window 2"  # free again
        with meter.window() as after:
            pass
    assert [each.name for each in (first, second, third)] == ["window", "window 2", "window 3"]
    assert after.name == "window" and is_right(second.reading) and is_right(third.reading)


def test_a_block_is_entered_again_after_its_end_but_not_inside_itself(clock):
    with Meter(Steady(), clock=clock) as meter:
        block = meter.window()
        for _ in range(2):
            with block as opened:
                clock.sleep(0.1)
                with pytest.raises(ValueError, match="'window': this block is entered already"):
                    block.__enter__()
            assert is_right(opened.reading)


def test_repeated_work_inside_repeated_work_has_its_own_window(clock):
    with Meter(Steady(), clock=clock) as meter:
        inner = []
        outer, times = meter.repeat(
            lambda: inner.append(meter.repeat(lambda: clock.sleep(1.0))), name=None
        )
    assert times == 1 and inner[0][1] == 5 and outer.seconds >= inner[0][0].seconds
    with Meter(Steady(), clock=clock) as meter:
        with pytest.raises(ValueError, match="'repeat': it was cancelled by its own body"):
            meter.repeat(lambda: (clock.sleep(9.0), meter.cancel("repeat")))


def test_a_name_that_is_open_says_what_to_do(clock):
    with Meter(Steady(), clock=clock) as meter, meter.window("a"):
        with pytest.raises(ValueError, match="open already; end, cancel or restart it first, or"):
            meter.begin("a")
        for call in (meter.end, meter.cancel, meter.restart):
            with pytest.raises(ValueError, match="'b' is not open; open are: a"):
                call("b")
    with pytest.raises(ValueError, match="'a': the meter is not running"):
        meter.begin("a")


def test_a_synchronise_that_raises_at_the_end_closes_the_window(clock):
    fails = []

    def synchronise():
        if fails:
            raise RuntimeError("CUDA error: device-side assert triggered")

    with Meter(Steady(), synchronise=synchronise, clock=clock) as meter:
        opened = meter.begin("a")
        with meter.window("b") as block_opened:
            clock.sleep(6.0)
            fails.append(1)
            with pytest.raises(RuntimeError, match="CUDA error") as raised:
                meter.end("a")
            fails.clear()
        with pytest.raises(RuntimeError, match="CUDA error"):
            with meter.window("c") as other:
                clock.sleep(0.1)
                fails.append(1)
        with pytest.raises(RuntimeError, match="CUDA error"):
            meter.begin("d")
        fails.clear()
        for name in "abcd":
            meter.begin(name)  # none of them is open any more
    assert raised.traceback[-1].name == "synchronise"
    for reading in (opened.reading, other.reading):
        assert is_right(reading) and reading.status == "degraded"
        assert "synchronise failed at its end (RuntimeError: CUDA error" in reading.reason
    assert block_opened.reading.status == "ok"


def test_ctrl_c_while_queued_work_is_waited_for_closes_the_window(clock):
    state = []

    def synchronise():
        if state:
            raise state.pop()

    with Meter(Steady(), synchronise=synchronise, clock=clock) as meter:
        opened = meter.begin("a")
        clock.sleep(0.1)
        state.append(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            meter.end("a")
        state.append(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            meter.edge()
        meter.begin("a")
    assert is_right(opened.reading) and "(KeyboardInterrupt)" in opened.reading.reason


def test_the_works_own_error_comes_before_that_of_synchronise(clock):
    state = []

    def synchronise():
        if state:
            raise RuntimeError("CUDA error")

    with Meter(Steady(), synchronise=synchronise, clock=clock) as meter:
        with pytest.raises(KeyError):
            with meter.window() as opened:
                clock.sleep(0.1)
                state.append(1)
                raise KeyError("the work's")
    assert is_right(opened.reading) and "CUDA error" in opened.reading.reason


def test_a_body_that_raises_has_cost_what_it_cost(clock):
    with Meter(Steady(), clock=clock) as meter:
        with pytest.raises(KeyboardInterrupt):
            with meter.window() as opened:
                clock.sleep(6.0)
                raise KeyboardInterrupt
    assert is_right(opened.reading) and opened.reading.status == "ok"


def test_a_window_is_cancelled(clock):
    with Meter(Steady(), clock=clock) as meter:
        opened = meter.begin("a")
        meter.cancel("a")
        with meter.window("a") as block:
            meter.cancel("a")
        with meter.window("a") as early:
            reading = meter.end("a")
            clock.sleep(0.1)
    assert opened.reading is None and block.reading is None and "cancelled" in repr(block)
    assert early.reading is reading  # that of the end inside the block


def test_a_window_begins_again(clock):
    with Meter(Steady(), clock=clock) as meter:
        with meter.window("a") as opened:
            clock.sleep(5.0)  # warming up
            assert meter.restart("a") is opened
            clock.sleep(0.1)
    assert opened.reading.seconds == pytest.approx(0.1, abs=1e-9) and is_right(opened.reading)


def test_a_window_shows_itself(clock):
    with Meter(Steady(), clock=clock) as meter:
        with meter.window("epoch 0") as opened:
            clock.sleep(6.0)
            assert opened.reading is None and repr(opened) == "<Window 'epoch 0': open for 6 s>"
    assert repr(opened).startswith("<Window 'epoch 0': 48 J +- ") and ", ok>" in repr(opened)
    with Meter("none", clock=clock) as meter, meter.window() as opened:
        clock.sleep(1.0)
    assert repr(opened) == "<Window 'window': 1 s, not measured: none was asked for>"


# A meter's beginnings and ends


def test_a_meter_of_a_name_is_entered_again(clock):
    meter = Meter("replay:8.0", clock=clock)
    for _ in range(3):
        with meter:
            with meter.window("a") as opened:
                clock.sleep(0.5)
        assert is_right(opened.reading) and opened.reading.coverage == 1.0


def test_a_meter_of_a_device_is_entered_again_and_never_closes_it(clock):
    device = Steady()
    meter = Meter(device, clock=clock)
    for _ in range(2):
        with meter:
            left = meter.begin("left open")
            with meter.window() as opened:
                clock.sleep(0.5)
        assert is_right(opened.reading) and left.reading is None
    assert not device.closed and len(meter.trace().times_s) < 40  # of the second time alone


def test_a_meter_is_not_entered_inside_itself(clock):
    with Meter(Steady(), clock=clock) as meter:
        with pytest.raises(ValueError, match=r"running already; leave its `with` block or close"):
            meter.__enter__()
        with meter.window() as opened:
            clock.sleep(0.1)
        meter.close()
        meter.close()
    assert is_right(opened.reading)


def test_a_meter_that_is_forgotten_stops():
    """As in a notebook, whose cell is run again."""
    before = len(samplers_alive())
    device = Steady()
    for _ in range(3):
        meter = Meter(device).__enter__()
        opened = meter.begin("a")  # what is left of it does not hold it
    assert len(samplers_alive()) == before + 1
    del meter
    gc.collect()
    assert len(samplers_alive()) == before and opened.reading is None


@pytest.mark.parametrize("ending", ["", "sys.exit(0)", "os._exit(0)", "del meter"])
def test_a_program_ends_with_a_meter_that_it_forgot(tmp_path, ending):
    assert ran(
        tmp_path,
        """
        meter = Meter(open_device(fake_power=8.0)).__enter__()
        meter.begin("a")
        print("'ending'", flush=True)
        {}
        """.format(ending),
    ) == ["ending"]


def test_a_program_ends_with_a_sensor_that_hangs(tmp_path):
    assert ran(
        tmp_path,
        """
        from edgejoule.devices.device import Device
        from edgejoule import DeviceInfo

        class Hanging(Device):
            def info(self):
                return DeviceInfo("hanging", "hanging")
            def read(self):
                time.sleep(3600)

        meter = Meter(Hanging()).__enter__()
        print("'ending'", flush=True)
        """,
    ) == ["ending"]


def test_an_end_that_is_interrupted_still_stops_everything(clock):
    """By Ctrl-C while it waits for a read that takes long."""
    slow = []

    def read():
        clock.sleep(0.3 if slow else 0.0)
        return [Sample(watts=WATTS)]

    meter = Meter(Steady(read), clock=clock)
    with meter:
        slow.append(1)
        clock.sleep(0.1)
        clock.until = interrupted_once(clock)
        with pytest.raises(KeyboardInterrupt):
            meter.close()
        meter.close()
    assert clock.until(lambda: not samplers_alive(), 1.0)
    slow.clear()
    with meter, meter.window() as opened:
        clock.sleep(1.0)
    assert is_right(opened.reading)


def interrupted_once(clock):
    """The clock's `until`, to which Ctrl-C comes the first time."""
    real = clock.until

    def until(*_):
        clock.until = real
        raise KeyboardInterrupt

    return until


# Ctrl-C at every line

OURS = ("meter.py", "windows.py", "window_block.py", "sampling.py", "clock.py", "sampler.py")
ENTRIES = ("try:", "finally:", "with ")  # no interrupt comes between these and what they guard


class CtrlC:
    """Raises KeyboardInterrupt at the n-th line of the meter's code that this thread runs."""

    def __init__(self, line):
        self.left, self.where = line, None

    def __enter__(self):
        sys.settrace(self._called)
        return self

    def __exit__(self, kind, *_):
        sys.settrace(None)
        return kind is KeyboardInterrupt and self.where is not None

    def _called(self, frame, event, _):
        path = Path(frame.f_code.co_filename)
        return self._line if path.name in OURS and path.parent.name == "devices" else None

    def _line(self, frame, event, _):
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "line" and self.where is None and not text.startswith(ENTRIES):
            self.left -= 1
            if self.left == 0:
                self.where = "{}:{} {}".format(frame.f_code.co_name, frame.f_lineno, text)
                raise KeyboardInterrupt
        return self._line


def block(meter):
    with meter.window("a"):
        meter.clock.sleep(0.1)


def pair(meter):
    meter.begin("a")
    meter.clock.sleep(0.1)
    meter.end("a")


def moments(meter):
    begun = meter.edge()
    meter.clock.sleep(0.1)
    meter.between(begun, meter.edge())


def works(meter, where):
    """True if windows and their readings are as if there had been no interrupt."""
    with meter.window() as opened:
        meter.clock.sleep(0.5)
    assert opened.name == "window" and is_right(opened.reading), where
    assert opened.reading.coverage == 1.0, where
    return True


@pytest.mark.parametrize("use", [block, pair, moments])
def test_ctrl_c_at_any_line_of_a_window_leaves_a_meter_that_works(clock, use):
    for line in range(1, 10**4):
        with Meter(Steady(), clock=clock) as meter:
            clock.sleep(0.5)  # from then on samples are put into the record by the dozen
            with CtrlC(line) as interrupt:
                use(meter)
            assert use is not block or meter.begin("a"), interrupt.where  # it was open no more
            assert works(meter, interrupt.where)
        if interrupt.where is None:
            break
    assert line > 20


def test_ctrl_c_at_any_line_of_a_meters_beginning_and_end_stops_it(clock):
    for line in range(1, 10**4):
        meter = Meter(Steady(), clock=clock)
        with CtrlC(line) as interrupt:
            with meter:
                pass
        meter.close()
        assert clock.until(lambda: not samplers_alive(), 1.0), interrupt.where
        with meter:
            assert works(meter, interrupt.where)
        if interrupt.where is None:
            break
    assert line > 20


def test_a_window_whose_end_is_interrupted_has_a_reading_that_says_so(clock):
    with Meter(Steady(period_s=10.0), clock=clock) as meter:
        opened = meter.begin("a")
        clock.sleep(6.0)
        clock.until = interrupted_once(clock)
        with pytest.raises(KeyboardInterrupt):
            meter.end("a")
    assert is_right(opened.reading) and opened.reading.status == "degraded"
    assert "interrupted before the sample at its end had come" in opened.reading.reason


# Threads and event loops


def test_windows_begin_and_end_in_any_thread(clock):
    found, shared = [], []

    def work(number):
        for k in range(10):
            with meter.window() as opened:
                shared.append(meter.begin("{} of {}".format(k, number)))
                clock.sleep(0.01 * (1 + (k * number) % 7))
            found.append(opened)

    with Meter(Steady(), clock=clock) as meter:
        threads = [clock.thread(lambda n=n: work(n), "worker") for n in range(20)]
        assert clock.until(lambda: not any(each.is_alive() for each in threads), 60.0)
        assert len(shared) == len(found) == 200
        ended = [meter.end(each.name) for each in shared]  # by another than began it
    assert len({(each.name, each.start_s) for each in found}) == 200
    assert all(is_right(each.reading) for each in found) and all(is_right(r) for r in ended)


def test_real_threads_at_once():
    found, troubles = [], []

    def work():
        try:
            for _ in range(20):
                with meter.window() as outer:
                    inner = meter.begin()
                    meter.end(inner.name)
                found.append((outer, inner))
        except BaseException as error:
            troubles.append(error)

    with Meter(Steady(), period_s=0.1) as meter:
        threads = [threading.Thread(target=work) for _ in range(20)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(LIMIT_S)
        assert meter.warnings() == [] and len(samplers_alive()) == 1
    assert not troubles and len(found) == 400
    for outer, inner in found:
        for reading in (outer.reading, inner.reading):  # one of a busy machine may have a gap
            assert reading.joules is None or is_right(reading)
        assert outer.reading.seconds >= inner.reading.seconds


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_many_threads_that_find_the_sampler_dead_start_one(clock):
    state = {"kill": False}

    def read():
        if state.pop("kill", False):
            raise SystemExit
        return [Sample(watts=WATTS)]

    with Meter(Steady(read), clock=clock) as meter:
        state["kill"] = True
        clock.until(lambda: not samplers_alive(), 1.0)
        for _ in range(5):
            clock.thread(meter.edge, "worker")
        clock.sleep(0.1)
        assert len(samplers_alive()) == 1


def run_loop(coroutine):
    """`asyncio.run`, which Python 3.6 has not."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def test_coroutines_that_overlap_have_windows_of_their_own():
    async def work(meter):
        with meter.window() as opened:
            await asyncio.sleep(0)
            await asyncio.sleep(0.005)
        return opened

    async def all_of(meter):
        return await asyncio.gather(*[work(meter) for _ in range(5)])

    with Meter(Steady(), period_s=0.005) as meter:
        found = run_loop(all_of(meter))
    assert len({each.name for each in found}) == 5 and all(is_right(w.reading) for w in found)


def test_a_slow_sensor_does_not_hold_the_event_loop_up():
    asked, answer = threading.Event(), threading.Event()

    def read():
        if asked.is_set():
            answer.wait(LIMIT_S)
        return [Sample(watts=WATTS)]

    async def tick():
        answer.set()  # by the loop, while the window's end waits for this very answer

    async def work(meter):
        async with meter.window("a") as opened:
            asked.set()
            asyncio.ensure_future(tick())
        return opened

    with Meter(Steady(read), period_s=0.005) as meter:
        opened = run_loop(work(meter))
        assert answer.is_set() and is_right(opened.reading)
        assert opened.reading.reason is None or "interrupted" not in opened.reading.reason
        meter.begin("a")


def test_an_async_window_passes_errors_on_as_another_does():
    failing = []

    def synchronise():
        if failing:
            raise RuntimeError("CUDA error")

    async def work(meter, error):
        async with meter.window("a") as opened:
            failing.append(opened)
            if error:
                raise error

    with Meter(Steady(), period_s=0.005, synchronise=synchronise) as meter:
        for error, kind in ((None, RuntimeError), (KeyError("x"), KeyError)):
            with pytest.raises(kind):
                run_loop(work(meter, error))
            assert "CUDA error" in failing.pop().reading.reason
        with pytest.raises(ValueError, match="write `async with meter.window"):
            meter.window("b")(work)


def test_a_window_round_every_call_of_a_function(clock):
    with Meter(Steady(), clock=clock) as meter:
        seen = []

        @meter.window("step")
        def step(again):
            seen.append(meter.window)
            return again and "done"

        assert step(True) == "done" and step(False) is False and len(seen) == 2


# Sleep, pauses and clocks that are set


@pytest.fixture
def slept(clock, monkeypatch):
    """A list; the machine has been suspended for the sum of its seconds."""
    found = []
    monkeypatch.setattr(clock, "suspended", lambda: sum(found))
    return found


def test_a_window_across_a_suspension_says_how_long_it_was(clock, slept):
    with Meter(Steady(), clock=clock) as meter:
        with meter.window() as before:
            clock.sleep(6.0)
        outer = meter.begin("outer")
        with meter.window() as during:
            clock.sleep(3.0)
            slept += [30.0, 0.5]
            clock.sleep(3.0)
        with meter.window() as after:
            clock.sleep(6.0)
        slept.append(12.0)
        twice = meter.end("outer")
        slept.append(0.01)  # the noise of two clocks
        late = meter.begin("late")
        clock.sleep(6.0)
        meter.end("late")
    assert during.reading.seconds == pytest.approx(6.0, abs=1e-9) and is_right(during.reading)
    assert during.reading.status == "degraded"
    assert "the machine was suspended for 30.5 s in between" in during.reading.reason
    assert "suspended for 42.5 s" in twice.reason and outer.reading is twice
    for window in (before, after, late):
        assert window.reading.status == "ok" and window.reading.reason is None


def test_a_wall_clock_set_forth_and_back_changes_nothing(clock):
    with Meter(Steady(), clock=clock) as meter:
        with meter.window() as opened:
            for shift_s in (86400.0, -2 * 86400.0, 0.5):
                clock.sleep(2.0)
                clock.set_wall(clock.wall() + shift_s)
    assert opened.reading.seconds == pytest.approx(6.0, abs=1e-9)
    assert opened.reading.status == "ok" and is_right(opened.reading)


def test_a_pause_of_the_whole_machine_is_a_gap(clock):
    """A guest that its host stops: the clock goes on, and nothing is read meanwhile."""
    with Meter(Steady(), clock=clock) as meter:
        with meter.window() as opened:
            clock.sleep(6.0)
            clock.pause(3.0)
            clock.sleep(6.0)
    assert opened.reading.status == "invalid" and "gap" in opened.reading.reason
    assert opened.reading.seconds == pytest.approx(15.0, abs=1e-9)
