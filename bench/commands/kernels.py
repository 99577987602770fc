"""The sign-code kernels: what is built here, whether it is right, and how fast it is.

  edgejoule kernels                          builds what this machine can run and tests it
  edgejoule kernels bench                    every kernel against the speed of reading memory
  edgejoule kernels bench --peers --json     and against FAISS, NumKong, SimSIMD and torch
  edgejoule kernels threads                  what a second thread brings
  edgejoule kernels detect                   what early-bird detection costs a training of VGG-16
  edgejoule kernels gpu                      the CUDA kernels: exactness, then rates

Other libraries are raced where they are installed; the result names those that are not.
"""

import argparse
import json
import os
import platform
import time
from typing import Any, Callable, Dict, Iterator, List, Tuple

import numpy as np

from edgejoule.bench.races import kernel_contests, kernel_peers, kernel_race
from edgejoule.prune.kernels import backends, builder, threads
from edgejoule.prune.signcodes import signs

ACTIONS = ("show", "bench", "threads", "detect", "gpu")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `edgejoule kernels` takes."""
    parser.add_argument(
        "action",
        nargs="?",
        default="show",
        choices=ACTIONS,
        help="one of {} [show]".format(", ".join(ACTIONS)),
    )
    parser.add_argument("--peers", action="store_true", help="race other libraries too")
    parser.add_argument(
        "--rounds",
        type=int,
        default=kernel_race.ROUNDS,
        metavar="N",
        help="turns of every contestant [{}]".format(kernel_race.ROUNDS),
    )
    parser.add_argument("--quick", action="store_true", help="an eighth of the work")
    parser.add_argument(
        "--probes",
        type=int,
        default=10000,
        metavar="N",
        help="images that detection looks at [10000]",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 1 if a kernel is wrong."""
    for option in ("rounds", "probes"):
        if getattr(args, option) < 1:
            raise ValueError("--{} {}: 1 or more is needed".format(option, getattr(args, option)))
    return dict(zip(ACTIONS, (show, bench, second_thread, detect, on_gpu)))[args.action](args)


def show(args: argparse.Namespace) -> int:
    """Prints every backend, where it lies or why it cannot be had, and its self-test."""
    rows = [entry(name) for name in backends.NAMES]
    if args.json:
        print(json.dumps({"backends": rows, "cache": str(builder.cache())}))
    else:
        print("\n".join(described(rows)))
    return 1 if any(row["test"] == "wrong" for row in rows) else 0


def entry(name: str) -> Dict[str, Any]:
    """One backend: name, reason why not, file, result of its self-test."""
    reason = backends.reason(name)
    path = None if reason else getattr(backends.load(name), "path", None)  # none of numpy
    test = None if reason or name == "cuda" else self_test(name)
    return {
        "name": name,
        "reason": reason,
        "test": test,
        "file": str(path) if path else None,
        "default": name == default(),
    }


def default() -> str:
    """Name of the backend that is taken without a name."""
    return getattr(backends.fastest(), "name", "numpy")


def self_test(name: str) -> str:
    """Whether the backend equals NumPy on a sample of every kernel: "right" or "wrong"."""
    random = np.random.RandomState(0)
    x = random.randn(70, 1000).astype(np.float32)
    stored = signs.pack(random.randn(70, 1000).astype(np.float32), backend="numpy")
    results = [
        [signs.pack(each, backend=which) for each in (x, x.astype(np.float16))]
        + list(signs.pack_hamming(x, stored, backend=which))
        + [
            signs.hamming(stored, stored[::-1], backend=which),
            signs.popcount(stored, backend=which),
            signs.nans(x, backend=which),
            signs.cdist(stored, stored[:33], backend=which),
        ]
        for which in (name, "numpy")
    ]
    return "right" if all(np.array_equal(a, b) for a, b in zip(*results)) else "wrong"


def described(rows: List[Dict[str, Any]]) -> Iterator[str]:
    """The backends for a terminal, line by line."""
    for row in rows:
        mark = "*" if row["default"] else " "
        what = row["reason"] or "{}{}".format(
            row["test"] or "not tested on this machine", ", " + row["file"] if row["file"] else ""
        )
        yield "{} {:9} {}".format(mark, row["name"], what)
    yield "* is taken where no backend is named"


def bench(args: argparse.Namespace) -> int:
    """Races the kernels in one process and one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read at every call
    results: List[kernel_race.Result] = []
    for contest in kernel_contests.contests(args.peers, args.quick):
        results += kernel_race.race(contest, args.rounds)
        if not args.json:
            print("\n".join(list(kernel_race.lines(results[-len(contest.entrants) :]))), flush=True)
    absent = kernel_peers.missing() if args.peers else []
    if args.json:
        print(
            json.dumps(
                {
                    "machine": machine(),
                    "rounds": args.rounds,
                    "not_installed": absent,
                    "results": [each._asdict() for each in results],
                }
            )
        )
    elif absent:
        print("not installed, not raced: " + ", ".join(absent))
    return 0


def second_thread(args: argparse.Namespace) -> int:
    """Prints how much faster the wall clock says two threads are, by contest."""
    gains = {name: gain(call, args.rounds) for name, call in threaded()}
    print(
        json.dumps(gains)
        if args.json
        else "\n".join(
            "{:28} {:.2f} x by the wall clock, {:.2f} x by processor time".format(
                name, each["wall"], each["processor"]
            )
            for name, each in gains.items()
        )
    )
    return 0


def detect(args: argparse.Namespace) -> int:
    """Prints what looking at the probes costs beside an epoch of training."""
    from edgejoule.bench.races import kernel_detect

    found = kernel_detect.measure(probes=args.probes)
    print(json.dumps(found) if args.json else "\n".join(kernel_detect.lines(found)))
    return 0


def on_gpu(args: argparse.Namespace) -> int:
    """Prints the rates of the CUDA kernels, once they are exact."""
    from edgejoule.bench.races import kernel_gpu

    found = kernel_gpu.measure(args.rounds)
    print(
        json.dumps([each._asdict() for each in found])
        if args.json
        else "\n".join(kernel_gpu.lines(found))
    )
    return 0


def threaded() -> Iterator[Tuple[str, Callable[[], Any]]]:
    """(name, call) of work large enough for two threads."""
    a, b = (kernel_contests.codes(2048, 16384, seed) for seed in (0, 1))
    few = kernel_contests.codes(160, 1 << 22, 0)
    x = kernel_contests.values(4096, 16384, np.float32)
    yield "all pairs 2048 x 16384", lambda: signs.cdist(a, b)
    yield "symmetric 2048 x 16384", lambda: signs.cdist(a, a)
    yield "symmetric 160 x 4194304", lambda: signs.cdist(few, few)
    yield "pack float32 4096 x 16384", lambda: signs.pack(x)


def gain(call: Callable[[], Any], rounds: int) -> Dict[str, float]:
    """How many times faster two threads are than one, least seconds each, taken in turns.

    "wall" is what the clock says, which on a busy machine is not what the kernels can do;
    "processor" is what it would say if both threads had a core to themselves from start to end.
    """
    walls: Dict[int, List[float]] = {1: [], 2: []}
    processors: Dict[int, List[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for count in (1, 2):
            os.environ["OMP_NUM_THREADS"] = str(count)
            wall, processor = time.perf_counter(), time.process_time()
            call()
            walls[count].append(time.perf_counter() - wall)
            processors[count].append((time.process_time() - processor) / count)
    return {
        "wall": min(walls[1]) / min(walls[2]),
        "processor": min(processors[1]) / min(processors[2]),
    }


def machine() -> Dict[str, Any]:
    """What raced where."""
    return {
        "cpu": cpu_name(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "backend": default(),
        "threads": threads.available(),
    }


def cpu_name() -> str:
    """The CPU's name as the kernel tells it, or the architecture."""
    try:
        with open("/proc/cpuinfo", encoding="utf8") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return (names or [platform.machine()])[0]
