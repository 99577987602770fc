"""Where index layers pay: batch norms and convolutions that read a residual stream.

A stream is what a sum of activations writes or what several batch norms read. A reader whose
outputs go back to the stream, such as a shortcut's convolution or a norm in front of a sum,
stays as it is.
"""

from typing import Any, Collection, Dict, List, Sequence

import numpy as np
from torch import nn

from edgejoule.prune.groups import Groups
from edgejoule.prune.index_layers import CONVOLUTIONS, NORMS, indexed
from edgejoule.prune.tracing.discovery import discover
from edgejoule.prune.tracing.labelled import Vector
from edgejoule.prune.tracing.labels import Classes
from edgejoule.prune.tracing.recording import Recording
from edgejoule.prune.tracing.tracer import Refused


def discover_indexed(model: nn.Module, example: Any, ignore: Sequence[str]) -> Groups:
    """Groups of mode "select": block-internal channels, and one group per index layer."""
    sites: List[str] = []
    try:
        # norms first: a convolution behind an indexed norm no longer reads the stream itself
        for kinds, name in ((NORMS, "batch_norm"), (CONVOLUTIONS, "conv")):
            view = indexed(model, sites)
            readers = _readers(view, Recording(view, example, "inner"), kinds, name)
            sites = sites + _alive(model, example, sites + readers, readers)
    except Refused as refusal:
        return Groups((), [(refusal.layer, refusal.reason)])
    return discover(indexed(model, sites), example, "inner", ignore)


def _alive(
    model: nn.Module, example: Any, sites: Sequence[str], readers: Sequence[str]
) -> List[str]:
    """The readers whose index could lose a channel."""
    recording = Recording(indexed(model, sites), example, "inner")
    frozen = recording.labels.resolve().frozen
    return [site for site in readers if not frozen[recording.axes[site + ".index"][0]].all()]


def _readers(
    view: nn.Module, recording: Recording, kinds: Collection[type], name: str
) -> List[str]:
    """Layers of these kinds that read a stream and write to none, in order of their first run."""
    classes, layers = recording.labels.resolve(), dict(view.named_modules())
    stream = _streams(recording, classes)
    found: List[str] = []
    for operation in recording.recorder.operations:
        layer = layers.get(operation.site)
        if not operation.name.startswith(name) or type(layer) not in kinds:
            continue
        entering, leaving = operation.inputs[0][1], operation.outputs[0][1][1]
        writes = name == "conv" and _within(leaving, classes, stream)
        if _within(entering, classes, stream) and not writes and operation.site not in found:
            found.append(operation.site)
    return found


def _within(vector: Vector, classes: Classes, stream: np.ndarray) -> bool:
    return vector is not None and bool(stream[classes.root[vector]].all())


def _streams(recording: Recording, classes: Classes) -> np.ndarray:
    """Per root label whether it is a channel of a stream."""
    stream = np.zeros(classes.root.size, bool)
    for vector in recording.recorder.streams:
        stream[classes.root[vector]] = True
    read: Dict[str, np.ndarray] = {}  # norm -> the labels that it reads
    for operation in recording.recorder.operations:
        if operation.name == "batch_norm" and operation.inputs[0][1] is not None:
            read[operation.site] = operation.inputs[0][1]
    count = np.zeros(classes.root.size, int)
    for vector in read.values():
        count[np.unique(vector)] += 1
    stream[classes.root[count > 1]] = True
    return stream
