"""Batches of a data set on the device, in a stated order."""

import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset


def batches(dataset: Dataset, size: int, device, order=None):
    """Yields (x [n, c, h, w], y [n]); `order` is a LongTensor of indices, else as stored.

    The last, shorter batch is included: every sample is seen once an epoch.
    """
    order = torch.arange(len(dataset)) if order is None else order
    if isinstance(dataset, TensorDataset):
        source = (tuple(t[chunk] for t in dataset.tensors) for chunk in order.split(size))
    else:
        source = DataLoader(dataset, size, sampler=order.tolist(), num_workers=2)
    for x, y in source:
        yield x.to(device, non_blocking=True), y.to(device, non_blocking=True)
