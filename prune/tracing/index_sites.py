"""Where index layers pay: batch norms and convolutions that read a residual stream.

A stream is what a sum of activations writes or what several batch norms read. A reader whose
outputs go back to the stream, such as a shortcut's convolution or a norm in front of a sum,
stays as it is.
"""

from typing import Any, List, Sequence

import numpy as np
from torch import nn

from edgejoule.prune.groups import Groups
from edgejoule.prune.index_layers import CONVOLUTIONS, NORMS, selecting
from edgejoule.prune.tracing.discovery import Trace, discover
from edgejoule.prune.tracing.labels import Classes
from edgejoule.prune.tracing.tracer import Refused


def discover_select(model: nn.Module, example: Any, ignore: Sequence[str]) -> Groups:
    """Groups of mode "select": block-internal channels, and one group per layer that selects."""
    sites: List[str] = []
    try:
        for kinds, name in ((NORMS, "batch_norm"), (CONVOLUTIONS, "conv")):
            view = selecting(model, sites)
            readers = _readers(view, Trace(view, example, "inner"), kinds, name)
            sites = sites + _alive(model, example, sites + readers, readers)
    except Refused as refusal:
        return Groups((), [(refusal.layer, refusal.reason)])
    return discover(selecting(model, sites), example, "inner", ignore)


def _alive(
    model: nn.Module, example: Any, sites: Sequence[str], readers: Sequence[str]
) -> List[str]:
    """The readers whose index could lose a channel."""
    trace = Trace(selecting(model, sites), example, "inner")
    frozen = trace.labels.resolve().frozen
    return [site for site in readers if not frozen[trace.axes[site + ".index"][0]].all()]


def _readers(view: nn.Module, trace: Trace, kinds, name: str) -> List[str]:
    """Layers of these kinds that read a stream and don't write to one, in order of their first
    run.
    """
    classes, layers = trace.labels.resolve(), dict(view.named_modules())
    stream = _streams(trace, classes)
    found: List[str] = []
    for record in trace.tracer.records:
        if not record.name.startswith(name) or type(layers.get(record.site)) not in kinds:
            continue
        entering, leaving = record.inputs[0][1], record.outputs[0][1][1]
        writes = name == "conv" and _within(leaving, classes, stream)
        if _within(entering, classes, stream) and not writes and record.site not in found:
            found.append(record.site)
    return found


def _within(vector, classes: Classes, stream: np.ndarray) -> bool:
    return vector is not None and bool(stream[classes.root[vector]].all())


def _streams(trace: Trace, classes: Classes) -> np.ndarray:
    """Per root label whether it is a channel of a stream."""
    stream = np.zeros(classes.root.size, bool)
    for vector in trace.tracer.streams:
        stream[classes.root[vector]] = True
    readers = {}  # what each norm reads
    for record in trace.tracer.records:
        if record.name == "batch_norm" and record.inputs[0][1] is not None:
            readers[record.site] = record.inputs[0][1]
    count = np.zeros(classes.root.size, int)
    for vector in readers.values():
        count[np.unique(vector)] += 1
    stream[classes.root[count > 1]] = True
    return stream
