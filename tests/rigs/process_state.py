"""Proves that using a device changes nothing of the process: run in a process of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent.parent.parent)
CODE = """
import importlib, multiprocessing, os, pkgutil, random, signal, sys, threading, time, warnings
import edgejoule.devices.adapters, edgejoule.devices.commands
from edgejoule import devices
def state():
    return {"start method": multiprocessing.get_start_method(allow_none=True),
            "signal handlers": [signal.getsignal(n) for n in range(1, 32)],
            "warnings": list(warnings.filters), "environment": dict(os.environ),
            "switch interval": sys.getswitchinterval(), "hook": sys.excepthook,
            "folder": os.getcwd(), "path": list(sys.path), "random": random.getstate(),
            "threads": threading.active_count(),
            "files": len(os.listdir("/proc/self/fd"))}
before = state()
for package in (devices, devices.adapters, devices.commands):
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(package.__name__ + "." + module.name)
from edgejoule.devices.meter import Meter
names = dict(vars(sys.modules["edgejoule.devices.choose"]), adapters=devices.adapters)
def opened(expression):
    for _ in range(20):  # a busy machine's service may take longer than its client waits
        try:
            return eval(expression, dict(names))
        except RuntimeError as error:
            refusal = error
    raise refusal
for expression in sys.argv[1:]:
    device = opened(expression)
    with Meter(device) as meter:
        for _ in range(20):  # a busy machine's service may need more than one window
            with meter.window() as window:
                time.sleep(0.15)
            if window.reading.joules or "none" in expression:
                break
    device.close()
    assert window.reading.joules or "none" in expression, (expression, window.reading)
after = state()
for name in before:
    assert before[name] == after[name], (name, before[name], after[name])
print("unchanged")
"""


def after_using(*expressions, **options):
    """What the proof prints: "unchanged", or what changed. Expressions open devices."""
    done = subprocess.run(
        [sys.executable, "-c", options.get("first", "") + CODE] + list(expressions),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=options.get("env"),
    )
    return done.stdout.decode().strip().split("\n")[-1]
