"""NISP: importance of the final responses, propagated back (Yu et al., 2018, arXiv:1711.05908).

What the classifier reads is ranked on data; every layer hands its importance on to what it reads
through the absolute values of its weights, s_l = |W_{l+1}|^T s_{l+1}. A channel's score is the sum
of its neurons' importance, taken once, on the dense network. Layerwise: sums of different layers
do not compare.

`ranking` "inffs" is the paper's infinite feature selection, "variance" and "ones" are simpler.
Deviations: batch norms count as |gamma| / sigma and max poolings as sums (the paper's networks have
neither rule), activations that are functions of the forward must be ReLUs, and where several
layers write to one group their importance is added. From the abstract and secondary sources.
"""

from typing import Sequence

import torch
from torch import Tensor, nn

from edgejoule.prune.cost import count
from edgejoule.prune.groups import Group
from edgejoule.prune.scoring import feature_ranking, propagation, responses
from edgejoule.prune.trainer import Batches, Scores

SCOPE = "layer"
BATCHES = 5
RANKINGS = ("inffs", "variance", "ones")


def scores(
    model: nn.Module, groups: Sequence[Group], batches: Batches, *, ranking: str = "inffs"
) -> Scores:
    """Per group that a layer emits, the importance of each channel over the largest [channels].

    Raises:
        ValueError: the network has no classifier, or its importance is beyond floating point.
    """
    check(ranking=ranking)
    x = batches[0][0]
    last = propagation.classifier(model, x[:1])
    worth = _worth(propagation.final_responses(model, last, batches), ranking)
    found = responses.sites(model, groups, after_norm=False)
    carried = propagation.importances(model, found, x, last, worth)
    beyond = [name for name, each in carried.items() if not bool(torch.isfinite(each).all())]
    if beyond:
        raise ValueError(
            "the importance of {} is beyond floating point; choose another criterion".format(
                ", ".join(beyond)
            )
        )
    return {name: each / max(float(each.max()), 1e-300) for name, each in carried.items()}


def check(*, ranking: str = "inffs") -> None:
    """Refuses a ranking that does not exist."""
    if ranking not in RANKINGS:
        raise ValueError(
            "no ranking called {!r}; there are: {}".format(ranking, ", ".join(RANKINGS))
        )


def flops(
    model: nn.Module, groups: Sequence[Group], batches: Batches, *, ranking: str = "inffs"
) -> int:
    """FLOPs of one scoring: forward passes, the ranking, and two passes that carry back."""
    images = sum(len(x) for x, _ in batches)
    forward = count(model, batches[0][0][:1]).forward_macs
    last = model.get_submodule(propagation.classifier(model, batches[0][0][:1]))
    features = int(getattr(last, "in_features", 0))
    ranked = {
        "inffs": sum(feature_ranking.ranking_flops(images, features)),
        "variance": 3 * images * features,
        "ones": 0,
    }
    return 2 * forward * (images + 2) + ranked[ranking]


def _worth(seen: Tensor, ranking: str) -> Tensor:
    """The importance of the final responses [features]."""
    if ranking == "ones":
        return torch.ones(seen.shape[1]).double()
    if ranking == "variance":
        return seen.var(0)
    return torch.from_numpy(feature_ranking.infinite(seen.numpy()))
