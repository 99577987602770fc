"""Early-bird rules on written-out distances."""

import pytest

from edgejoule.prune import tickets


def apart(a, b):
    return abs(a - b)


def observed(rule, states, distance=apart):
    """A watch that has seen all states, and its answers."""
    memory = tickets.Memory(rule.length if rule.lookback else 1, distance)
    watch = tickets.Watch(rule)
    return watch, [watch.see(memory.see(state)) for state in states]


def fires(rule, states, distance=apart):
    """Index of the observation that fires, None if none does."""
    answers = observed(rule, states, distance)[1]
    return answers.index(True) if True in answers else None


@pytest.mark.parametrize(
    "distances, expected",
    [
        ([0.16, 0.1], None),
        ([0.14, 0.1], 2),
        ([0.16, 0.14, 0.1], 3),
        ([0.1, 0.15, 0.1], None),
        ([0.1], None),
    ],
)
def test_queue_of_consecutive_distances(distances, expected):
    states = [sum(distances[:i]) for i in range(len(distances) + 1)]
    watch = tickets.queue_consecutive()
    assert fires(watch, states, lambda a, b: round(abs(a - b), 9)) == expected


def test_consecutive_distances_do_not_see_drift():
    """Steps of .1 for ever: each is small, so algorithm 1 fires; the authors' code does not."""
    states = [i / 10 for i in range(9)]
    assert fires(tickets.queue_consecutive(), states) == 2
    assert fires(tickets.lookback_max(), states) is None


def test_lookback_needs_three_older_states():
    assert fires(tickets.lookback_max(), [0.0] * 9) == 3


def test_lookback_compares_the_newest_with_each():
    assert fires(tickets.lookback_max(), [0.2, 0.1, 0.05, 0.0, 0.0]) == 4


def test_mask_distance_fires_at_the_fifth_mask_of_a_constant_ranking():
    assert fires(tickets.mask_distance(), [0] * 9) == 4


def test_mask_distance_allows_the_threshold_itself():
    assert fires(tickets.mask_distance(epsilon=0.5), [0.5, 0.5, 0.5, 0.5, 0]) == 4
    assert fires(tickets.queue_consecutive(epsilon=0.5), [0.5, 0, 0.5, 0, 0.5]) is None


def test_ticket_carries_its_distances():
    ticket = observed(tickets.queue_consecutive(), (0.0, 0.25, 0.25, 0.25))[0].ticket("mask", 4)
    assert ticket == ("mask", 4, (None, 0.25, 0.0, 0.0), "queue_consecutive", 0.15)


def test_lookback_records_the_largest_distance():
    watch = observed(tickets.lookback_max(), (0.0, 0.25, 0.5))[0]
    assert watch.distances == [None, 0.25, 0.5]


@pytest.mark.parametrize("rule", [tickets.queue_consecutive(0), tickets.lookback_max(3, 1.5)])
def test_refuses(rule):
    with pytest.raises(ValueError, match="at least one"):
        tickets.Watch(rule)


def test_distances_that_come_without_states_are_enough():
    watch = tickets.Watch(tickets.queue_consecutive())
    assert [watch.see(given) for given in ([], [0.1], [0.2], [0.1], [0.1])] == [False] * 4 + [True]


def test_memory_forgets():
    memory = tickets.Memory(2, apart)
    assert [memory.see(state) for state in (0, 1, 3, 7)] == [[], [1], [3, 2], [6, 4]]


def test_mask_distance_is_the_share_of_channels_that_differ():
    import torch

    from edgejoule.prune.mask import Mask

    a, b = (
        Mask({"g": torch.tensor(flags, dtype=torch.bool)}) for flags in ([1, 1, 0, 0], [1, 0, 1, 0])
    )
    assert a.distance(b) == 0.5
