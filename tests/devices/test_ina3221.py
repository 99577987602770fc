"""The adapter on emulated trees: units, signs, children, lag, and its refusals."""

import errno
import json
import os

import pytest
from rigs import board_rig
from rigs.hand_clock import HandClock

from edgejoule import command_line
from edgejoule.devices import choose, health
from edgejoule.devices.adapters import ina3221
from edgejoule.devices.vendors import sysfs


@pytest.fixture
def tx2(tmp_path, clock):
    root = board_rig.build(tmp_path, "tx2")
    device = ina3221.open(root=str(root), clock=clock)
    yield root, device
    device.close()


def test_children_are_beside_the_total_not_in_it(tx2):
    [sample] = tx2[1].read()
    assert sample.watts == pytest.approx(3.056)
    assert sample.rails["VDD_IN"] == pytest.approx(3.056)
    assert sample.rails["VDD_SYS_GPU"] == pytest.approx(0.3)


def test_a_negative_current_keeps_its_sign(tmp_path):
    root = board_rig.build(tmp_path, "agx_orin")
    board_rig.set_watts(root, "VDD_CPU_CV", -0.02)
    device = ina3221.open(root=str(root))
    assert device.read()[-1].rails["VDD_CPU_CV"] == pytest.approx(-0.02)
    device.close()


def test_a_child_that_fails_does_not_cost_the_total(tx2):
    root, device = tx2
    board_rig.power_file(root, "VDD_SYS_CPU").unlink()
    samples = [device.read()[-1] for _ in range(12)]
    assert all(sample.watts == pytest.approx(3.056) for sample in samples)
    assert "VDD_SYS_CPU" not in samples[-1].rails
    assert any("VDD_SYS_CPU" in note for note in device.notes())


def test_continuous_mode_has_the_lag_of_its_averaging(tmp_path):
    root = board_rig.build(tmp_path, "tx2")
    board_rig.set_mode(root, continuous=True)
    device = ina3221.open(root=str(root))
    info = device.info()
    assert info.lag_s == pytest.approx(0.4224) and info.update_s == pytest.approx(6.6e-3)
    assert (info.sensing, info.period_s) == ("average", 0.1)
    device.close()


@pytest.mark.parametrize("board", sorted(board_rig.BOARDS))
def test_snapshots_are_told_from_averages_on_every_board(board, tmp_path, clock):
    root = board_rig.build(tmp_path, board)
    device = ina3221.open(root=str(root), clock=clock)
    info = device.info()
    assert (info.sensing, info.lag_s, info.period_s) == ("instant", 0.0, 0.05)
    device.close()
    board_rig.set_mode(root, continuous=True)
    for name, text in (("samples", "64\n"), ("update_interval", "422\n")):
        for path in root.glob("devices/i2c/*/hwmon/*/" + name):
            board_rig.put(path, text)
    device = ina3221.open(root=str(root), clock=clock)
    info = device.info()
    if board == "thor":  # VIN's chip has no such settings
        assert (info.sensing, info.lag_s) == ("instant", 0.0)
    else:
        assert (info.sensing, info.period_s) == ("average", 0.1)
        assert info.lag_s == pytest.approx(0.4224, rel=0.01)
    device.close()


def test_chips_of_one_total_that_average_differently_are_told(tmp_path):
    root = board_rig.build(tmp_path, "agx_xavier")
    board_rig.put(next(root.glob("devices/i2c/1-0040/iio*/running_mode")), "1\n")
    device = ina3221.open(root=str(root))
    assert device.info().sensing == "instant"  # part of it may beat with the sampling
    assert "average differently" in device.notes()[0]
    device.close()


def test_few_averages_smooth_nothing_that_beats_with_the_sampling(tmp_path):
    root = board_rig.build(tmp_path, "orin_nano")
    board_rig.put(next(root.glob("devices/i2c/*/hwmon/*/samples")), "4\n")
    board_rig.put(next(root.glob("devices/i2c/*/hwmon/*/update_interval")), "26\n")
    device = ina3221.open(root=str(root))
    assert device.info().sensing == "instant"
    assert device.info().lag_s == pytest.approx(0.026)
    device.close()


@pytest.mark.parametrize("read_s,period_s", [(0.004, 0.05), (0.006, 0.1), (0.02, 0.1)])
def test_snapshots_are_taken_twice_as_often_where_reads_leave_room(
    read_s, period_s, tmp_path, monkeypatch
):
    """A read of hwmon waits for a conversion of all channels, one of iio only for its own."""
    hand, pread = HandClock(), os.pread

    def slow(*words):
        hand.sleep(read_s)
        return pread(*words)

    monkeypatch.setattr(sysfs.os, "pread", slow)
    device = ina3221.open(root=str(board_rig.build(tmp_path, "nano")), clock=hand)
    assert device.info().period_s == period_s and device.info().sensing == "instant"
    device.close()


def test_a_chip_that_was_not_ready_is_asked_again(tx2):
    root, device = tx2
    with board_rig.failing(board_rig.power_file(root, "VDD_IN"), errno.EAGAIN, times=1):
        assert device.read()[-1].watts == pytest.approx(3.056)


def test_a_total_that_fails_names_its_rail(tx2):
    root, device = tx2
    with board_rig.failing(board_rig.power_file(root, "VDD_IN"), errno.EIO):
        with pytest.raises(RuntimeError, match="^ina3221: rail VDD_IN.*Input/output error"):
            device.read()
    assert device.read()[-1].watts == pytest.approx(3.056)


def test_a_child_that_cannot_be_opened_does_not_cost_the_total(tmp_path):
    root = board_rig.build(tmp_path, "tx2")
    with board_rig.forbidden(board_rig.power_file(root, "VDD_SYS_GPU")):
        device = ina3221.open(root=str(root))
    samples = [device.read()[-1] for _ in range(12)]
    assert all(sample.watts == pytest.approx(3.056) for sample in samples)
    assert any("rail VDD_SYS_GPU: " in note and "denied" in note for note in device.notes())
    device.close()


def test_volts_that_nobody_needs_may_be_unreadable(tmp_path):
    root = board_rig.build(tmp_path, "tx2")
    with board_rig.forbidden(board_rig.power_file(root, "VDD_IN").with_name("in_voltage0_input")):
        device = ina3221.open(root=str(root))
    assert device.read()[-1].watts == pytest.approx(3.056)
    device.close()


def test_a_refusal_leaves_no_file_open(tmp_path):
    root = board_rig.build(tmp_path, "agx_xavier")
    before = len(os.listdir("/proc/self/fd"))
    board_rig.put(board_rig.power_file(root, "SYS5V"), "garbage\n")
    with pytest.raises(RuntimeError, match="rail SYS5V, part of the total.*'garbage"):
        ina3221.open(root=str(root))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_chip_that_changes_its_averaging_is_told(tx2):
    root, device = tx2
    assert device.notes() == []
    board_rig.set_mode(root, continuous=True)
    assert "changed how it averages" in device.notes()[0]


def test_whoever_asks_after_a_change_is_told_how_it_is_now(tx2):
    root, device = tx2
    assert device.info().sensing == "instant"
    board_rig.set_mode(root, continuous=True)
    info = device.info()
    assert (info.sensing, info.period_s) == ("average", 0.1)
    assert info.lag_s == pytest.approx(0.4224)


def test_a_sample_belongs_to_the_moment_it_was_read(tx2, clock):
    clock.sleep(0.3)
    [sample] = tx2[1].read()
    assert (sample.time_s, sample.span_s) == (clock.now(), 0.0)


def test_a_supplys_voltage_is_read_once_a_second(tmp_path, clock):
    root = board_rig.build(tmp_path, "agx_orin")
    device = ina3221.open(root=str(root), clock=clock)
    volts = board_rig.power_file(root, "VDD_CPU_CV").with_name("in2_input")
    board_rig.renew(volts, 2 * board_rig.VOLTS_MV)
    before = device.read()[-1].rails["VDD_CPU_CV"]
    clock.sleep(0.9)
    assert device.read()[-1].rails["VDD_CPU_CV"] == before == pytest.approx(3.205)
    clock.sleep(0.2)
    assert device.read()[-1].rails["VDD_CPU_CV"] == pytest.approx(2 * 3.205)
    device.close()


def test_hwmon_resolution_comes_from_the_shunt(tmp_path):
    device = ina3221.open(root=str(board_rig.build(tmp_path, "agx_orin")))
    assert device.info().step_watts == pytest.approx(40e-6 / 2e-3 * 5.0)
    device.close()


def test_averaging_in_hwmon_is_a_lag(tmp_path):
    root = board_rig.build(tmp_path, "orin_nano")
    board_rig.put(next(root.glob("devices/i2c/*/hwmon/*/samples")), "64\n")
    board_rig.put(next(root.glob("devices/i2c/*/hwmon/*/update_interval")), "422\n")
    device = ina3221.open(root=str(root))
    assert device.info().lag_s == pytest.approx(0.422)
    device.close()


def test_power_mode_is_named(tmp_path):
    root = board_rig.build(tmp_path, "tx2")
    board_rig.put(tmp_path / "var/lib/nvpmodel/status", "pmode:0003\n")
    board_rig.put(tmp_path / "etc/nvpmodel.conf", "< POWER_MODEL ID=3 NAME=MAXP_CORE_ARM >\n")
    device = ina3221.open(root=str(root))
    assert device.info().power_mode == "MAXP_CORE_ARM"
    assert device.info().name == "NVIDIA Jetson TX2"
    device.close()


def test_refusals_name_what_was_found(tmp_path):
    with pytest.raises(RuntimeError, match="no power monitor"):
        ina3221.open(root=str(tmp_path))
    root = board_rig.build(tmp_path, "xavier_nx")
    with pytest.raises(ValueError, match="no 'board' total here; its rails are VDD_CPU_GPU_CV"):
        ina3221.open("board", root=str(root))
    assert ina3221.present(str(root)) and not ina3221.present(str(tmp_path / "nowhere"))


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """What a container sees of a TX2 whose /sys is mounted elsewhere: its path."""
    monkeypatch.setattr(choose, "AUTO", ("ina3221", "rapl"))
    root = board_rig.build(tmp_path, "tx2")
    board_rig.put(root / "class/thermal/thermal_zone0/type", "GPU-therm\n")
    board_rig.put(root / "class/thermal/thermal_zone0/temp", "45500\n")
    board_rig.put(tmp_path / "var/lib/nvpmodel/status", "pmode:0003\n")
    return str(root)


def test_sysfs_that_is_mounted_elsewhere_is_surveyed_there(mounted, capsys):
    assert command_line.main(["devices", "--sysfs", mounted, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["chosen"] == "ina3221" and found["sensors"][0]["info"]["rail"] == "VDD_IN"
    assert found["conditions"]["celsius"] == {"GPU-therm": 45.5}
    assert found["conditions"]["power_mode"] == "3"


def test_sysfs_that_is_mounted_elsewhere_is_examined_there(mounted, capsys, monkeypatch):
    monkeypatch.setattr(health, "BURST_S", 0.02)
    words = ["doctor", "--sysfs", mounted, "--seconds", "0.05"]
    assert command_line.main(words + ["--no-load", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["info"]["rail"] == "VDD_IN"
    assert any("GPU-therm 45.5 C" in check["found"] for check in found["checks"])
    assert command_line.main(words + ["--report"]) == 0
    told = capsys.readouterr().out
    assert "VDD_SYS_GPU" in told and "NVIDIA Jetson TX2" in told and "GPU-therm" in told


def test_a_sum_is_opened_there_as_well(mounted):
    device = choose.open("ina3221:board", sysfs=mounted)
    assert device.info().rail == "VDD_IN+VDD_MUX"
    device.close()
    assert choose.open(sysfs=mounted).info().adapter == "ina3221"


@pytest.mark.parametrize("command", ["devices", "doctor"])
def test_a_place_without_sysfs_is_refused_in_a_line(command, tmp_path, capsys):
    assert command_line.main([command, "--sysfs", str(tmp_path / "nowhere")]) == 4
    said = capsys.readouterr().err
    assert "sysfs: asked for" in said and "/host/sys" in said and "Traceback" not in said


def test_a_container_whose_buses_are_masked_is_told(tmp_path):
    board_rig.put(tmp_path / ".dockerenv", "")
    (tmp_path / "sys").mkdir()
    with pytest.raises(RuntimeError, match="no power monitor.*-v /sys:/host/sys:ro"):
        ina3221.open(root=str(tmp_path / "sys"))
    (tmp_path / "sys/bus/i2c/devices").mkdir(parents=True)
    with pytest.raises(RuntimeError, match="i2c$"):  # it sees them: there is no monitor
        ina3221.open(root=str(tmp_path / "sys"))
