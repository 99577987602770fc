"""How much is gone after each pruning event, and when the events are.

SNIP-it during training exists twice. Its algorithm 1 trains tau epochs before each event and prunes
to the final share right after the last: 4, 8, ..., 24, 24 for tau = 4 and seven events. Its code
has the first at epoch 8 and the last by itself: 8, 12, ..., 32. "code" is the default, since it is
what the authors published and most likely ran. Deviation: the code counts epochs from 0, so that it
has trained nine before the first event, where we have trained eight.
"""

from typing import List, Mapping, Optional, Tuple

from edgejoule.prune.settings import Events

TIMINGS = ("code", "algorithm")
INTERVAL = 4  # tau, epochs between events (Verdenius et al., 2020, section 5)
FIRST = 8  # epochs before the first event of the authors' code


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
    when: str,
    count: int,
    interval: Optional[int],
    first: Optional[int],
    epochs: int,
    timing: Optional[str] = None,
) -> List[int]:
    """Number of epochs trained before each of `count` pruning events.

    `when` "before" training all are 0. "during" it they are `interval` (4 if None) epochs apart:
    by `timing` "code" (if None) the first is `first` (8 if None); by "algorithm" the first comes
    after one interval and the last together with the one before. Some epochs are left after them.

    Raises:
        ValueError: a name that does not exist, a setting without effect, or they do not fit.
    """
    given = {"timing": timing, "interval": interval, "first_event": first}
    if when not in ("before", "during"):
        raise ValueError("when={!r}; there are: before, during".format(when))
    if when == "before":
        _refuse(given, "before training", "set when='during'")
        return [0] * count
    if timing not in (None,) + TIMINGS:
        raise ValueError("timing={!r}; there are: {}".format(timing, ", ".join(TIMINGS)))
    interval = INTERVAL if interval is None else interval
    if timing == "algorithm":
        _refuse({"first_event": first}, "with timing 'algorithm'", "set timing='code'")
        # line 7 of the algorithm prunes to the final share without training once more
        found = [interval * i for i in range(1, count)]
        found.append(found[-1] if found else interval)
    else:
        first = FIRST if first is None else first
        found = [first + interval * i for i in range(count)]
    if found[0] < 1 or interval < 1 or found[-1] >= epochs:
        raise ValueError(
            "{} events from epoch {} every {} end at epoch {}, but the training has "
            "{}; lower first_event, interval or steps".format(
                count, found[0], interval, found[-1], epochs
            )
        )
    return found


def _refuse(given: Mapping[str, object], where: str, instead: str) -> None:
    """Raises a ValueError if any of the settings was given."""
    named = ["{}={!r}".format(key, value) for key, value in given.items() if value is not None]
    if named:
        raise ValueError(
            "{} {} no effect {}; remove {} or {}".format(
                " and ".join(named),
                "has" if len(named) == 1 else "have",
                where,
                "it" if len(named) == 1 else "them",
                instead,
            )
        )


def planned(asked: Events, ratio: float, total: int) -> Tuple[List[float], List[int], str]:
    """(share gone after each event, epoch of each event, a note on both) of pruning in steps."""
    shares, note = kappas(ratio, asked.steps)
    epochs = events(asked.when, len(shares), asked.interval, asked.first_event, total, asked.timing)
    return shares, epochs, note
