"""What a cut saves: the network before and after it, with measured time."""

import torch

from edgejoule.bench import latency
from edgejoule.prune import cost

BATCH = 8


def report(model, small, example, mask) -> dict:
    """Sizes, costs and times of a model and its cut, as plain JSON; times are of a batch of 8."""
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


def lines(report):
    """The report for a terminal."""
    yield (
        "{model}, {criterion} at ratio {ratio}, mode {mode}: {channels_removed} of "
        "{channels_prunable} prunable channels removed\n".format(**report)
    )
    yield "{:28} {:>15} {:>15} {:>8}".format("", "dense", "cut", "ratio")
    for key, words in (
        ("params", "parameters"),
        ("forward_macs", "forward MACs per sample"),
        ("train_macs", "training MACs per sample"),
        ("bytes", "bytes of tensors"),
    ):
        dense, cut = report["dense"][key], report["cut"][key]
        yield "{:28} {:>15,} {:>15,} {:>8.3f}".format(words, dense, cut, cut / dense)
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
    for note in report["notes"]:
        yield "note: " + note
    if report.get("files"):
        yield "\nwritten: " + ", ".join(report["files"])


def _size(model, example):
    counted = cost.count(model, example)
    size = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    return {
        "params": counted.params,
        "forward_macs": counted.forward_macs,
        "train_macs": counted.train_macs,
        "bytes": size,
        "uncounted": list(counted.uncounted),
    }
