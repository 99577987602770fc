"""Work shared out to plain threads; the kernels themselves start none.

ctypes releases the interpreter lock during a call, so threads of Python run kernels at once.
Starting one costs 40 to 180 microseconds: below `BYTES` or `PAIRS` of work per thread everything
runs in the caller's own.
"""

import os
import threading
from typing import Callable, Dict, List, Sequence, TypeVar

BYTES = 8 << 20  # read by one thread, about 0.5 ms
PAIRS = 16 << 20  # words compared by one thread, about 1 ms

Answer = TypeVar("Answer")


def available() -> int:
    """Number of threads to use: $OMP_NUM_THREADS, else the cores this process may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    if hasattr(os, "sched_getaffinity"):  # Linux: a container may own fewer than the machine has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def split(length: int, work: int, least: int, multiple: int = 1) -> List[slice]:
    """Slices of `length` things, one per thread that the work is worth.

    A thread has at least `least` of the `work`, and slices end at a `multiple` of things.
    """
    parts = max(1, min(available() if work >= 2 * least else 1, work // least, length // multiple))
    ends = [length * part // parts // multiple * multiple for part in range(parts)] + [length]
    return [slice(*pair) for pair in zip(ends, ends[1:])]


def split_triangle(length: int, work: int, least: int, multiple: int = 64) -> List[slice]:
    """Slices of the rows of an upper triangle as `split` has them, about equal in area."""
    parts = len(split(length, work, least, multiple))
    ends = [
        int(length * (1 - (1 - part / parts) ** 0.5)) // multiple * multiple
        for part in range(parts)
    ] + [length]
    return [slice(*pair) for pair in zip(ends, ends[1:])]


def run(tasks: Sequence[Callable[[], Answer]]) -> List[Answer]:
    """Results of all `tasks`, the first one run by the caller, each other one in its own thread.

    Raises:
        Exception: the first error of any task, once all have ended.
    """
    results: Dict[int, Answer] = {}
    errors: List[Exception] = []

    def work(index: int) -> None:
        try:
            results[index] = tasks[index]()
        except Exception as error:  # whatever it is, the caller's thread must raise it
            errors.append(error)

    others = [threading.Thread(target=work, args=(index,)) for index in range(1, len(tasks))]
    for each in others:
        each.start()
    work(0)
    for each in others:
        each.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(tasks))]
