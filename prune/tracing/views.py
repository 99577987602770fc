"""Which axes of a tensor turn into which under another shape."""

from typing import List, Sequence, Tuple

Blocks = List[Tuple[List[int], List[int]]]  # (axes before, axes after) of equal product


def blocks(before: Sequence[int], after: Sequence[int]) -> Blocks:
    """The smallest runs of axes with equal products, left to right.

    Sizes of 1 at the end join the last run.
    """
    result: Blocks = []
    i = j = 0
    while i < len(before) and j < len(after):
        inner, outer, left, right = [i], [j], before[i], after[j]
        i, j = i + 1, j + 1
        while left != right:
            if left < right:
                left, i = left * before[i], i + 1
                inner.append(i - 1)
            else:
                right, j = right * after[j], j + 1
                outer.append(j - 1)
        result.append((inner, outer))
    if not result:
        return [(list(range(len(before))), list(range(len(after))))]
    result[-1][0].extend(range(i, len(before)))
    result[-1][1].extend(range(j, len(after)))
    return result
