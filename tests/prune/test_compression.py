"""Runs of zeros, Huffman codes and shared weights: closed forms, naive versions, round trips."""

import heapq
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings, strategies
from torch import nn

from edgejoule.prune.compression import coded, huffman, runs, sharing

INTS = strategies.integers
FEW = settings(max_examples=60, deadline=None)


def test_runs_with_a_filler():
    zeros, real = runs.encode(np.array([1, 4, 15, 16, 40]), 4)
    assert zeros.tolist() == [1, 2, 10, 0, 15, 7]
    assert real.tolist() == [True, True, True, True, False, True]
    assert runs.decode(zeros).tolist() == [1, 4, 15, 16, 32, 40]


def test_distances_as_in_the_paper_s_figure():
    found, real = runs.steps(np.array([1, 4, 15]), 8, start=0)
    assert found.tolist() == [1, 3, 8, 3] and real.tolist() == [True, True, False, True]


@FEW
@given(strategies.sets(INTS(0, 600)), INTS(1, 8))
def test_runs_come_back_and_count_what_a_loop_counts(places, bits):
    positions, most = np.array(sorted(places), int), 2**bits - 1
    zeros, real = runs.encode(positions, bits)
    assert runs.decode(zeros)[real].tolist() == positions.tolist()
    expected, last = [], -1
    for each in positions.tolist():
        run = each - last - 1
        while run > most:
            expected.append(most)
            run -= most + 1
        expected.append(run)
        last = each
    assert zeros.tolist() == expected


def test_positions_that_do_not_ascend_are_refused():
    with pytest.raises(ValueError, match="must ascend"):
        runs.encode(np.array([3, 3]), 4)


def test_code_lengths_of_known_counts():
    bits = huffman.lengths([5, 2, 1, 1])
    assert bits.tolist() == [1, 2, 3, 3]
    assert np.dot(bits, [5, 2, 1, 1]) / 9 == pytest.approx(1.6666667)
    assert huffman.entropy([5, 2, 1, 1]) == pytest.approx(1.6577427)
    assert huffman.codewords(bits).tolist() == [0b0, 0b10, 0b110, 0b111]
    assert huffman.lengths([0, 7, 0]).tolist() == [0, 1, 0], "one symbol costs a bit"
    assert huffman.lengths([0, 0]).tolist() == [0, 0]


def best_of_all(counts):
    """The least total length of any prefix code, over all lengths that Kraft allows."""
    n = len(counts)
    return min(
        sum(length * count for length, count in zip(chosen, counts))
        for chosen in itertools.product(range(1, n + 1), repeat=n)
        if sum(2.0**-length for length in chosen) <= 1
    )


@settings(max_examples=25, deadline=None)
@given(strategies.lists(INTS(1, 50), min_size=2, max_size=5))
def test_no_prefix_code_is_shorter(counts):
    assert int(np.dot(huffman.lengths(counts), counts)) == best_of_all(counts)


@FEW
@given(strategies.lists(INTS(0, 10**6), min_size=2, max_size=60))
def test_the_mean_length_is_within_a_bit_of_the_entropy(counts):
    assume(sum(count > 0 for count in counts) > 1)
    bits, total = huffman.lengths(counts), sum(counts)
    mean, entropy = np.dot(bits, counts) / total, huffman.entropy(counts)
    assert entropy - 1e-9 <= mean < entropy + 1
    assert sum(2.0 ** -int(each) for each in bits if each) == 1
    # another way to the same total: the sum of what is merged
    heap = [count for count in counts if count]
    heapq.heapify(heap)
    merged = 0
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        merged += both
        heapq.heappush(heap, both)
    assert int(np.dot(bits, counts)) == merged


@FEW
@given(strategies.lists(INTS(0, 40), max_size=200))
def test_codes_are_free_of_prefixes_and_come_back(symbols):
    bits = huffman.lengths(np.bincount(symbols, minlength=41).tolist())
    words = huffman.codewords(bits)
    written = ["{:0{}b}".format(words[s], bits[s]) for s in set(symbols)]
    assert not any(a != b and b.startswith(a) for a in written for b in written)
    packed = huffman.pack(np.array(symbols, int), bits)
    assert len(packed) == math.ceil(sum(int(bits[s]) for s in symbols) / 8)
    text = "".join("{:0{}b}".format(words[s], bits[s]) for s in symbols)
    assert "".join("{:08b}".format(byte) for byte in packed).startswith(text)
    assert huffman.unpack(packed, len(symbols), bits).tolist() == symbols


def test_streams_longer_than_a_window_and_very_skewed_tables_come_back():
    counts = [1, 1]
    while len(counts) < 24:
        counts.append(counts[-1] + counts[-2])  # the deepest tree that so many symbols can have
    bits = huffman.lengths(counts)
    assert bits.max() == 23
    symbols = np.random.RandomState(0).permutation(np.repeat(np.arange(24), counts))
    packed = huffman.pack(symbols, bits)
    assert len(packed) * 8 > 3 * huffman.CHUNK
    assert (huffman.unpack(packed, len(symbols), bits) == symbols).all()


def test_a_stream_that_ends_early_is_refused():
    bits = huffman.lengths([5, 2, 1, 1])
    packed = huffman.pack(np.array([3] * 40), bits)
    with pytest.raises(ValueError, match="ends before its 40 symbols"):
        huffman.unpack(packed[:-2], 40, bits)


KNOWN = [-1.0, -0.9, 0.1, 0.2, 0.95, 1.1]


def spread(values, centroids):
    return float((np.abs(np.subtract.outer(values, centroids)).min(1) ** 2).sum())


def test_k_means_of_known_weights():
    ordered = np.array(KNOWN)
    sums = np.concatenate([[0], np.cumsum(ordered)])
    start = sharing.evenly(ordered, 3)
    assert start.tolist() == pytest.approx([-1, 0.05, 1.1])
    moved = sharing.lloyd(ordered, sums, start)
    assert moved.tolist() == pytest.approx([-0.95, 0.15, 1.025])
    assert spread(ordered, start) == pytest.approx(0.0575)
    assert spread(ordered, moved) == pytest.approx(0.02125)
    assert sharing.lloyd(ordered, sums, moved).tolist() == moved.tolist()
    shared = sharing.share(torch.tensor(KNOWN), torch.ones(6, dtype=torch.bool), 2)
    assert shared.codes.tolist() == [1, 1, 2, 2, 3, 3]
    assert shared.book.tolist() == pytest.approx([0, -0.95, 0.15, 1.025])


@FEW
@given(strategies.lists(INTS(-500, 500), min_size=2, max_size=200), INTS(2, 12))
def test_the_spread_never_grows_and_a_naive_step_agrees(values, count):
    ordered = np.sort(np.array(values, float) / 64)
    assume(ordered[0] < ordered[-1])
    sums = np.concatenate([[0], np.cumsum(ordered)])
    centroids = sharing.evenly(ordered, count)
    for _ in range(8):
        moved = sharing.lloyd(ordered, sums, centroids)
        nearest = np.abs(np.subtract.outer(ordered, centroids)).round(12).argmin(1)
        naive = [
            ordered[nearest == k].mean() if (nearest == k).any() else centroids[k]
            for k in range(count)
        ]
        assert np.allclose(moved, naive, atol=1e-9) and (np.diff(moved) >= 0).all()
        assert spread(ordered, moved) <= spread(ordered, centroids) + 1e-9
        centroids = moved


def test_masked_weights_are_no_members_and_few_values_are_kept_as_they_are():
    weight = torch.tensor([[0.5, -2.0, 0.5], [9.0, 1.0, -2.0]])
    flags = weight != 9
    shared = sharing.share(weight, flags, 2)
    assert torch.equal(shared.weights(), weight * flags) and shared.steps == 0
    assert shared.codes.tolist() == [[2, 1, 2], [0, 3, 1]]
    nothing = sharing.share(weight, torch.zeros_like(flags), 2)
    assert not nothing.codes.any() and not nothing.weights().any() and sharing.work(nothing) == 0


def test_shared_weights_take_the_nearest_value():
    torch.manual_seed(0)
    weight = torch.randn(40, 30)
    flags = weight.abs() > 0.5
    shared = sharing.share(weight, flags, 4)
    assert len(shared.book) == 16 and shared.book.dtype == weight.dtype and shared.steps > 1
    values = weight[flags].numpy()
    best = np.abs(np.subtract.outer(values, shared.book[1:].numpy())).min(1)
    chosen = np.abs(values - shared.weights()[flags].numpy())
    assert np.allclose(best, chosen, atol=1e-6) and not shared.weights()[~flags].any()
    n = int(flags.sum())
    assert sharing.work(shared) == int(
        n * math.log2(n) + 2 * n + shared.steps * 15 * (math.log2(n) + 4)
    )


def test_what_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="diverged"):
        sharing.share(torch.tensor([float("nan")]), torch.tensor([True]), 4)
    with pytest.raises(ValueError, match="start at 1"):
        sharing.share(torch.ones(1), torch.tensor([True]), 0)


@pytest.mark.parametrize(
    "n, k, expected", [(16, 4, 3.2), (1000, 32, 5.3120850), (10**6, 32, 6.3986897)]
)
def test_the_paper_s_ratio_of_sharing_alone(n, k, expected):
    assert sharing.sharing_ratio(n, k) == pytest.approx(expected)


@pytest.mark.parametrize("gradient, scale", [("sum", 1), ("mean", 0.5)])
def test_a_centroid_gets_the_sum_of_its_members_gradients(gradient, scale):
    """The numbers of the specification, and autograd through the book itself."""
    layer = nn.Linear(7, 1, bias=False).double()
    shared = sharing.share(
        torch.tensor([KNOWN + [5.0]]).double(), torch.tensor([[True] * 6 + [False]]), 2
    )
    layer.weight.data = shared.weights()
    towards = torch.tensor([[0.1, 0.2, -0.3, 0.1, 0.5, 0.5, 7.0]]).double()
    with sharing.tied(layer, {"weight": shared}, gradient):
        (layer.weight * towards).sum().backward()
    expected = scale * torch.tensor([[0.3, 0.3, -0.2, -0.2, 1.0, 1.0, 0.0]]).double()
    assert torch.allclose(layer.weight.grad, expected)
    book = shared.book.clone().requires_grad_()
    (book[shared.codes] * towards).sum().backward()
    assert torch.allclose(scale * book.grad[shared.codes][0, :6], layer.weight.grad[0, :6])


def test_there_is_no_other_gradient():
    with pytest.raises(ValueError, match="sum, mean"):
        with sharing.tied(nn.Linear(1, 1), {}, "median"):
            pass


@pytest.mark.parametrize(
    "optimiser",
    [
        lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1, nesterov=True),
        lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    ],
)
def test_training_keeps_weights_of_one_code_equal_bit_by_bit(optimiser):
    torch.manual_seed(0)
    layer = nn.Linear(30, 20)
    shared = sharing.share(layer.weight, layer.weight.detach().abs() > 0.05, 3)
    layer.weight.data = shared.weights()
    steps, x = optimiser(layer.parameters()), torch.randn(16, 30)
    with sharing.tied(layer, {"weight": shared}, "sum"):
        for _ in range(20):
            steps.zero_grad()
            layer(x).pow(2).sum().backward()
            steps.step()
        inside = layer.weight.detach().clone()
    members = [inside[shared.codes == code].unique() for code in range(1, 8)]
    assert max(map(len, members)) == 1 and sum(map(len, members)) > 4
    after = layer.weight.detach()
    assert torch.equal(after[shared.codes > 0], inside[shared.codes > 0])
    assert not after[shared.codes == 0].any() and not torch.equal(after, shared.weights())
    again = sharing.trained(after, shared)
    assert torch.equal(again.weights(), after) and again.book[0] == 0


def sparse(seed, shape, values, density, dtype=np.float32):
    rng = np.random.RandomState(seed)
    found = np.where(rng.rand(*shape) < density, rng.choice(values, shape), 0)
    return found.astype(dtype)


@FEW
@given(
    INTS(0, 10**6),
    strategies.lists(INTS(1, 6), min_size=1, max_size=4),
    strategies.sampled_from([0.0, 0.05, 0.5, 1.0]),
    INTS(1, 6),
    strategies.sampled_from([np.float32, np.float64]),
)
def test_a_layer_comes_back_bit_by_bit(seed, shape, density, run_bits, dtype):
    weight = sparse(seed, shape, np.arange(-3, 4) / 7, density, dtype)
    layer = coded.code(weight, 3, run_bits)
    assert layer.book.dtype == dtype and layer.zeros.max(initial=0) < 2**run_bits
    assert coded.expand(layer).tobytes() == (weight + 0).tobytes() and weight.shape == layer.shape


def test_more_values_than_codes_are_refused():
    with pytest.raises(ValueError, match="8 different weights beside 0, but 3 bits tell 7 apart"):
        coded.code(np.arange(9.0), 3, 5)


def test_a_stream_beyond_its_tensor_is_refused():
    layer = coded.code(np.eye(4, dtype=np.float32), 2, 4)
    with pytest.raises(ValueError, match="reaches beyond"):
        coded.expand(layer._replace(shape=(3, 4)))
    with pytest.raises(ValueError, match="reaches beyond"):
        coded.expand(layer._replace(codes=layer.codes + 1))


def test_sizes_of_a_known_layer():
    """1000 weights, 100 kept in 31 values: 2024 bits with 5 + 5 bits an entry, 15.8 times less."""
    weight = np.zeros(1000, np.float32)
    weight[::10] = np.arange(100) % 31 + 1
    layer = coded.code(weight, 5, 5)
    found = coded.sizes(layer, coded.tables(layer))
    assert found["shared"] == 2024 and found["dense"] == 32000
    assert found["dense"] / found["shared"] == pytest.approx(15.8103, abs=1e-4)
    assert found["pruned"] == 100 * 37
    of_values, of_runs = coded.tables(layer)
    assert found["payload"] == sum(of_values[c] for c in layer.codes) + 100, "1 bit for runs of 9"
    assert found["huffman"] == found["payload"] + 32 * 32 + 8 * (32 + 32)


@FEW
@given(INTS(0, 10**6), strategies.sampled_from([0.02, 0.3, 1.0]))
def test_stages_shrink_and_no_payload_beats_the_entropy(seed, density):
    layer = coded.code(sparse(seed, (50, 40), [0.1, 0.2, 0.5, -0.5], density), 5, 5)
    found = coded.sizes(layer, coded.tables(layer))
    assert found["payload"] <= found["shared"] - 32 * len(layer.book) <= found["pruned"]
    if len(layer.codes):
        least = sum(
            huffman.entropy(np.bincount(each).tolist()) for each in (layer.codes, layer.zeros)
        )
        assert least * len(layer.codes) - 1e-6 <= found["payload"]
        assert found["payload"] <= (least + 2) * len(layer.codes)
