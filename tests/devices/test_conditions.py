"""The machine's state from emulated trees, and from nothing at all."""

import json

from rigs import board_rig

from edgejoule.devices import conditions


def test_nothing_is_known_of_an_empty_tree_and_nothing_raises(tmp_path):
    found = conditions.snapshot(str(tmp_path))
    assert found == {
        "celsius": {},
        "power_mode": None,
        "clocks": {},
        "throttling": None,
        "swap": None,
        "load_average": None,
        "boot_id": None,
        "uptime_s": None,
    }


def test_a_board_is_told_in_si(tmp_path):
    zone = tmp_path / "sys/class/thermal"
    board_rig.put(zone / "thermal_zone0/type", "GPU-therm\n")
    board_rig.put(zone / "thermal_zone0/temp", "45500\n")
    board_rig.put(zone / "thermal_zone1/type", "PMIC-Die\n")
    board_rig.put(zone / "thermal_zone1/temp", "-256000\n")
    board_rig.put(zone / "cooling_device0/type", "pwm-fan\n")
    board_rig.put(zone / "cooling_device0/cur_state", "3\n")
    board_rig.put(zone / "cooling_device1/type", "gpu-balanced\n")
    board_rig.put(zone / "cooling_device1/cur_state", "2\n")
    board_rig.put(tmp_path / "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "2035200\n")
    board_rig.put(tmp_path / "sys/class/devfreq/17000000.gp10b/cur_freq", "1300500000\n")
    board_rig.put(tmp_path / "var/lib/nvpmodel/status", "pmode:0000 fmode:quiet\n")
    board_rig.put(tmp_path / "etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=MAXN >\n")
    board_rig.put(tmp_path / "proc/meminfo", "SwapTotal: 1000 kB\nSwapFree: 400 kB\n")
    board_rig.put(tmp_path / "proc/loadavg", "1.25 1.0 0.9 2/300 77\n")
    found = conditions.snapshot(str(tmp_path))
    assert found["celsius"] == {"GPU-therm": 45.5}
    assert found["throttling"] == "cooling: gpu-balanced at 2"
    assert found["clocks"] == {"policy0": 2035200000.0, "17000000.gp10b": 1300500000.0}
    assert found["power_mode"] == "MAXN" and found["load_average"] == 1.25
    assert found["swap"] == {"used_bytes": 600 * 1024, "total_bytes": 1000 * 1024}


def test_this_machine_is_json():
    json.dumps(conditions.snapshot())
