"""Labels: an integer for every index along every tensor axis, and which leave together.

A label stands for one position of one axis of one parameter or buffer. Running a model unifies
labels (these two positions are the same channel) and freezes labels (this position can't
leave). Label 0 is a constant position, such as a padded channel: whatever is unified with it is
frozen. Everything works on whole vectors; pairs are collected and resolved once.
"""

from typing import List, NamedTuple, Set, Tuple

import numpy as np

CONSTANT = 0

Pair = Tuple[np.ndarray, np.ndarray, str]  # two vectors that name the same channels, and where
Freeze = Tuple[np.ndarray, str, str]  # labels, where, why


class Classes(NamedTuple):
    """The result of a resolution: which labels form one channel, and which channels stay."""

    root: np.ndarray  # [labels] the smallest label of the class
    frozen: np.ndarray  # [labels] bool, True where the class can't leave
    reason: np.ndarray  # [labels] index into `reasons`, -1 where the class isn't frozen
    reasons: Tuple[Tuple[str, str], ...]  # (layer, sentence)


class Labels:
    """All labels of a model and what a run has stated about them, by union-find."""

    def __init__(self) -> None:
        self.owners = [("", 0)]  # per axis: tensor name, axis number
        self.starts = [0]  # per axis: its first label
        self.size = 1  # number of labels so far, label 0 included
        self._pairs: List[Pair] = []
        self._seen: Set[Tuple[int, int]] = set()
        self._frozen: List[Freeze] = []

    def allot(self, tensor: str, axis: int, length: int) -> np.ndarray:
        """Fresh labels [length] for one axis of one tensor."""
        self.owners.append((tensor, axis))
        self.starts.append(self.size)
        self.size += length
        return np.arange(self.size - length, self.size)

    def owner(self, label: int) -> Tuple[str, int]:
        """The (tensor name, axis) that a label belongs to."""
        return self.owners[int(np.searchsorted(self.starts, label, side="right")) - 1]

    def axis_of(self) -> np.ndarray:
        """Per label [labels] the number of the axis that owns it."""
        return np.repeat(np.arange(len(self.starts)), np.diff(self.starts + [self.size]))

    def unify(self, left: np.ndarray, right: np.ndarray, site: str) -> None:
        """State that two vectors name the same channels, position by position.

        Raises:
            ValueError: they differ in length.
        """
        if left.size != right.size:
            raise ValueError("{} channels meet {}".format(left.size, right.size))
        # an id stands for its vector as long as the vector lives, and `_pairs` keeps it alive
        key = (id(left), id(right))
        if left is not right and key not in self._seen:
            self._seen.add(key)
            self._pairs.append((left, right, site))

    def freeze(self, labels: np.ndarray, site: str, reason: str) -> None:
        """State that none of these labels may leave."""
        self._frozen.append((labels, site, reason))

    def resolve(self) -> Classes:
        """The classes of all labels seen so far."""
        left, right, site = _joined(self._pairs)
        root = _roots(self.size, left, right)
        events = list(self._frozen) + _meets_constant(left, right, site, self._pairs)
        frozen = np.zeros(self.size, bool)
        reason = np.full(self.size, -1)
        for index in range(len(events) - 1, -1, -1):  # backwards: the first reason wins
            reason[root[events[index][0]]] = index
        frozen[reason >= 0] = True
        frozen[CONSTANT] = True
        return Classes(root, frozen[root], reason[root], tuple((e[1], e[2]) for e in events))


def _joined(pairs: List[Pair]) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs as two long vectors, and per entry the number of the pair it came from."""
    if not pairs:
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0, int)
    left, right, _ = zip(*pairs)
    site = np.repeat(np.arange(len(pairs)), [vector.size for vector in left])
    return np.concatenate(left), np.concatenate(right), site


def _meets_constant(
    left: np.ndarray, right: np.ndarray, site: np.ndarray, pairs: List[Pair]
) -> List[Freeze]:
    """The labels that were unified with a constant position, which freezes them."""
    meets = (left == CONSTANT) != (right == CONSTANT)
    labels, sites = np.maximum(left[meets], right[meets]), site[meets]
    return [
        (labels[sites == index], pairs[index][2], "meets constant channels (padding)")
        for index in np.unique(sites)
    ]


def _roots(size: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Connected components [size]: each label's smallest relative; label 0 joins nobody.

    The larger root is hooked under the smaller one, an arbitrary pair winning, and paths are
    halved until flat; pairs that already agree drop out, so the work shrinks by rounds.
    """
    # label 0 is every constant at once: joining through it would tie channels that never meet
    live = (left != right) & (left != CONSTANT) & (right != CONSTANT)
    left, right = left[live], right[live]
    root = np.arange(size)
    while left.size:
        low, high = np.minimum(left, right), np.maximum(left, right)
        root[high] = low
        root = _flattened(root)
        left, right = root[left], root[right]
        live = left != right
        left, right = left[live], right[live]
    return root


def _flattened(root: np.ndarray) -> np.ndarray:
    """Every label linked to its root directly."""
    while True:
        up = root[root]
        if np.array_equal(up, root):
            return root
        root = up
