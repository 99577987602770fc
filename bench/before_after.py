"""What a cut saves: the network before and after it, with measured time."""

from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from edgejoule.bench import latency
from edgejoule.prune import cost
from edgejoule.prune.groups import Group, Groups
from edgejoule.prune.mask import Mask
from edgejoule.prune.tracing.labelled import replaced

BATCH = 8


def report(
    model: nn.Module, small: nn.Module, example: Any, groups: Sequence[Group], mask: Mask
) -> Dict[str, Any]:
    """Sizes and costs of a model and its cut, as plain JSON."""
    return {
        "dense": _size(model, example),
        "cut": _size(small, example),
        "channels_removed": mask.channels - mask.kept,
        "channels_prunable": mask.channels,
        "whole": [list(each) for each in groups.whole] if isinstance(groups, Groups) else [],
        "batch": BATCH,
        "notes": list(mask.notes),
    }


def timed(
    model: nn.Module, small: nn.Module, example: Any
) -> Tuple[Optional[Dict[str, Any]], List[str]]:
    """The times of both on a batch of 8, as plain JSON; None and a note where they don't run."""
    # not the example: one picture leaves most of a processor idle
    batch = replaced(example, lambda t: drawn((BATCH,) + tuple(t.shape[1:]), t.dtype))
    try:
        return latency.compare(model, small, batch), []
    except Exception as error:  # old torch lacks half precision, and answers may be anything
        return None, ["not timed: {}".format(" ".join(str(error).split())[:200])]


def drawn(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Noise of any type: old torch draws no half-precision numbers on the CPU."""
    return torch.randn(tuple(shape)).to(dtype)


def lines(report: Dict[str, Any]) -> Iterator[str]:
    """The report for a terminal, with what `edgejoule prune` added to it."""
    yield (
        "{model}, {criterion} at ratio {ratio}, mode {mode}: {channels_removed} of "
        "{channels_prunable} prunable channels removed\n".format(**report)
    )
    yield "{:28} {:>15} {:>15} {:>8}".format("", "dense", "cut", "ratio")
    yield from _sizes(report)
    yield from _times(report)
    if len(report["whole"]) > 1:  # the last layer always stays
        yield "left whole: {} layers, such as {!r}: {}".format(
            len(report["whole"]), *report["whole"][0]
        )
    for note in report["notes"]:
        yield "note: " + note
    if report.get("files"):
        yield "\nwritten: " + ", ".join(report["files"])


def _sizes(report: Dict[str, Any]) -> Iterator[str]:
    for key, words in (
        ("params", "parameters"),
        ("forward_macs", "forward MACs per sample"),
        ("train_macs", "training MACs per sample"),
        ("bytes", "bytes of tensors"),
    ):
        dense, cut = report["dense"][key], report["cut"][key]
        yield "{:28} {:>15,} {:>15,} {:>8.3f}".format(words, dense, cut, cut / dense)


def _times(report: Dict[str, Any]) -> Iterator[str]:
    if not report["time"]:
        return
    for key, words in (("forward", "forward, ms"), ("train_step", "training step, ms")):
        row = report["time"][key]
        yield "{:28} {:>15.3f} {:>15.3f} {:>8.3f}  [{:.3f}, {:.3f}]".format(
            "{} (batch {})".format(words, report["batch"]),
            row["dense_seconds"] * 1e3,
            row["cut_seconds"] * 1e3,
            row["ratio"],
            row["low"],
            row["high"],
        )
    # a machine that slows down for a while moves both medians, but no pair
    yield (
        "times: the median of either model; ratio: the median of pairs run back to back, with its "
        "95 % interval"
    )


def _size(model: nn.Module, example: Any) -> Dict[str, Any]:
    counted = cost.count(model, example)
    # of the state dict and not of the parameters alone: a batch norm's statistics are kept too
    size = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    return {
        "params": counted.params,
        "forward_macs": counted.forward_macs,
        "train_macs": counted.train_macs,
        "bytes": size,
        "uncounted": list(counted.uncounted),
    }
