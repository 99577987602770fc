"""AutoPruner (Luo & Wu, 2020, arXiv:1805.08941): the network learns which channels it needs.

A trained network is trained on with a code on the output of each batch norm inside blocks
(`prune.channelgates.codes`); `alpha` rises in equal steps from the first epoch to the last and
makes codes binary. Then the share `ratio` of each group with the lowest mean codes is cut, and what
is left is tuned. The codes leave with their layers.

The record's facts say how many channels were open in the end, how many stay, and how far the
code that was least sure was from 0 and 1 (`undecided`); 0.05 and more is warned of: then the cut
network is another one than was trained. Deviations: all layers at once where the paper goes from
layer to layer or from stage to stage; exactly `ratio` of each group leaves, where theirs is
whatever the codes come to; maps are pooled to 4 x 4; the balance term does not reach the layers
below a code; `alpha` rises with the epochs and has none of the authors' extra rises. What the codes
themselves compute, a product of a matrix and a vector per batch and layer, is in no count of FLOPs.
"""

from typing import Dict, List, Optional

import torch
from torch import Tensor

from edgejoule.prune import cutting, steps
from edgejoule.prune.channelgates import hanging
from edgejoule.prune.channelgates.codes import Balance, Code
from edgejoule.prune.groups import Group
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.scoring.discriminative import seen
from edgejoule.prune.scoring.gradients import in_mode
from edgejoule.prune.settings import Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer

SURE = 0.05  # a code this near to 0 or 1 is binary


@recipe
def run(
    trainer: Trainer,
    *,
    first_alpha: float = 1.0,
    last_alpha: float = 100.0,
    refresh: int = 20,
    code_epochs: Optional[int] = None,
    cut: Cut = default(mode=fixed("inner"), scope=fixed("layer")),
    retraining: Retraining = default(retrain="last"),
) -> Outcome:
    """The network cut by the codes that it learned, and tuned."""
    epochs = trainer.epochs if code_epochs is None else code_epochs
    _checked(first_alpha, last_alpha, refresh, epochs)
    found = cutting.groups(trainer, cut)
    judged = hanging.gated(trainer.model, found, "autopruner")
    steps.whole(trainer, "dense")
    gates = _gates(trainer, judged, refresh)
    alphas = torch.linspace(first_alpha, last_alpha, epochs).tolist()
    with hanging.hung(trainer.model, gates, judged):
        trainer.replace(trainer.model)  # its optimiser has not seen the codes
        with trainer.phase("search"):
            trainer.train(
                epochs,
                first=0,
                total=epochs,
                penalty=Balance(gates, dict.fromkeys(gates, 1 - cut.ratio), refresh),
                after_epoch=_rising(gates, alphas),
            )
    means = {name: gate.mean.detach().cpu() for name, gate in gates.items()}
    facts = _facts(gates, means)
    with trainer.phase("score"):
        mask = hanging.drawn(means, found, cut, "autopruner")
        _tell(trainer, facts["undecided"])
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask, facts={"codes": dict(facts, kept=mask.kept)})


def _checked(first: float, last: float, refresh: int, epochs: int) -> None:
    if not 0 < first <= last:
        raise ValueError(
            "first_alpha={!r}, last_alpha={!r}; both lie above 0 and the last is no smaller".format(
                first, last
            )
        )
    if refresh < 1 or epochs < 1:
        raise ValueError("refresh={!r}, code_epochs={!r}; both start at 1".format(refresh, epochs))


def _gates(trainer: Trainer, judged: List[Group], refresh: int) -> Dict[str, Code]:
    """A code per group, of the size of what its norm emits."""
    norms = hanging.norms_of(trainer.model, judged)
    with torch.no_grad(), in_mode(trainer.model, False), seen(list(norms.values())) as found:
        trainer.model(trainer.example)
    random = torch.Generator().manual_seed(trainer.seed)
    return {name: Code(found[norm].shape, refresh, random) for name, norm in norms.items()}


def _rising(gates: Dict[str, Code], alphas: List[float]):
    """What sets the next epoch's alpha, after it has set the first one's."""

    def set_to(alpha: float) -> None:
        for gate in gates.values():
            gate.alpha = alpha

    def after_epoch(epoch: int) -> None:
        if epoch + 1 < len(alphas):
            set_to(alphas[epoch + 1])

    set_to(alphas[0])
    return after_epoch


def _facts(gates: Dict[str, Code], means: Dict[str, Tensor]) -> Dict:
    """What the codes came to; read before the cut."""
    undecided = max(float(torch.min(mean, 1 - mean).max()) for mean in means.values())
    return {
        "open": sum(int(gate.open.sum()) for gate in gates.values()),
        "channels": sum(len(mean) for mean in means.values()),
        "undecided": undecided,
    }


def _tell(trainer: Trainer, undecided: float) -> None:
    if undecided >= SURE:
        trainer.warn(
            "a code was {:.2f} from 0 and 1 in the end, so the cut network is not the trained one; "
            "raise last_alpha or code_epochs".format(undecided)
        )
