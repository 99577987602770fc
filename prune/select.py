"""From scores to a mask: exactly floor(ratio * n) channels, the lowest scores first.

Ties fall to the earlier group, then to the earlier channel. (The papers' own code rounds and
breaks ties differently, which moves a channel or two; here one rule holds for all methods.) A
layer that would fall below its minimum keeps its best channels, the next lowest ones elsewhere
leave instead, and the mask's notes say so.
"""

import fnmatch
import math
from typing import Dict, List, Mapping, Sequence, Tuple, Union

import numpy as np
import torch

from edgejoule.prune.groups import Group
from edgejoule.prune.mask import Mask

Minimum = Union[int, float]
Scores = Mapping[str, torch.Tensor]  # group name -> [channels]
Ratio = Union[float, Mapping[str, float]]
ROUNDING = 1e-9  # 0.29 * 100 is 28.999... in floating point and means 29


def select(
    scores: Scores,
    groups: Sequence[Group],
    ratio: Ratio,
    scope: str = "global",
    min_channels: Minimum = 1,
    multiple_of: int = 1,
) -> Mask:
    """The mask that removes a share of the channels, lowest scores first.

    `scores` has a tensor [channels] per group; the higher a score, the longer its channel stays.
    `ratio` is one share in [0, 1), or a table {group name or pattern: share}, which works per
    layer. `min_channels` is a number, or a share of each group (0.1 keeps a tenth);
    `multiple_of` brings every group's width to the nearest multiple.

    Raises:
        ValueError: scores that don't fit the groups, or a setting out of its range.
    """
    _check(scores, groups, scope, multiple_of)
    table = shares(ratio, groups)
    least = {group.name: _least(group, min_channels) for group in groups}
    if scope == "layer" or isinstance(ratio, Mapping):
        picks = [_lowest(scores, [group], table[group.name], least) for group in groups]
    else:
        picks = [_lowest(scores, groups, ratio, least)]
    kept: Dict[str, torch.Tensor] = {}
    notes: List[str] = []
    for flags, sentences in picks:
        kept.update(flags)
        notes.extend(sentences)
    if multiple_of > 1:
        notes.extend(_rounded(kept, scores, groups, least, multiple_of))
    return Mask(kept, notes)


def _check(scores: Scores, groups: Sequence[Group], scope: str, multiple_of: int) -> None:
    if scope not in ("global", "layer"):
        raise ValueError("no scope called {!r}; choose 'global' or 'layer'".format(scope))
    if multiple_of < 1:
        raise ValueError("multiple_of is {!r}; it must be at least 1".format(multiple_of))
    for group in groups:
        found = scores.get(group.name)
        if found is None or tuple(found.shape) != (group.channels,):
            raise ValueError(
                "scores of group {!r}: found {}, need [{}]".format(
                    group.name, None if found is None else list(found.shape), group.channels
                )
            )
        if not bool(torch.isfinite(found).all()):
            raise ValueError("scores of group {!r} hold NaN or infinity".format(group.name))


def shares(ratio: Ratio, groups: Sequence[Group]) -> Dict[str, float]:
    """The share to remove per group.

    A table's first matching pattern counts; no match leaves a group whole.
    """
    if not isinstance(ratio, Mapping):
        return {group.name: _share(ratio) for group in groups}
    for pattern in ratio:
        if not any(fnmatch.fnmatchcase(group.name, pattern) for group in groups):
            raise ValueError(
                "ratio: no group matches {!r}; groups are: {}".format(
                    pattern, ", ".join(group.name for group in groups)
                )
            )
    return {
        group.name: next(
            (
                _share(value)
                for pattern, value in ratio.items()
                if fnmatch.fnmatchcase(group.name, pattern)
            ),
            0.0,
        )
        for group in groups
    }


def _share(ratio: float) -> float:
    if not 0 <= ratio < 1:
        raise ValueError("ratio is {!r}; it must lie in [0, 1)".format(ratio))
    return float(ratio)


def _least(group: Group, minimum: Minimum) -> int:
    if isinstance(minimum, float) and minimum < 1:
        minimum = math.ceil(minimum * group.channels - ROUNDING)
    return min(group.channels, max(1, int(minimum)))


def _lowest(
    scores: Scores, groups: Sequence[Group], ratio: float, least: Dict[str, int]
) -> Tuple[Dict[str, torch.Tensor], List[str]]:
    """Flags per group with exactly floor(ratio * n) channels removed over all of them."""
    total = sum(group.channels for group in groups)
    quota = int(math.floor(_share(ratio) * total + ROUNDING))
    room = {group.name: group.channels - least[group.name] for group in groups}
    if quota > sum(room.values()):
        raise ValueError(
            "ratio {!r} asks to remove {} of {} channels; min_channels allows {}".format(
                ratio, quota, total, sum(room.values())
            )
        )
    owner, channel = _ascending(scores, groups)
    gone, held = _spared(owner, quota, [room[group.name] for group in groups])
    kept = {group.name: torch.ones(group.channels, dtype=torch.bool) for group in groups}
    for index, group in enumerate(groups):
        kept[group.name][torch.from_numpy(channel[gone[owner[gone] == index]])] = False
    return kept, [
        "group {!r} was held at {} of {} channels; {} more had been lowest".format(
            groups[index].name, least[groups[index].name], groups[index].channels, count
        )
        for index, count in held.items()
    ]


def _ascending(scores: Scores, groups: Sequence[Group]) -> Tuple[np.ndarray, np.ndarray]:
    """Group index and channel [n] by ascending score, ties by group order and channel."""
    if not groups:
        return np.zeros(0, int), np.zeros(0, int)
    flat = torch.cat([scores[group.name].detach().double().cpu() for group in groups]).numpy()
    owner = np.repeat(np.arange(len(groups)), [group.channels for group in groups])
    channel = np.concatenate([np.arange(group.channels) for group in groups])
    order = np.argsort(flat, kind="stable")
    return owner[order], channel[order]


def _spared(
    owner: np.ndarray, quota: int, room: Sequence[int]
) -> Tuple[np.ndarray, Dict[int, int]]:
    """Places in the order that leave, and how many were passed over per group.

    The first ones leave, except those of groups without room.
    """
    place = np.zeros(owner.size, int)  # of a channel in its own group's order
    for index in range(len(room)):
        place[owner == index] = np.arange(int((owner == index).sum()))
    free = np.flatnonzero(place < np.asarray(room, int)[owner])[:quota]
    passed = np.setdiff1d(np.arange(free[-1] if quota else 0), free)
    return free, dict(zip(*map(list, np.unique(owner[passed], return_counts=True))))


def _rounded(
    kept: Dict[str, torch.Tensor],
    scores: Scores,
    groups: Sequence[Group],
    least: Dict[str, int],
    multiple: int,
) -> List[str]:
    """Notes, after every group's width has been brought to the nearest multiple, up on a tie.

    Its next best or worst channels join or leave.
    """
    notes = []
    for group in groups:
        # a channel that owns several positions, such as the gates of an LSTM, counts as many
        each = max(1, len(group.slices[0].indices[0])) if group.slices else 1
        step = multiple // math.gcd(multiple, each)
        have = int(kept[group.name].sum())
        if have in (group.channels,) or have % step == 0:
            continue
        want = min(group.channels, max(step, int((have + step / 2) // step) * step))
        while want < least[group.name]:
            want = min(group.channels, want + step)
        order = sorted(range(group.channels), key=lambda c: (-float(scores[group.name][c]), c))
        kept[group.name] = torch.zeros(group.channels, dtype=torch.bool)
        kept[group.name][order[:want]] = True
        if want % step:
            notes.append(
                "group {!r} stays at {} channels: no multiple of {} fits".format(
                    group.name, want, multiple
                )
            )
    return notes
