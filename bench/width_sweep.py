"""Which channel counts this device likes: a short sweep of convolutions, cached per device.

A 3 x 3 convolution C -> C on 28 x 28 pixels, the size of maps in the middle of a network, is timed
for widths that are multiples of 1, 2, 4, ... and of nothing larger; what counts is time per
multiply-accumulate. On processors with wide vectors an odd width can cost several times as much,
so a cut that is to save time must round its widths.
"""

import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import torch
from torch import nn

from edgejoule.bench import bundle

PIXELS, BATCH = 28, 8
WIDTHS = {
    1: (45, 61, 67),
    2: (46, 58, 70),
    4: (44, 60, 68),
    8: (40, 56, 72),
    16: (48, 80),
    32: (32, 96),
    64: (64,),
}
SLACK = 1.05  # a multiple is good enough within this factor of the best
SCHEMA = 1


def multiple(device: str = "cpu", rounds: int = 25) -> int:
    """The smallest number whose multiples run about as fast per MAC as any; cached."""
    return chosen(sweep(device, rounds))


def chosen(times: Dict[int, float]) -> int:
    """The smallest multiple from which on no larger one is better by more than the slack."""
    for step in sorted(times):
        if times[step] <= SLACK * min(value for larger, value in times.items() if larger >= step):
            return step
    return max(times)


def sweep(device: str = "cpu", rounds: int = 25) -> Dict[int, float]:
    """Multiple -> time per MAC relative to the best one, from the cache or measured now."""
    path = cache(device)
    found = _read(path)
    if found is None:
        found = measured(device, rounds)
        path.parent.mkdir(parents=True, exist_ok=True)
        bundle.write_text(path, json.dumps({"schema": SCHEMA, "times": found}))
    return found


def cache(device: str) -> Path:
    """Where the sweep of a device is kept: one file per device, torch and number of threads."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    key = "-".join([name, torch.__version__, str(torch.get_num_threads())])
    safe = "".join(c if c.isalnum() or c in "-._" else "_" for c in key)
    return Path(home) / "edgejoule" / "widths" / (safe + ".json")


def _read(path: Path) -> Optional[Dict[int, float]]:
    """A cached sweep; None where there is none or it can't be read."""
    try:
        found = json.loads(path.read_text())
        known = found["schema"] == SCHEMA
        return {int(k): float(v) for k, v in found["times"].items()} if known else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # whatever is wrong with it, measuring anew is the answer


def measured(device: str, rounds: int) -> Dict[int, float]:
    """Multiple -> time per MAC, best = 1: the median over its widths of each width's fastest round.

    The fastest, because other work on the machine only ever adds time. Rounds are interleaved, all
    widths in turn, so that a slow minute does not fall on one width alone.
    """
    layers = {width: _layer(width, device) for widths in WIDTHS.values() for width in widths}
    seconds: Dict[int, List[float]] = {width: [] for width in layers}
    for turn in range(rounds + 1):  # the first round warms up
        for width, (layer, x) in layers.items():
            taken = _timed(layer, x)
            if turn:
                seconds[width].append(taken / (width * width))  # MACs grow with its square
    per_mac = {
        step: statistics.median([min(seconds[width]) for width in widths])
        for step, widths in WIDTHS.items()
    }
    best = min(per_mac.values())
    return {step: value / best for step, value in per_mac.items()}


def _layer(width: int, device: str) -> Tuple[nn.Module, torch.Tensor]:
    layer = nn.Conv2d(width, width, 3, padding=1, bias=False).to(device).eval()
    return layer, torch.randn(BATCH, width, PIXELS, PIXELS, device=device)


def _timed(layer: nn.Module, x: torch.Tensor) -> float:
    with torch.no_grad():
        _wait(x)
        start = time.perf_counter()
        layer(x)
        _wait(x)
    return time.perf_counter() - start


def _wait(x: torch.Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
