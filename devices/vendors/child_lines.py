"""JSON lines from a child process, read without ever waiting longer than asked."""

import json
import os
import select
import subprocess
import time

CHUNK = 65536
END_S = 0.5


class Child:
    """A process that prints one JSON object a line and ends when its standard input does."""

    def __init__(self, command):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._out = self._process.stdout.fileno()
        os.set_blocking(self._out, False)
        self._rest = b""

    def lines(self, wait_s: float) -> list:
        """Objects printed since the last call; waits up to `wait_s` seconds for the first."""
        if not select.select([self._out], [], [], wait_s)[0]:
            return []
        try:
            text = self._rest + (os.read(self._out, CHUNK) or b"")
        except BlockingIOError:
            return []
        whole, _, self._rest = text.rpartition(b"\n")
        return [json.loads(line.decode()) for line in whole.split(b"\n") if line]

    def first(self, key: str, limit_s: float) -> dict:
        """The first object with this key; one with "error" ends the search.

        Raises:
            RuntimeError: the child's error, its death, or its silence.
        """
        ends = time.monotonic() + limit_s
        while True:
            dead = not self.alive()  # asked first: its last words may still be in the pipe
            for line in self.lines(max(ends - time.monotonic(), 0.0)):
                if "error" in line:
                    raise RuntimeError(line["error"])
                if key in line:
                    return line
            if dead:
                raise RuntimeError("its process ended with code {}".format(self._process.poll()))
            if time.monotonic() >= ends:
                raise RuntimeError("no answer within {:g} s".format(limit_s))

    def alive(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None

    def close(self):
        """End the process: politely by closing its input, then without asking."""
        self._process.stdin.close()
        ends = time.monotonic() + END_S
        while self.alive() and time.monotonic() < ends:
            time.sleep(0.005)
        if self.alive():
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
