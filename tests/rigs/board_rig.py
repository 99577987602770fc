"""Emulated sysfs trees of Jetson boards: iio (L4T <= 32), hwmon (L4T >= 34), INA238 (Thor)."""

import os
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

# board: (layout, device tree model, compatible, {chip: [(rail, mW), ...]})
TX2 = {
    "0-0040": [("VDD_SYS_GPU", 300), ("VDD_SYS_SOC", 500), ("VDD_4V0_WIFI", 0)],
    "0-0041": [("VDD_IN", 3056), ("VDD_SYS_CPU", 700), ("VDD_SYS_DDR", 374)],
    "0-0042": [("VDD_MUX", 1900), ("VDD_5V0_IO_SYS", 800), ("VDD_3V3_SYS", 400)],
    "0-0043": [("VDD_3V3_IO_SLP", 20), ("VDD_1V8_IO", 100), ("VDD_3V3_SYS_M2", 60)],
}
TX1 = {
    "1-0040": [("VDD_IN", 4000), ("VDD_GPU", 500), ("VDD_CPU", 800)],
    "1-0042": [("VDD_MUX", 2000), ("VDD_5V_IO_SYS", 700), ("VDD_3V3_SYS", 300)],
    "1-0043": [("VDD_3V3_IO", 10), ("VDD_1V8_IO", 90), ("VDD_M2_IN", 40)],
}
BOARDS = {
    "nano": (
        "iio",
        "NVIDIA Jetson Nano Developer Kit",
        "nvidia,p3448-0000",
        {"6-0040": [("POM_5V_IN", 2500), ("POM_5V_GPU", 100), ("POM_5V_CPU", 500)]},
    ),
    "tx1": ("iio", "NVIDIA Jetson TX1", "nvidia,p2180", TX1),
    "tx2": ("iio", "NVIDIA Jetson TX2", "nvidia,p3310", TX2),
    "tx2i": (
        "iio",
        "NVIDIA Jetson TX2i",
        "nvidia,p3489-0000",
        dict(TX2, **{"0-0040": [("VDD_SYS_GPU", 300), ("VDD_SYS_SOC", 500), ("NC", 0)]}),
    ),
    "tx2_4gb": ("iio", "NVIDIA Jetson TX2 4GB", "nvidia,p3489-0888", TX2),
    "tx2_nx": (
        "iio",
        "NVIDIA Jetson TX2 NX",
        "nvidia,p3636-0001",
        {"7-0040": [("VDD_IN", 3100), ("VDD_CPU_GPU", 900), ("VDD_SOC", 600)]},
    ),
    "agx_xavier": (
        "iio",
        "NVIDIA Jetson AGX Xavier",
        "nvidia,p2888-0001",
        {
            "1-0040": [("GPU", 700), ("CPU", 900), ("SOC", 1500)],
            "1-0041": [("CV", 0), ("VDDRQ", 400), ("SYS5V", 2000)],
        },
    ),
    "xavier_nx": (
        "iio",
        "NVIDIA Jetson Xavier NX",
        "nvidia,p3668-0000",
        {"7-0040": [("VDD_IN", 3600), ("VDD_CPU_GPU_CV", 500), ("VDD_SOC", 1100)]},
    ),
    "orin_nano": (
        "hwmon",
        "NVIDIA Jetson Orin Nano",
        "nvidia,p3767-0003",
        {"1-0040": [("VDD_IN", 4400), ("VDD_CPU_GPU_CV", 560), ("VDD_SOC", 1300)]},
    ),
    "agx_orin": (
        "hwmon",
        "NVIDIA Jetson AGX Orin",
        "nvidia,p3701-0000",
        {
            "1-0040": [("VDD_GPU_SOC", 4405), ("VDD_CPU_CV", 3205), ("VIN_SYS_5V0", 14820)],
            "1-0041": [("NC", 0), ("VDDQ_VDD2_1V8AO", 1090), ("NC", 0)],
        },
    ),
    "igx": (
        "hwmon",
        "NVIDIA IGX Orin",
        "nvidia,p3740-0002+p3701-0008",
        {
            "1-0040": [("VDD_GPU_SOC", 4400), ("VDD_CPU_CV", 3200), ("VIN_SYS_5V0", 5000)],
            "1-0041": [("NC", 0), ("VDDQ_VDD2_1V8AO", 1000), ("NC", 0)],
            "7-0041": [("CVB_ATX_12V", 20000), ("CVB_ATX_3V3", 3000), ("CVB_ATX_5V", 4000)],
        },
    ),
    "thor": (
        "hwmon",
        "NVIDIA Jetson AGX Thor",
        "nvidia,p4071-0000+p3834-0008",
        {
            "1-0040": [("VDD_GPU", 1960), ("VDD_CPU_SOC_MSS", 5890), ("VIN_SYS_5V0", 5640)],
            "2-0044": [("VIN", 19800)],
        },
    ),
}
TOTALS = {  # (scope, watts) of the usual total
    "nano": ("board", 2.5),
    "tx1": ("module", 4.0),
    "tx2": ("module", 3.056),
    "tx2i": ("module", 3.056),
    "tx2_4gb": ("module", 3.056),
    "tx2_nx": ("module", 3.1),
    "agx_xavier": ("module", 5.5),
    "xavier_nx": ("module", 3.6),
    "orin_nano": ("module", 4.4),
    "agx_orin": ("module", 22.43),
    "igx": ("module", 12.6),
    "thor": ("board", 19.8),
}
OTHER_TOTALS = {  # of the boards that can be measured in another scope as well
    "tx1": ("board", 6.0),
    "tx2": ("board", 4.956),
    "tx2i": ("board", 4.956),
    "tx2_4gb": ("board", 4.956),
    "igx": ("board", 27.0),
    "thor": ("module", 13.49),
}
VOLTS_MV = 5000  # so that 1 mA is 5 mW in the hwmon layout


def build(folder, board: str) -> Path:
    """A sysfs root like the board's, two paths to every chip as on the real thing."""
    _, model, compatible, chips = BOARDS[board]
    root = Path(str(folder)) / "sys"
    put(root / "firmware/devicetree/base/model", model + "\0")
    put(root / "firmware/devicetree/base/compatible", compatible + "\0nvidia,tegra\0")
    for number, (chip, rails) in enumerate(sorted(chips.items())):
        add_chip(root, board, chip, rails, number)
    return root


def add_chip(root, board: str, chip: str, rails, number: int = 9):
    """A chip with these rails beside those of a board, in the layout of the board."""
    layout = BOARDS[board][0]
    driver = "ina238" if rails[0][0] == "VIN" else "ina3221" if layout == "hwmon" else "ina3221x"
    home = root / "devices" / "i2c" / chip
    put(home / "name", driver + "\n")
    fill = {"ina238": _ina238, "ina3221": _hwmon, "ina3221x": _iio}[driver]
    fill(home, number, rails)
    for link in ("bus/i2c/devices", "bus/i2c/drivers/" + driver):
        (root / link).mkdir(parents=True, exist_ok=True)
        os.symlink(str(home), str(root / link / chip))


def put(path, text: str):
    """Write a file as a kernel would show it: readers never see half of it."""
    path = Path(str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    os.replace(str(fresh), str(path))


def renew(path, number: int):
    """Change a value in place, as a driver does: whoever holds the file sees it at once."""
    with open(str(path), "r+b") as file:
        file.write("{:<20d}\n".format(int(number)).encode())


def heat(root, celsius):
    """Give the board these thermal zones: {type: degrees}."""
    for number, (name, degrees) in enumerate(celsius.items()):
        zone = Path(str(root)) / "class/thermal/thermal_zone{}".format(number)
        put(zone / "type", name + "\n")
        put(zone / "temp", "{:.0f}\n".format(degrees * 1e3))


def power_file(root, label: str) -> Path:
    """The file whose number makes a rail's power: mW (iio) or mA at 5 V (hwmon)."""
    for name in root.glob("devices/i2c/*/iio:device*/rail_name_*"):
        if name.read_text().strip() == label:
            return name.with_name("in_power{}_input".format(name.name[-1]))
    for name in root.glob("devices/i2c/*/hwmon/hwmon*/in*_label"):
        if name.read_text().strip() == label:
            return name.with_name("curr{}_input".format(name.name[2]))
    return next(root.glob("devices/i2c/*/hwmon/hwmon*/power1_input"))


def label_file(root, label: str) -> Path:
    """The file that names a rail; INA238's VIN has none."""
    names = list(root.glob("devices/i2c/*/iio:device*/rail_name_*"))
    names += root.glob("devices/i2c/*/hwmon/hwmon*/in*_label")
    return next(name for name in names if name.read_text().strip() == label)


def set_mode(root, continuous: bool):
    """Set every chip of the iio layout to continuous or to triggered conversion."""
    for mode in root.glob("devices/i2c/*/iio*/running_mode"):
        put(mode, "{:d}\n".format(continuous))


@contextmanager
def failing(path, code: int, times: float = float("inf")):
    """As long as it is entered, reading that file fails with an errno, so many times."""
    left, pread = [times], os.pread

    def fail(descriptor, *size):
        if left[0] > 0 and os.readlink("/proc/self/fd/{}".format(descriptor)) == str(path):
            left[0] -= 1
            raise OSError(code, os.strerror(code), str(path))
        return pread(descriptor, *size)

    with mock.patch("os.pread", fail):
        yield


@contextmanager
def forbidden(path):
    """As long as it is entered, that file cannot be opened by a number's reader, root or not."""
    opened = os.open

    def refuse(name, *words, **more):
        if os.path.realpath(str(name)) == str(path):
            raise PermissionError(13, "Permission denied", str(name))
        return opened(name, *words, **more)

    with mock.patch("os.open", refuse):
        yield


def set_watts(root, label: str, watts: float):
    """Make a rail draw that much."""
    path = power_file(root, label)
    unit = 1e3 if "iio" in str(path) else 1e6 if path.name == "power1_input" else 1e6 / VOLTS_MV
    renew(path, int(round(watts * unit)))


def _iio(home, number, rails):
    folder = home / "iio:device{}".format(number)
    put(folder / "running_mode", "0\n")
    for n, (label, milliwatts) in enumerate(rails):
        put(folder / "rail_name_{}".format(n), label + "\n")
        put(folder / "in_voltage{}_input".format(n), "{}\n".format(VOLTS_MV))
        put(folder / "in_current{}_input".format(n), "{}\n".format(milliwatts // 5))
        put(folder / "in_power{}_input".format(n), "{}\n".format(milliwatts))
        put(folder / "warn_current_limit_{}".format(n), "32760 ma\n")
        put(folder / "crit_current_limit_{}".format(n), "32760 ma\n")


def _hwmon(home, number, rails):
    folder = home / "hwmon" / "hwmon{}".format(number)
    put(folder / "name", "ina3221\n")
    put(folder / "update_interval", "7\n")
    put(folder / "samples", "1\n")
    put(folder / "in7_label", "sum of shunt voltages\n")
    for n, (label, milliwatts) in enumerate(rails, 1):
        put(folder / "in{}_label".format(n), label + "\n")
        put(folder / "in{}_enable".format(n), "1\n")
        put(folder / "in{}_input".format(n), "{}\n".format(VOLTS_MV))
        put(folder / "curr{}_input".format(n), "{}\n".format(milliwatts // 5))
        put(folder / "shunt{}_resistor".format(n), "2000\n")


def _ina238(home, number, rails):
    folder = home / "hwmon" / "hwmon{}".format(number)
    put(folder / "name", "ina238\n")
    put(folder / "in1_input", "12000\n")
    put(folder / "curr1_input", "{}\n".format(rails[0][1] // 12))
    put(folder / "power1_input", "{}\n".format(rails[0][1] * 1000))
