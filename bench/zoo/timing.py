"""What a cut saves in seconds, beside what it saves in MACs.

FLOPs do not say how fast a narrower network runs: odd widths waste a processor's vectors. So the
same network is cut twice more, to half of its channels by random scores over the whole net: once to
whatever widths that gives, once with every width rounded to the multiple that the device runs
best. These two are compared too.
"""

from typing import Any, Dict, Optional

import torch
from torch import nn

from edgejoule.bench import latency, width_sweep
from edgejoule.bench.zoo import examination
from edgejoule.bench.zoo.net import Net, example
from edgejoule.prune import grouping, select
from edgejoule.prune.shrink import shrink

BATCH, LARGE_BATCH, LARGE = 8, 2, 64 * 64  # pictures of more pixels than LARGE: a smaller batch


def times(case: examination.Cut, net: Net, pairs: int) -> Optional[Dict[str, Any]]:
    """Measured ratios of a cut; None for a network that a classifier's loss does not fit.

    "forward" and "train_step" are those of `latency.compare`, cut over dense; "rounded" is what
    `rounded` returns.
    """
    pixels = net.shape[-1] * net.shape[-2] if len(net.shape) == 3 else 0
    inputs = example(net, LARGE_BATCH if pixels > LARGE else BATCH)
    if not isinstance(inputs, torch.Tensor) or not _is_classifier(case.model, inputs):
        return None
    found: Dict[str, Any] = dict(latency.compare(case.model, case.small, inputs, pairs))
    found["rounded"] = rounded(case.model, inputs, pairs)
    return found


def rounded(model: nn.Module, inputs: torch.Tensor, pairs: int) -> Dict[str, Any]:
    """Two cuts to half of all channels compared: widths rounded over widths as they come.

    "forward" and "train_step" as of `latency.compare`, "multiple" that widths were rounded to, and
    "macs", the ratio of both cuts' MACs.
    """
    groups = grouping.find(model, inputs)
    scores, multiple = examination.scores(model, groups, "random"), width_sweep.multiple()
    one, other = (
        shrink(model, inputs, groups, select.select(scores, groups, 0.5, multiple_of=each))
        for each in (1, multiple)
    )
    work = [examination.forward_macs(each, inputs) for each in (one, other)]
    found: Dict[str, Any] = dict(latency.compare(one, other, inputs, pairs))
    found.update(multiple=multiple, macs=work[1] / work[0])
    return found


def _is_classifier(model: nn.Module, inputs: torch.Tensor) -> bool:
    with torch.no_grad():
        out = model.eval()(inputs)
    return isinstance(out, torch.Tensor) and out.dim() == 2
