"""Early-bird rules on written-out distances."""
import pytest

from prune import tickets


def fires(rule, states, distance=lambda a, b: abs(a - b)):
    """Index of the observation that fires, None if none does."""
    watch = tickets.Watch(rule, distance)
    return next((i for i, state in enumerate(states) if watch.see(state)), None)


@pytest.mark.parametrize("distances, expected", [
    ([.16, .1], None), ([.14, .1], 2), ([.16, .14, .1], 3), ([.1, .15, .1], None), ([.1], None)])
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
    assert fires(tickets.lookback_max(), [0.] * 9) == 3


def test_lookback_compares_the_newest_with_each():
    assert fires(tickets.lookback_max(), [.2, .1, .05, .0, .0]) == 4


def test_mask_distance_fires_at_the_fifth_mask_of_a_constant_ranking():
    assert fires(tickets.mask_distance(), [0] * 9) == 4


def test_mask_distance_allows_the_threshold_itself():
    assert fires(tickets.mask_distance(epsilon=.5), [.5, .5, .5, .5, 0]) == 4
    assert fires(tickets.queue_consecutive(epsilon=.5), [.5, 0, .5, 0, .5]) is None


def test_ticket_carries_its_distances():
    watch = tickets.Watch(tickets.queue_consecutive(), lambda a, b: abs(a - b))
    for state in (0., .25, .25, .25):
        watch.see(state)
    ticket = watch.ticket("mask", 4)
    assert ticket == ("mask", 4, (None, .25, 0., 0.), "queue_consecutive", .15)


def test_lookback_records_the_largest_distance():
    watch = tickets.Watch(tickets.lookback_max(), lambda a, b: abs(a - b))
    for state in (0., .25, .5):
        watch.see(state)
    assert watch.distances == [None, .25, .5]


@pytest.mark.parametrize("rule", [tickets.queue_consecutive(0), tickets.lookback_max(3, 1.5)])
def test_refuses(rule):
    with pytest.raises(ValueError, match="at least one"):
        tickets.Watch(rule, None)


def test_mask_distance_is_the_share_of_channels_that_differ():
    import torch

    from prune.mask import Mask
    a, b = (Mask({"g": torch.tensor(flags, dtype=torch.bool)})
            for flags in ([1, 1, 0, 0], [1, 0, 1, 0]))
    assert a.distance(b) == .5
