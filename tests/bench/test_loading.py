"""Where batches come from: the same pictures in the same order, wherever they lie."""

import json

import pytest
import torch
from rigs.fake_meter import FakeMeter, Silent
from torch import nn
from torch.utils.data import Dataset, TensorDataset

from edgejoule.bench import settings
from edgejoule.bench.data import Data, images
from edgejoule.bench.measure import Ledger
from edgejoule.bench.training import augmentation, loading, worker_count
from edgejoule.bench.training.loop import Trainer

CPU = torch.device("cpu")
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")


class Files(Dataset):
    """Pictures that are made when they are read; `drawn` adds a random number to each."""

    def __init__(self, count, drawn=False):
        self.count, self.drawn = count, drawn

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        noise = float(torch.rand(())) if self.drawn else 0.0
        return torch.full((3, 4, 4), float(index)) + noise, index % 3


def in_memory(count=20, resize=None):
    generator = torch.Generator().manual_seed(5)
    values = torch.randint(256, (count, 3, 4, 4), generator=generator, dtype=torch.uint8)
    return images(values, torch.arange(count) % 3, MEAN, STD, resize=resize)


def data(train=None, test=None, varied=None, augment=None):
    return Data(train or in_memory(), test or in_memory(8), augment, varied)


def told(**changes):
    return dict(settings.TRAIN, epochs=2, batch_size=6, **changes)


def equal(first, second):
    first, second = list(first), list(second)
    return len(first) == len(second) and all(
        torch.equal(x, other_x) and torch.equal(y, other_y)
        for (x, y), (other_x, other_y) in zip(first, second)
    )


class Ticking:
    """A clock that moves by itself: one second at every look."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


def one_by_one(split, order, size):
    """The slow obvious version: samples read singly and stacked."""
    for part in order.split(size):
        x, y = zip(*(split[int(index)] for index in part))
        yield torch.stack(x), torch.tensor([int(each) for each in y])


@pytest.mark.parametrize("resize", [None, 7])
def test_data_in_memory_are_read_where_they_are(resize):
    split, order = in_memory(resize=resize), torch.randperm(20)
    source = loading.Loading(data(split), told(), CPU)
    assert equal(source.batches(split, order), one_by_one(split, order, 6))
    assert source.facts == {}  # nothing was to decide


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_any_number_of_processes_makes_the_same_batches(workers):
    for split in (in_memory(), Files(20)):
        order = torch.randperm(20)
        found = loading.batches(split, 6, CPU, order, workers)
        assert equal(found, one_by_one(split, order, 6))


def test_pictures_that_are_drawn_come_out_alike_for_any_number_of_processes():
    def read(workers):
        torch.manual_seed(4)
        passes = [list(loading.batches(Files(12, True), 5, CPU, None, workers)) for _ in range(2)]
        return passes, torch.rand(())  # what is drawn next, as by dropout

    (first, after), (second, after_too) = read(0), read(2)
    assert all(equal(a, b) for a, b in zip(first, second)) and torch.equal(after, after_too)
    assert not equal(*first)  # each pass draws anew
    noise = torch.cat([x[:, 0, 0, 0] for x, _ in first[0]]) - torch.arange(12.0)
    assert len(set(noise.tolist())) == 12  # and each picture


def test_a_cpu_reads_files_as_it_always_did():
    """Two processes with torch's own generators: another number would be another training."""
    split = Files(20, True)
    torch.manual_seed(4)
    source = loading.Loading(data(split, Files(8)), told(), CPU)
    order = torch.randperm(20)
    torch.manual_seed(9)
    found = list(source.batches(split, order))
    torch.manual_seed(9)
    usual = torch.utils.data.DataLoader(split, 6, sampler=order.tolist(), num_workers=2)
    assert equal(found, usual) and source.facts == {}


def test_a_number_that_is_asked_for_is_taken():
    files = Files(20)
    source = loading.Loading(data(files), told(workers=1), CPU)
    assert source.facts == {"workers": 1}
    assert equal(source.batches(files), one_by_one(files, torch.arange(20), 6))
    moved_aside = loading.Loading(data(), told(workers=0, resident=False), CPU)
    assert moved_aside.facts == {"workers": 0}


def test_files_cannot_be_resident():
    with pytest.raises(ValueError, match="read from files.*leave it at .auto"):
        loading.Loading(data(Files(9)), told(resident=True), CPU)
    loading.Loading(data(), told(resident=True), CPU)


class Device:
    """Stands for a GPU of so much free memory: what is moved to it stays where it is."""

    def __init__(self, monkeypatch, free):
        self.moves = []
        monkeypatch.setattr(loading, "free_bytes", lambda device: free)
        monkeypatch.setattr(loading, "on_device", self.move)

    def move(self, split, device):
        self.moves.append(split)
        return TensorDataset(*split.tensors)


META = torch.device("meta")  # no CPU and no GPU, and everywhere
BYTES = (20 + 8) * (3 * 4 * 4 + 8)  # pictures as bytes, labels of 8 bytes each


def test_what_fits_is_moved_once_as_bytes(monkeypatch):
    there = Device(monkeypatch, free=BYTES / loading.SHARE)
    whole = data()
    source = loading.Loading(whole, told(), META)
    assert there.moves == [whole.train, whole.test]
    for _ in range(3):
        assert len(list(source.batches(whole.train))) == 4
    assert len(there.moves) == 2
    assert source.facts == {"resident": True, "resident_bytes": BYTES}


def test_what_does_not_fit_is_left_to_processes_whose_number_is_measured(monkeypatch):
    there = Device(monkeypatch, free=BYTES / loading.SHARE - 1)
    monkeypatch.setattr(worker_count, "cores", lambda: 2)
    source = loading.Loading(data(), told(), META, Ticking())
    assert not there.moves
    assert source.facts["resident"] is False and source.facts["data_bytes"] == BYTES
    assert list(source.facts["seconds_per_batch"]) == ["0", "1", "2"]
    assert source.facts["workers"] == 2  # a clock that ticks once, over 3, 2 and 4 batches
    json.dumps(source.facts)
    with pytest.raises(ValueError, match="resident = true, but the data take 0 MB"):
        loading.Loading(data(), told(resident=True), META)


def test_nothing_is_moved_that_is_not_to_be(monkeypatch):
    there = Device(monkeypatch, free=10**9)
    source = loading.Loading(data(), told(resident=False, workers=1), META)
    assert not there.moves and source.facts == {"resident": False, "workers": 1}


def test_pictures_on_another_device_are_the_same_pictures():
    split = in_memory()
    again = loading.on_device(split, CPU)
    assert again is not split and equal([again[:]], [split[:]])
    elsewhere = split.tensors[0].to(META)
    assert elsewhere.values.device == META and elsewhere[0].device == META
    assert split.tensors[0].values.device == CPU
    assert split.tensors[0].nbytes == 20 * 3 * 4 * 4


@pytest.mark.parametrize(
    "cores, numbers",
    [(1, [0, 1]), (2, [0, 1, 2]), (6, [0, 1, 2, 4]), (64, [0, 1, 2, 4, 8, 16])],
)
def test_numbers_that_are_tried_end_at_the_cores(cores, numbers):
    assert worker_count.candidates(cores) == numbers


@pytest.mark.parametrize(
    "seconds, number",
    [
        ({0: 1.0, 1: 1.0, 2: 1.0}, 0),
        ({0: 4.0, 1: 4.1, 2: 2.0, 4: 1.0}, 4),
        ({0: 4.0, 1: 2.0, 2: 1.05, 4: 1.0}, 2),  # about as fast, and half the processes
        ({0: 1.0, 1: 3.0}, 0),
    ],
)
def test_the_fewest_processes_win_that_are_about_as_fast(seconds, number):
    assert worker_count.fewest(seconds) == number


class Machine:
    """Processes that each need 2 s for a batch and 5 s to start; a wait moves the clock."""

    def __init__(self):
        self.now, self.orders = 0.0, []

    def clock(self):
        return self.now

    def loader(self, order, processes):
        self.orders.append(order)
        begun = self.now + (5.0 if processes else 0.0)
        for number in range(len(order) // 6):
            turns = number // max(processes, 1) + 1
            self.now = max(self.now, begun + 2.0 * turns)
            yield number


def test_processes_are_timed_after_their_start_and_on_pictures_of_their_own():
    machine = Machine()
    state = torch.get_rng_state()
    found = worker_count.measured(machine.loader, 1000, 6, [0, 1, 2, 4], machine.clock)
    assert found == pytest.approx({0: 2.0, 1: 2.0, 2: 1.0, 4: 0.5})
    seen = torch.cat(machine.orders).tolist()
    assert len(seen) == len(set(seen)) == 6 * worker_count.ROUNDS * (1 + 1 + 2 + 4)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_small_split_is_read_again():
    machine = Machine()
    worker_count.measured(machine.loader, 5, 6, [2], machine.clock)
    assert set(torch.cat(machine.orders).tolist()) == set(range(5))


def trainer(data, **changes):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    ledger = Ledger(FakeMeter(None), lambda: None)
    return Trainer(net, data, told(**changes), ledger, Silent(), lambda: None, lambda: net)


def test_an_epoch_says_how_long_it_waited_for_batches():
    """Its own, and not those of the evaluation or of scoring."""
    one = trainer(data())
    one.loading = loading.Loading(one.data, one.settings, CPU, Ticking())
    one.batches(1)
    with one.phase("dense"):
        one.train(2)
    # four batches and the end, each between two looks at a clock that moves by one second
    assert [epoch.loading_seconds for epoch in one.ledger.epochs] == [5.0, 5.0]


def test_the_training_is_that_of_before_bit_by_bit():
    """Written out: order, augmentation and normalisation by the generators of one seed."""
    augment = augmentation.crops_and_flips(1, 0.5, MEAN, STD)
    split = in_memory()
    one, again = trainer(data(split, augment=augment)), trainer(data(split, augment=augment))
    with one.phase("dense"):
        one.train(2)
    optimizer = torch.optim.SGD(again.model.parameters(), 0.1, 0.9, weight_decay=1e-4)
    shuffling = torch.Generator().manual_seed(0)
    augmenting = torch.Generator().manual_seed(1)
    for rate in (0.1, 0.01):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for part in torch.randperm(20, generator=shuffling).split(6):
            x = augment(split.tensors[0][part], augmenting)
            loss = nn.functional.cross_entropy(again.model(x), split.tensors[1][part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    ours, theirs = one.model.state_dict(), again.model.state_dict()
    assert [epoch.learning_rate for epoch in one.ledger.epochs] == pytest.approx([0.1, 0.01])
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("resize", [None, 7])
def test_on_a_gpu_resident_pinned_and_cpu_give_the_same_batches(resize):
    split, order = in_memory(200, resize), torch.randperm(200)
    there = torch.device("cuda")
    augment = augmentation.crops_and_flips(1, 0.5, MEAN, STD)
    found = []
    for changes, device in (
        ({}, CPU),
        ({"resident": True}, there),
        ({"resident": False, "workers": 2}, there),
        ({"resident": False, "workers": 0}, there),
    ):
        source, draw = loading.Loading(data(split), told(**changes), device), torch.Generator()
        read = [(augment(x, draw.manual_seed(3)), y) for x, y in source.batches(split, order)]
        assert all(x.device.type == y.device.type == device.type for x, y in read)
        found.append([(x.cpu(), y.cpu()) for x, y in read])
    for other in found[1:]:
        if resize:  # a product of matrices adds in another order there
            pairs = zip(found[0], other)
            assert all(torch.allclose(a, b, atol=1e-5) for (a, _), (b, _) in pairs)
        else:
            assert equal(found[0], other)


@pytest.mark.gpu
@needs_gpu
def test_on_a_gpu_the_number_of_processes_is_measured_and_told():
    source = loading.Loading(data(Files(500)), told(), torch.device("cuda"))
    assert source.facts["resident"] is False
    assert str(source.facts["workers"]) in source.facts["seconds_per_batch"]
    assert all(each >= 0 for each in source.facts["seconds_per_batch"].values())
