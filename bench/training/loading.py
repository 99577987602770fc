"""Batches of a data set on the device, in a stated order.

Data in memory are moved to the device once, as they are stored (bytes of pictures are normalised
there), where they fit. Whatever lies in files, or does not fit, is made into batches by processes
ahead of time, in memory that the device can fetch from while it computes.

On a CPU data in memory are read where they are, and files by two processes: crops that are drawn
when a picture is read come from these processes' generators, so another number would be another
training. Everywhere else a picture draws from a seed of its own, whichever process reads it.
"""

import time
from functools import partial
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from edgejoule.bench.data import Batch, Data, Split
from edgejoule.bench.training import worker_count

WORKERS = 2  # decode pictures while the CPU trains; the smallest boards have four cores
SHARE = 0.25  # of the device's free memory, for all data: activations need most of the rest
TIMED = 32  # pictures of a batch while processes are counted: a few seconds for slow files


class Loading:
    """Where the data of a training are read from, and how long it waited for them.

    Moves data and counts processes when it is made, which is before anything is measured.

    Args:
        data: the splits.
        settings: the section train; `batch_size`, `resident` and `workers` count here.
        device: where batches are wanted.
        clock: returns seconds.

    Raises:
        ValueError: `resident` is true and the data cannot lie on the device.
    """

    def __init__(
        self,
        data: Data,
        settings: Dict[str, Any],
        device: torch.device,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.size, self.device, self._clock = settings["batch_size"], device, clock
        self.waited_s = 0.0  # seconds in which whoever took batches had none
        self.facts: Dict[str, Any] = {}  # for the record; empty where nothing was to decide
        self._moved: Dict[int, Split] = {}  # by the identity of the split as the data set gave it
        self._workers: Optional[int] = None  # None: as it always was on a CPU
        if device.type != "cpu":
            self._move(data, settings["resident"])
        elif settings["resident"] is True:
            _in_memory(data)
        if not self._moved and not _stays(data, settings, device):
            self._count(data, settings)

    def batches(self, split: Split, order: Optional[Tensor] = None) -> Iterator[Batch]:
        """As `batches`, of one of the data's splits; `waited_s` grows by what each took."""
        moved = self._moved.get(id(split))
        # what lies on the device is indexed there, and needs nobody else
        workers = self._workers if moved is None else None
        here = split if moved is None else moved
        source = batches(here, self.size, self.device, order, workers)
        while True:
            begun = self._clock()
            batch = next(source, None)
            self.waited_s += self._clock() - begun
            if batch is None:
                return
            yield batch

    def _move(self, data: Data, asked: Any) -> None:
        """Moves the splits to the device, all of them or none: a phase reads both."""
        if asked is False:
            self.facts["resident"] = False
            return
        needed = nbytes(data)
        room = SHARE * free_bytes(self.device)
        if needed is not None and needed <= room:
            self._moved = {id(each): on_device(each, self.device) for each in _splits(data)}
            self.facts.update(resident=True, resident_bytes=needed)
            return
        if asked is True:
            raise ValueError(_no_room(needed, room))
        self.facts.update(resident=False, data_bytes=needed, room_bytes=int(room))

    def _count(self, data: Data, settings: Dict[str, Any]) -> None:
        """Sets the number of processes: the one that was asked for, or the one that is measured."""
        self._workers = settings["workers"]
        if self._workers == "auto":
            split = data.varied if settings["augment"] and data.varied is not None else data.train
            size = self.size if isinstance(split, TensorDataset) else min(self.size, TIMED)
            opened = partial(_opened, split, size, self.device.type == "cuda")
            self._workers, seconds = worker_count.chosen(opened, len(split), size, self._clock)
            # text, as JSON has it
            self.facts["seconds_per_batch"] = {str(key): each for key, each in seconds.items()}
            self.facts["timed_batch_size"] = size
        self.facts["workers"] = self._workers


def batches(
    split: Split,
    size: int,
    device: Union[str, torch.device],
    order: Optional[Tensor] = None,
    workers: Optional[int] = None,
) -> Iterator[Batch]:
    """Yields (x [n, c, h, w], y [n]); `order` is a LongTensor of indices, else as stored.

    The last, shorter batch is included: every sample is seen once an epoch. With `workers` that
    many processes make the batches, 0 for none, and pictures that draw by chance come out alike
    for every number; None: data in memory are read directly, files by two processes.
    """
    order = torch.arange(len(split)) if order is None else order
    if workers is not None:
        pinned = torch.device(device).type == "cuda"
        source: Iterable[Any] = _opened(split, size, pinned, order, workers)
    elif isinstance(split, TensorDataset):
        # What lies in memory is indexed batch by batch: a loader would fetch it one by one.
        here = order.to(_device_of(split))
        source = (tuple(t[part] for t in split.tensors) for part in here.split(size))
    else:
        samples = cast("Dataset[Any]", split)  # an index and a length are all a loader needs
        source = DataLoader(samples, size, sampler=order.tolist(), num_workers=WORKERS)
    for x, y in source:
        yield x.to(device, non_blocking=True), y.to(device, non_blocking=True)


class Seeded(Dataset):
    """A split of which every reading has a seed of its own: (place, index) gives a sample."""

    def __init__(self, split: Split, seed: int) -> None:
        self.split, self.seed = split, seed

    def __getitem__(self, asked: Tuple[int, int]) -> Tuple[Tensor, Any]:
        place, index = asked
        with torch.random.fork_rng([]):
            # Not torch.manual_seed: that one seeds the GPU too, where dropout draws.
            torch.default_generator.manual_seed(self.seed + place)
            return self.split[index]


def _opened(split: Split, size: int, pinned: bool, order: Tensor, workers: int) -> Iterable[Any]:
    """A loader with that many processes; `pinned`: into memory that a GPU fetches from."""
    options: Dict[str, Any] = {"num_workers": workers, "pin_memory": pinned}
    if isinstance(split, TensorDataset):
        # one index is a whole batch: samples one by one would take a hundred times as long
        return DataLoader(split, None, sampler=list(order.split(size)), **options)
    seed = int(torch.randint(2**62, ()))
    return DataLoader(Seeded(split, seed), size, sampler=list(enumerate(order.tolist())), **options)


def on_device(split: Split, device: torch.device) -> TensorDataset:
    """A split in memory with everything that it holds on another device."""
    return TensorDataset(*(each.to(device) for each in cast(TensorDataset, split).tensors))


def nbytes(data: Data) -> Optional[int]:
    """Bytes that all splits hold; None if one of them lies in files."""
    found = 0
    for split in _splits(data):
        if not _is_movable(split):
            return None
        for each in cast(TensorDataset, split).tensors:
            found += each.element_size() * each.nelement() if torch.is_tensor(each) else each.nbytes
    return found


def free_bytes(device: torch.device) -> int:
    """Bytes of a CUDA device's memory that nobody uses now."""
    return torch.cuda.mem_get_info(device)[0]


def _splits(data: Data) -> List[Split]:
    return [each for each in (data.train, data.test, data.varied) if each is not None]


def _is_movable(split: Split) -> bool:
    """True for tensors and what knows its bytes and the way to a device, as `data.Pixels`."""
    return isinstance(split, TensorDataset) and all(
        torch.is_tensor(each) or hasattr(each, "to") and hasattr(each, "nbytes")
        for each in split.tensors
    )


def _device_of(split: TensorDataset) -> torch.device:
    """Where the labels are, and whatever belongs to them."""
    return split.tensors[-1].device


def _stays(data: Data, settings: Dict[str, Any], device: torch.device) -> bool:
    """True if a CPU reads these data without processes that were asked for or counted."""
    if device.type != "cpu":
        return False
    in_memory = all(isinstance(each, TensorDataset) for each in _splits(data))
    return settings["workers"] == "auto" or in_memory and settings["resident"] is not False


def _in_memory(data: Data) -> None:
    if nbytes(data) is None:
        raise ValueError(_no_room(None, 0.0))


def _no_room(needed: Optional[int], room: float) -> str:
    if needed is None:
        return (
            "train.resident = true, but these data are read from files as they are needed; "
            'leave it at "auto", or let the data set keep its pictures in memory'
        )
    return (
        "train.resident = true, but the data take {:.0f} MB and {:.0f} MB are given to them, a "
        'share {} of the free memory; leave it at "auto"'.format(needed / 1e6, room / 1e6, SHARE)
    )
