"""The real JtopServer over an emulated board, in a process of its own.

Run: python jtop_service.py ROOT P-NUMBER
Only the ends are emulated: where the tree, the socket and the settings are, and who may run it.
Power is read, added, synchronised and served by jetson-stats itself, 4.3.2 or 7.x.
"""

import grp
import os
import sys

import jtop.core.config as config
import jtop.core.power as power
import jtop.service as service

HARDWARE = {
    "Model": "NVIDIA Jetson TX2",
    "699-level Part Number": "699-83310-1000-D00",
    "Module": "NVIDIA Jetson TX2",
    "SoC": "tegra186",
    "CUDA Arch BIN": "6.2",
    "L4T": "32.7.1",
    "Jetpack": "4.6.1",
    "Serial Number": "0",
}


def main(root):
    service.JTOP_PIPE = root + "/jtop.sock"
    service.getgrnam = lambda name: grp.getgrgid(os.getgid())
    config.get_config_service = lambda *args: root + "/settings"
    service.os.getuid = lambda: 0
    service.os.chown = lambda *args: None
    service.get_hardware = lambda: dict(HARDWARE, **{"P-Number": sys.argv[2]})
    rails, supplies = power.find_all_i2c_power_monitor, power.find_all_system_monitor
    power.find_all_i2c_power_monitor = lambda path: rails(root + "/sys/bus/i2c/devices")
    power.find_all_system_monitor = lambda path: supplies(root + "/sys/class/power_supply")
    versions = service.get_var
    if os.environ.get("EMULATED_JTOP_VERSION"):
        service.get_var = lambda pattern: os.environ["EMULATED_JTOP_VERSION"]
    server = service.JtopServer(force=True)
    service.get_var = versions
    server.start()
    print("ready", flush=True)
    server.join()


if __name__ == "__main__":
    main(sys.argv[1])
