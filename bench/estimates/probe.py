"""How fast this machine trains a network: a few steps on random pictures, timed, kept on disk.

A probe is short and begins cold, so it is given wide ends; a finished run says more.
"""

import hashlib
import json
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import torch
from torch import nn
from torch.nn import functional as F

from edgejoule import plugins
from edgejoule.bench import bundle, data, plan, suite
from edgejoule.bench.estimates import finished
from edgejoule.bench.estimates.forecast import Interval, spread

FILE = ".probes.json"  # beside the runs
IN_ALL_S = 2.0  # for the probes of one plan
STEPS = 5
FIRST = 2  # pictures of the first step, which pays for whatever is done once
SMALL_BATCH = 0.5  # a batch that is far smaller than the case's may take twice as long a picture
WARM = 1.3  # a machine that trains for hours slows down, and loading pictures takes time too
EVALUATED = 1 / 3.0  # of a training step: the forward pass alone


class Prober:
    """Probes of the networks of a suite, one for each, within one time limit for all.

    Args:
        runs: the folder of runs, where probes are kept.
        networks: how many share the time.
        seconds: how long they may take together.
    """

    def __init__(self, runs: Path, networks: int, seconds: float = IN_ALL_S) -> None:
        self._path, self._each = runs / FILE, seconds / max(1, networks)
        self._kept = _read(self._path)
        self._new = False

    def epoch(self, case: suite.Case) -> Optional[Interval]:
        """Seconds of an epoch of the dense network, evaluation included; None: it cannot be run."""
        key = _key(case)
        if key not in self._kept:
            self._kept[key] = _probed(case, self._each)
            self._new = True
        per_picture = self._kept[key]
        if per_picture is None:
            return None
        source = plugins.load("datasets", case.dataset["name"])
        pictures = source.TRAIN_IMAGES + EVALUATED * getattr(source, "TEST_IMAGES", 0)
        return Interval(*per_picture).times(pictures)

    def save(self) -> None:
        """Keeps what was timed for the next plan; a folder that cannot be written keeps nothing."""
        if not self._new:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            bundle.write_text(self._path, json.dumps(self._kept, indent=1) + "\n")
        except OSError:
            return


def _probed(case: suite.Case, limit_s: float) -> Optional[List[float]]:
    """Seconds of a picture, lowest, median and highest; None where the device is not here."""
    name = case.train["device"]
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(case.train["threads"] or threads)
        return list(_timed(plan.network(case).to(name), case, torch.device(name), limit_s))
    except (RuntimeError, AssertionError):  # no such device, or no memory for a step
        return None
    finally:
        torch.set_num_threads(threads)


def _timed(model: nn.Module, case: suite.Case, device: torch.device, limit_s: float) -> Interval:
    begun = time.monotonic()
    # twice: the first step makes buffers and chooses algorithms
    first = [_step(model, case, FIRST, device) for _ in range(2)][-1] / FIRST
    batch = max(FIRST, min(case.train["batch_size"], int(limit_s / 4 / first)))
    found: List[float] = []
    while not found or (len(found) < STEPS and time.monotonic() - begun < limit_s):
        found.append(_step(model, case, batch, device) / batch)
    ends = spread(found)
    low = ends.low * (SMALL_BATCH if batch < case.train["batch_size"] else 1 / WARM)
    return Interval(low, ends.middle, ends.high * WARM)


def _step(model: nn.Module, case: suite.Case, pictures: int, device: torch.device) -> float:
    """Seconds of one forward and backward pass."""
    source: Any = plugins.load("datasets", case.dataset["name"])
    x = torch.randn((pictures,) + data.shape(source, case.dataset), device=device)
    y = torch.randint(source.CLASSES, (pictures,), device=device)
    model.train()
    begun = time.monotonic()
    F.cross_entropy(model(x), y).backward()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic() - begun


def _key(case: suite.Case) -> str:
    train = [case.train[key] for key in ("batch_size", "device", "threads")]
    told = [finished.machine(), torch.__version__, case.model, case.dataset["name"], train]
    return hashlib.sha256(repr(told).encode("utf8")).hexdigest()[:16]


def _read(path: Path) -> Dict[str, Optional[List[float]]]:
    try:
        found = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
