"""How much is gone after each pruning event."""

from typing import List, Optional, Tuple

from edgejoule.prune.settings import Events


def kappas(final: float, steps: int) -> Tuple[List[float], str]:
    """SNIP-it's shares removed after each event, ascending, and a note if they are not its own.

    SNIP-it (2020), section 3: kappa_i = final - (final - 1/2) (1/2)^i for i = 0 .. steps, then
    final. It starts at one half, so for a final share up to one half it would remove too much and
    come back; then one event removes everything, and the note says so.

    Raises:
        ValueError: `final` is not in [0, 1) or `steps` is negative.
    """
    if not 0 <= final < 1 or steps < 0:
        raise ValueError(
            "ratio={!r} and steps={!r}; a ratio lies in [0, 1), steps from 0".format(final, steps)
        )
    if final <= 0.5:
        return [final], (
            "the schedule starts by removing half, more than the asked {:g}; one "
            "event removes it all instead of {}".format(final, steps + 2)
        )
    return [final - (final - 0.5) * 0.5**i for i in range(steps + 1)] + [final], ""


def geometric(final: float, rounds: int, rate: float = 1.0) -> List[float]:
    """Shares removed after each of `rounds` rounds that remove the same share of what remains.

    `rate` scales that share: lottery tickets prune their output layer at half the rate.

    Raises:
        ValueError: `final` is not in [0, 1), `rounds` not at least 1 or `rate` not in [0, 1].
    """
    if not 0 <= final < 1 or rounds < 1 or not 0 <= rate <= 1:
        raise ValueError(
            "ratio={!r}, rounds={!r}, rate={!r}; a ratio lies in [0, 1), rounds start "
            "at 1, rates lie in [0, 1]".format(final, rounds, rate)
        )
    each = rate * (1 - (1 - final) ** (1 / rounds))
    gone = [1 - (1 - each) ** (i + 1) for i in range(rounds)]
    # the last power rounds: without this a ratio of 0.3 might remove one weight too few
    return gone[:-1] + [final] if rate == 1 else gone


def events(
    when: str, count: int, interval: Optional[int], first: Optional[int], epochs: int
) -> List[int]:
    """Number of epochs trained before each of `count` pruning events.

    `when` "before" training all are 0. "during" it the first is `first` (8 if None) and the others
    follow every `interval` epochs (4 if None), the last early enough to leave an epoch of training.

    Raises:
        ValueError: `when` is neither, an interval or first event has no effect, or they do not fit.
    """
    if when not in ("before", "during"):
        raise ValueError("when={!r}; there are: before, during".format(when))
    if when == "before":
        if interval is not None or first is not None:
            raise ValueError(
                "interval={!r} and first_event={!r} have no effect before training; "
                "remove them or set when='during'".format(interval, first)
            )
        return [0] * count
    # tau is 4 epochs in the paper; the first event of the authors' code comes after 8
    interval, first = 4 if interval is None else interval, 8 if first is None else first
    found = [first + interval * i for i in range(count)]
    if first < 1 or interval < 1 or found[-1] >= epochs:
        raise ValueError(
            "{} events from epoch {} every {} end at epoch {}, but the training has "
            "{}; lower first_event, interval or steps".format(
                count, first, interval, found[-1], epochs
            )
        )
    return found


def planned(asked: Events, ratio: float, total: int) -> Tuple[List[float], List[int], str]:
    """(share gone after each event, epoch of each event, a note on both) of pruning in steps."""
    shares, note = kappas(ratio, asked.steps)
    return shares, events(asked.when, len(shares), asked.interval, asked.first_event, total), note
