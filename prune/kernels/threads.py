"""Work shared out to plain threads; the kernels themselves start none.

ctypes releases the interpreter lock during a call, so threads of Python run kernels at once.
Starting one costs 40 to 180 microseconds: below `BYTES` or `PAIRS` of work per thread everything
runs in the caller's own.
"""

import os
import threading

BYTES = 8 << 20  # read by one thread, about 0.5 ms
PAIRS = 16 << 20  # words compared by one thread, about 1 ms


def available() -> int:
    """Number of threads to use: $OMP_NUM_THREADS, else the cores this process may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def split(length, work, least, multiple=1):
    """Slices of `length` things, one per thread that `work` is worth, ends at `multiple`s."""
    parts = max(1, min(available() if work >= 2 * least else 1, work // least, length // multiple))
    ends = [length * part // parts // multiple * multiple for part in range(parts)] + [length]
    return [slice(*pair) for pair in zip(ends, ends[1:])]


def split_triangle(length, work, least, multiple=64):
    """Slices of the rows of an upper triangle, about equal in area, ends at `multiple`s."""
    parts = len(split(length, work, least, multiple))
    ends = [
        int(length * (1 - (1 - part / parts) ** 0.5)) // multiple * multiple
        for part in range(parts)
    ] + [length]
    return [slice(*pair) for pair in zip(ends, ends[1:])]


def run(tasks):
    """Results of all `tasks`, the first one run by the caller, each other one in its own thread."""
    results = [None] * len(tasks)
    errors = []

    def work(index):
        try:
            results[index] = tasks[index]()
        except Exception as error:
            errors.append(error)

    others = [threading.Thread(target=work, args=(index,)) for index in range(1, len(tasks))]
    for each in others:
        each.start()
    work(0)
    for each in others:
        each.join()
    if errors:
        raise errors[0]
    return results
