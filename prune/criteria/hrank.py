"""HRank: channels whose feature maps have low rank leave (Lin et al., 2020, arXiv:2002.10179).

The score is the rank of a channel's feature map after the ReLU, a matrix [height, width], averaged
over images (eq. 5). The paper finds it nearly constant over batches and takes about 500 images. A
neuron's map is a single number: its rank is 0 where the neuron is silent and 1 elsewhere.

`variant` "edge" removes from both ends of the order, "random" by chance, "reverse" the highest
ranks: the paper's controls. Recipe "by_table" cuts layer by layer with the paper's shares, and
freezes filters. Deviations: the ReLU is put on what the layer's batch norm emits, in front of
additions and poolings (`relu` False: on nothing); where several layers write to one group, the
mean of their ranks counts.
"""

from typing import Dict, Optional, Sequence

import torch
from torch import Tensor, nn

from edgejoule.prune.cost import count
from edgejoule.prune.criteria import random
from edgejoule.prune.groups import Group
from edgejoule.prune.scoring import responses
from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "layer"
BATCHES = 5
VARIANTS = ("rank", "edge", "random", "reverse")


def scores(
    model: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    *,
    variant: str = "rank",
    relu: bool = True,
    seed: Optional[int] = None,
) -> Scores:
    """Per group, the mean rank of each channel's feature map, or its place in a variant's order."""
    check(variant=variant, relu=relu, seed=seed)
    if variant == "random":
        return random.scores(model, groups, batches, seed=seed)
    found = mean_ranks(model, groups, batches, relu)
    if variant == "reverse":
        return {name: -ranks for name, ranks in found.items()}
    return {name: _from_ends(each) for name, each in found.items()} if variant == "edge" else found


def check(*, variant: str = "rank", relu: bool = True, seed: Optional[int] = None) -> None:
    """Refuses a variant that does not exist, and a seed where nothing is drawn."""
    if variant not in VARIANTS:
        raise ValueError(
            "no variant called {!r}; there are: {}".format(variant, ", ".join(VARIANTS))
        )
    if seed is not None and variant != "random":
        raise ValueError(
            "seed={!r} has no effect with variant {!r}; remove it or choose 'random'".format(
                seed, variant
            )
        )
    if variant == "random" and not relu:
        raise ValueError("relu=False has no effect with variant 'random'; remove it")


def flops(
    model: nn.Module,
    groups: Sequence[Group],
    batches: Batches,
    *,
    variant: str = "rank",
    **options: object,
) -> int:
    """FLOPs of one scoring: forward passes, and the singular values of every map.

    Those of an m x n matrix, n <= m, take 4 m n^2 - 4/3 n^3 (Golub & Van Loan, section 8.6.3).
    """
    if variant == "random":
        return 0
    images = sum(len(x) for x, _ in batches)
    forward = sum(2 * len(x) * count(model, x[:1]).forward_macs for x, _ in batches)
    return forward + images * (_decompositions(model, groups, batches[0][0][:1]) if images else 0)


def mean_ranks(
    model: nn.Module, groups: Sequence[Group], batches: Batches, relu: bool = True
) -> Dict[str, Tensor]:
    """Per group that a layer emits, the mean rank of each channel's map [channels], float64."""
    found = responses.sites(model, groups)
    totals: Dict[str, Tensor] = {}
    images = sum(len(x) for x, _ in batches)
    with torch.no_grad(), in_mode(model, False):
        with responses.recorded(model, responses.modules(found)) as emitted:
            for x, _ in batches:
                model(x)
                for name, outputs in emitted.items():
                    for output in outputs:
                        ranks = _ranks(model.get_submodule(name), output, relu) / images
                        totals[name] = totals.get(name, 0) + ranks / len(outputs)
                    outputs.clear()
    return {
        group: torch.stack([totals[name][at.to(totals[name].device)].mean(1) for name, at in some])
        .mean(0)
        .cpu()
        for group, some in found.items()
    }


def _ranks(module: nn.Module, output: Tensor, relu: bool) -> Tensor:
    """The rank of each position's map, summed over a batch's images [positions]."""
    maps = _maps(module, output)
    return torch.linalg.matrix_rank(maps.relu() if relu else maps).double().sum(0)


def _maps(module: nn.Module, output: Tensor) -> Tensor:
    """A module's output as maps [n, positions, height, width]; a sequence's has height 1."""
    output = output.transpose(1, -1) if isinstance(module, nn.Linear) else output
    rows = output.shape[2] if output.dim() > 3 else 1
    return output.reshape(output.shape[:2] + (rows, -1))


def _decompositions(model: nn.Module, groups: Sequence[Group], x: Tensor) -> int:
    """FLOPs of the singular values of all maps of one image."""
    names = responses.modules(responses.sites(model, groups))
    total = 0
    with torch.no_grad(), in_mode(model, False):
        with responses.recorded(model, names) as emitted:
            model(x)
    for name, outputs in emitted.items():
        for output in outputs:
            _, positions, m, n = _maps(model.get_submodule(name), output).shape
            m, n = max(m, n), min(m, n)
            total += positions * (4 * m * n * n - 4 * n**3 // 3)
    return total


def _from_ends(ranks: Tensor) -> Tensor:
    """How many channels lie between each channel and the nearer end of the order [channels]."""
    place = ranks.numpy().argsort(kind="stable").argsort()
    places = torch.from_numpy(place).double()
    return torch.min(places, len(places) - 1 - places)
