"""The shares of each layer's channels that papers remove, by name, for networks of this project.

A table is {group or pattern: share}; groups that no pattern matches stay whole. The tables follow
the order of the layers in the paper, and the names are those of the models `vgg16`, `resnet56` and
`resnet110`.

l1_*      Li et al., 2017, arXiv:1608.08710, table 1 and sections 4.1, 4.2. Layers are counted from
          the first convolution, 1; the first one of block k (from 0) is 2 + 2 k. Sensitive ones
          are skipped: 16, 20, 38, 54 in ResNet-56-A, for example.
hrank_*   Lin et al., 2020, arXiv:2002.10179: the 65 % FLOPs cut of VGG-16, from the authors' code.
"""

from typing import Dict, Mapping, Sequence, Union

# the 13 convolutions of VGG-16 as models `vgg16`, `vgg_d` and `vgg_like` call them
VGG16 = tuple("features.{}".format(at) for at in (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40))


def named(table: Union[str, Mapping[str, float]]) -> Mapping[str, float]:
    """The table of that name, or the mapping itself.

    Raises:
        ValueError: there is no such table.
    """
    if isinstance(table, Mapping):
        return table
    if table not in TABLES:
        raise ValueError(
            "no table called {!r}; there are: {}; or give {{group or pattern: share}}".format(
                table, ", ".join(sorted(TABLES))
            )
        )
    return TABLES[table]


def _vgg16(shares: Sequence[float]) -> Dict[str, float]:
    return dict(zip(VGG16, shares))


def _resnet(depth: int, stages: Sequence[float], skipped: Sequence[int]) -> Dict[str, float]:
    """Shares of the first convolution of every block, by stage, without the skipped layers."""
    blocks = (depth - 2) // 6  # of each of three stages
    return {
        "stages.{}.{}.conv1".format(stage, block): share
        for stage, share in enumerate(stages)
        for block in range(blocks)
        if share and 2 + 2 * (stage * blocks + block) not in skipped
    }


TABLES = {
    "l1_vgg16": _vgg16([0.5] + [0.0] * 6 + [0.5] * 6),
    "l1_resnet56_a": _resnet(56, (0.1, 0.1, 0.1), (16, 20, 38, 54)),
    "l1_resnet56_b": _resnet(56, (0.6, 0.3, 0.1), (16, 18, 20, 34, 38, 54)),
    "l1_resnet110_a": _resnet(110, (0.5, 0.0, 0.0), (36,)),
    "l1_resnet110_b": _resnet(110, (0.5, 0.4, 0.3), (36, 38, 74)),
    "hrank_vgg16": _vgg16([0.95] + [0.5] * 6 + [0.9] * 4 + [0.8] * 2),
}
