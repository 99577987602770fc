"""JSON lines from a child process, read without ever waiting longer than asked."""

import json
import os
import select
import subprocess
import time
from typing import Any, Dict, List, Sequence

CHUNK = 65536  # a pipe's size: one read empties it
END_S = 0.5  # for a child to end by itself


class Child:
    """A process that prints one JSON object a line and ends when its standard input does."""

    def __init__(self, command: Sequence[str]):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdin and self._process.stdout  # both are pipes
        self._in, self._pipe = self._process.stdin, self._process.stdout
        self._out = self._pipe.fileno()
        os.set_blocking(self._out, False)
        self._rest = b""

    def lines(self, wait_s: float) -> List[Dict[str, Any]]:
        """Objects printed since the last call; waits up to `wait_s` seconds for the first."""
        if not select.select([self._out], [], [], wait_s)[0]:
            return []
        try:
            text = self._rest + (os.read(self._out, CHUNK) or b"")
        except BlockingIOError:
            return []
        whole, _, self._rest = text.rpartition(b"\n")
        return [json.loads(line.decode()) for line in whole.split(b"\n") if line]

    def first(self, key: str, limit_s: float) -> Dict[str, Any]:
        """The first object with this key; one with "error" ends the search.

        Raises:
            RuntimeError: the child's error, its death, or its silence.
        """
        ends = time.monotonic() + limit_s
        while True:
            dead = not self.alive()  # asked before reading: its last lines may be in the pipe yet
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

    def close(self) -> None:
        """End the process: by closing its input and, if it does not heed that, by a signal."""
        self._in.close()
        ends = time.monotonic() + END_S
        while self.alive() and time.monotonic() < ends:
            time.sleep(0.005)
        if self.alive():
            self._process.kill()
        self._process.wait()
        self._pipe.close()
