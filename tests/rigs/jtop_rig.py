"""Starts and torments a real jtop.service (tests/rigs/jtop_service.py)."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from rigs import board_rig

START_S = 20.0
CHILD = b"jtop_child.py"


class Jtop:
    """The service over an emulated board; `socket` is where clients find it."""

    def __init__(self, folder, board="tx2", **environment):
        self.root = Path(str(folder))
        self.sys = board_rig.build(folder, board)
        self.number = board_rig.BOARDS[board][2].split(",")[-1]
        (self.root / "sys/class/power_supply").mkdir(parents=True)
        self.socket = str(self.root / "jtop.sock")
        self.start(**environment)

    def start(self, **environment):
        """Start the service and wait until it says it is ready."""
        script = str(Path(__file__).with_name("jtop_service.py"))
        self.process = subprocess.Popen(
            [sys.executable, script, str(self.root), self.number],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ, **environment),
            preexec_fn=os.setsid,
        )
        if (
            not select.select([self.process.stdout], [], [], START_S)[0]
            or self.process.stdout.readline() != b"ready\n"
        ):
            self.stop()
            raise RuntimeError("the emulated jtop.service did not start")

    def children(self):
        """Process ids of the adapter's children that ask this service."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:  # it has ended meanwhile
                continue
            if self.socket.encode() in words and any(CHILD in word for word in words):
                found.append(int(path.parent.name))
        return found

    def signal(self, number):
        """Send a signal to the service, its manager and its sampler."""
        os.killpg(self.process.pid, number)

    def stop(self):
        """End all of it."""
        try:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()
