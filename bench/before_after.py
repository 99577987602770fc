"""What a cut saves: the network before and after it, with measured time."""

from typing import Any, Dict, Iterator

import torch
from torch import Tensor, nn

from edgejoule.bench import latency
from edgejoule.prune import cost
from edgejoule.prune.mask import Mask

BATCH = 8


def report(model: nn.Module, small: nn.Module, example: Tensor, mask: Mask) -> Dict[str, Any]:
    """Sizes, costs and times of a model and its cut, as plain JSON; times are of a batch of 8."""
    # not the example: one picture leaves most of a processor idle
    batch = torch.randn((BATCH,) + tuple(example.shape[1:]))
    return {
        "dense": _size(model, example),
        "cut": _size(small, example),
        "channels_removed": mask.channels - mask.kept,
        "channels_prunable": mask.channels,
        "time": latency.compare(model, small, batch),
        "batch": BATCH,
        "notes": list(mask.notes),
    }


def lines(report: Dict[str, Any]) -> Iterator[str]:
    """The report for a terminal, with what `edgejoule prune` added to it."""
    yield (
        "{model}, {criterion} at ratio {ratio}, mode {mode}: {channels_removed} of "
        "{channels_prunable} prunable channels removed\n".format(**report)
    )
    yield "{:28} {:>15} {:>15} {:>8}".format("", "dense", "cut", "ratio")
    yield from _sizes(report)
    yield from _times(report)
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


def _size(model: nn.Module, example: Tensor) -> Dict[str, Any]:
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
