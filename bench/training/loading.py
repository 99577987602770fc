"""Batches of a data set on the device, in a stated order."""

from typing import Any, Iterable, Iterator, Optional, Union, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from edgejoule.bench.data import Batch, Split

WORKERS = 2  # decode pictures while the device trains; the smallest boards have four cores


def batches(
    split: Split, size: int, device: Union[str, torch.device], order: Optional[Tensor] = None
) -> Iterator[Batch]:
    """Yields (x [n, c, h, w], y [n]); `order` is a LongTensor of indices, else as stored.

    The last, shorter batch is included: every sample is seen once an epoch.
    """
    order = torch.arange(len(split)) if order is None else order
    if isinstance(split, TensorDataset):
        # What lies in memory is indexed batch by batch: a loader would fetch it one by one.
        source: Iterable[Any] = (
            tuple(t[part] for t in split.tensors) for part in order.split(size)
        )
    else:
        samples = cast("Dataset[Any]", split)  # an index and a length are all a loader needs
        source = DataLoader(samples, size, sampler=order.tolist(), num_workers=WORKERS)
    for x, y in source:
        yield x.to(device, non_blocking=True), y.to(device, non_blocking=True)
