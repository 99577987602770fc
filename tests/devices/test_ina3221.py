"""The adapter on emulated trees: units, signs, children, lag, and its refusals."""

import pytest
from rigs import board_rig

from edgejoule.devices.adapters import ina3221


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
    for mode in root.glob("devices/i2c/*/iio*/running_mode"):
        board_rig.put(mode, "1\n")
    device = ina3221.open(root=str(root))
    assert device.info().lag_s == pytest.approx(0.4224)
    device.close()


def test_a_chip_that_changes_its_averaging_is_told(tx2):
    root, device = tx2
    assert device.notes() == []
    for mode in root.glob("devices/i2c/*/iio*/running_mode"):
        board_rig.put(mode, "1\n")
    assert "changed how it averages" in device.notes()[0]


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
