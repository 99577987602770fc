"""What a cut saves in seconds, beside what it saves in MACs.

FLOPs do not say how fast a narrower network runs: odd widths waste a processor's vectors. So the same
network is cut twice more, to half of its channels by random scores over the whole net: as the scores
fall, and with every width rounded to the multiple that the device likes; these two are raced too.
"""

from typing import Any, Dict, Optional

import torch
from torch import nn

from edgejoule.bench import latency, width_sweep
from edgejoule.bench.zoo import examination
from edgejoule.bench.zoo.net import Net, example
from edgejoule.prune import grouping, select
from edgejoule.prune.shrink import shrink

BATCH, LARGE_BATCH, LARGE = 8, 2, 64 * 64  # images of more pixels than LARGE come in small batches


def times(case: examination.Cut, net: Net, pairs: int) -> Optional[Dict[str, Any]]:
    """Measured ratios of a cut, with the rounded cut's over the unrounded one's; None if no loss fits.

    "forward" and "train_step" are those of `latency.compare`, cut over dense; "rounded" holds the
    same for rounded over unrounded, with its "multiple" and its "macs" ratio.
    """
    pixels = net.shape[-1] * net.shape[-2] if len(net.shape) == 3 else 0
    inputs = example(net, LARGE_BATCH if pixels > LARGE else BATCH)
    if not isinstance(inputs, torch.Tensor) or not _is_classifier(case.model, inputs):
        return None
    found: Dict[str, Any] = latency.compare(case.model, case.small, inputs, pairs)
    found["rounded"] = rounded(case.model, inputs, pairs)
    return found


def rounded(model: nn.Module, inputs: torch.Tensor, pairs: int) -> Dict[str, Any]:
    """The race of two cuts to half of all channels: widths rounded, against widths as they fall."""
    groups = grouping.find(model, inputs)
    scores, multiple = examination.scores(model, groups, "random"), width_sweep.multiple()
    one, other = (
        shrink(model, inputs, groups, select.select(scores, groups, 0.5, multiple_of=each))
        for each in (1, multiple)
    )
    found: Dict[str, Any] = latency.compare(one, other, inputs, pairs)
    found.update(
        multiple=multiple,
        macs=examination.counted(other, inputs)["macs"] / examination.counted(one, inputs)["macs"],
    )
    return found


def _is_classifier(model: nn.Module, inputs: torch.Tensor) -> bool:
    with torch.no_grad():
        out = model.eval()(inputs)
    return isinstance(out, torch.Tensor) and out.dim() == 2
