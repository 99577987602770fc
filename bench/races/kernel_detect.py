"""What drawing an early-bird ticket by sign codes costs a training, measured on this machine.

One step of training is timed and taken times the steps of an epoch. The probes are really looked
at, all of them, against stored codes (zeros, which cost what any others do, and their memory).
"""

import resource
import time
from typing import Any, Callable, Dict, Iterator

import torch
from torch import nn

from edgejoule import plugins
from edgejoule.prune.signcodes.code_stream import Stream

IMAGES, BATCH = 50000, 128  # an epoch of CIFAR

Timer = Callable[[], float]


def measure(
    name: str = "vgg16", probes: int = 10000, steps: int = 3, timer: Timer = time.perf_counter
) -> Dict[str, Any]:
    """Seconds and bytes of one look at `probes` images, and of the epoch they are looked at in."""
    module = plugins.load("models", name)
    torch.manual_seed(0)
    model = module.build(module.CLASSES, module.INPUT_SHAPE[0])
    epoch = step_seconds(model, module, steps, timer) * -(-IMAGES // BATCH)
    batches = [
        torch.randn((min(BATCH, probes - at),) + tuple(module.INPUT_SHAPE))
        for at in range(0, probes, BATCH)
    ]
    stream = Stream(batches)
    start = timer()
    stream.see(model)
    look = timer() - start
    return {
        "model": name,
        "probes": probes,
        "images": IMAGES,
        "epoch_seconds": epoch,
        "forward_seconds": look - stream.seconds,
        "code_seconds": stream.seconds,
        "code_share": stream.seconds / epoch,
        "look_share": look / epoch,
        "bits": sum(stream.bits.values()),
        "code_bytes": stream.nbytes,
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,  # KiB on Linux
    }


def step_seconds(model: nn.Module, module: Any, steps: int, timer: Timer) -> float:
    """Least seconds of one training step on a batch of `BATCH` images.

    `module` is the model's plug-in, which knows its input shape and classes.
    """
    images = torch.randn((BATCH,) + tuple(module.INPUT_SHAPE))
    labels = torch.randint(0, module.CLASSES, (BATCH,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    seconds = []
    for _ in range(steps + 1):
        start = timer()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
        seconds.append(timer() - start)
    return min(seconds[1:])  # the first step makes the gradients and the momentum


def lines(found: Dict[str, Any]) -> Iterator[str]:
    """The measurement for a terminal."""
    yield "{model}: an epoch of {images} images takes {epoch_seconds:.0f} s here".format(**found)
    yield "{probes} probes, {bits} bits each: {0:.3f} GB of codes, process peak {1:.2f} GB".format(
        found["code_bytes"] / 1e9, found["peak_bytes"] / 1e9, **found
    )
    yield "codes and distances {:.2f} s, {:.2f} % of the epoch".format(
        found["code_seconds"], 100 * found["code_share"]
    )
    yield "with the probes' forward pass {:.1f} s, {:.1f} % of the epoch".format(
        found["code_seconds"] + found["forward_seconds"], 100 * found["look_share"]
    )
