"""Variational pruning (Zhao et al., 2019, "Variational Convolutional Neural Network Pruning").

A trained network is trained on with scales of batch norms that are drawn by chance
(`prune.channelgates.gaussian`). At `ratio` 0 channels whose mean is below `least_mean` (0.02) and
whose deviation is below `least_deviation` (0.01) close after each epoch of the second half, for
good, and leave in the end. Any other `ratio` removes exactly that share, the lowest
sqrt(mu^2 + sigma^2) of all layers first. Means become the norms' scales, and nothing is drawn any
more; there is no retraining unless `retrain_epochs` asks for it.

A re-implementation from the paper's abstract and an unofficial layer, so no figure of the paper is
claimed. Chosen by us: the tied prior (`prior` None; a number is the deviation of a fixed one), tau
= 1 / 50 000, one over the number of CIFAR's images (`divergence_strength`), deviations that begin
at a tenth of gamma, and which epochs close channels. In short trainings no channel meets both
thresholds, so that only a `ratio` removes any. Residual streams keep their norms as they are.
"""

from typing import Callable, Dict, List, Optional

import torch
from torch import Tensor

from edgejoule.prune import cutting, steps
from edgejoule.prune.channelgates import hanging
from edgejoule.prune.channelgates.gaussian import Divergence, Draw, Gaussian, small
from edgejoule.prune.outcome import Outcome
from edgejoule.prune.recipe import recipe
from edgejoule.prune.settings import Cut, Retraining, default, fixed
from edgejoule.prune.trainer import Trainer


@recipe
def run(
    trainer: Trainer,
    *,
    divergence_strength: float = 2e-5,
    prior: Optional[float] = None,
    least_mean: float = 0.02,
    least_deviation: float = 0.01,
    variational_epochs: Optional[int] = None,
    cut: Cut = default(ratio=0.0, mode=fixed("inner"), scope=fixed("global"), multiple_of=fixed(1)),
    retraining: Retraining = default(retrain_epochs=0),
) -> Outcome:
    """The network without the channels whose scales are small and surely so, or a share of them."""
    epochs = trainer.epochs if variational_epochs is None else variational_epochs
    _checked(divergence_strength, prior, least_mean, least_deviation, epochs)
    found = cutting.groups(trainer, cut)
    judged = hanging.gated(trainer.model, found, "vcnnp")
    steps.whole(trainer, "dense")
    norms = hanging.norms_of(trainer.model, judged)
    gates = {name: Gaussian(norm, _chance(trainer.seed)) for name, norm in norms.items()}
    closing = _closing(gates, epochs, least_mean, least_deviation, cut.min_channels)
    with hanging.hung(trainer.model, gates, judged):
        trainer.replace(trainer.model)  # its optimiser has not seen the gates
        with trainer.phase("search"):
            trainer.train(
                epochs,
                first=0,
                total=epochs,
                penalty=Divergence(gates, norms, divergence_strength, prior),
                after_epoch=None if cut.ratio else closing,
            )
    facts = _facts(gates)
    with trainer.phase("score"):
        for name, gate in gates.items():
            gate.give_back(norms[name])
        dead = {name: ~gate.kept for name, gate in gates.items()}
        mask = hanging.drawn(_scores(gates), found, cut, "vcnnp", dead)
        if not cut.ratio and not facts["closed"]:
            trainer.warn(
                "no channel had a mean below {:g} and a deviation below {:g}, so none left; set "
                "ratio to remove the lowest".format(least_mean, least_deviation)
            )
        cutting.apply(trainer, found, mask)
    with trainer.phase("retrain"):
        steps.retrain(trainer, retraining)
    return Outcome(trainer.model, found, mask, facts={"scales": facts})


def _checked(
    strength: float, prior: Optional[float], mean: float, deviation: float, epochs: int
) -> None:
    if strength < 0 or (prior is not None and prior <= 0):
        raise ValueError(
            "divergence_strength={!r}, prior={!r}; a strength starts at 0, a prior's deviation "
            "lies above 0 (None: the tied prior)".format(strength, prior)
        )
    if mean < 0 or deviation < 0 or epochs < 1:
        raise ValueError(
            "least_mean={!r}, least_deviation={!r}, variational_epochs={!r}; thresholds start at "
            "0, epochs at 1".format(mean, deviation, epochs)
        )


def _chance(seed: int) -> Draw:
    """Draws from a generator of its own, which a copy of the network shares."""
    generator = torch.Generator().manual_seed(seed)
    return lambda size: torch.randn(size, generator=generator)


def _closing(
    gates: Dict[str, Gaussian], epochs: int, mean: float, deviation: float, least: int
) -> Callable[[int], None]:
    """What closes small channels after an epoch of the second half."""

    def after_epoch(epoch: int) -> None:
        if 2 * (epoch + 1) <= epochs:
            return
        for name, gate in gates.items():
            closed = small(gate.mean.detach(), gate.deviation.detach(), mean, deviation)
            best = _scores(gates)[name].argsort(descending=True)[:least]
            closed[best] = False  # a layer needs some to go on
            gate.kept.logical_and_(~closed)

    return after_epoch


def _scores(gates: Dict[str, Gaussian]) -> Dict[str, Tensor]:
    """sqrt(mu^2 + sigma^2) of each channel [channels], 0 for a closed one."""
    return {
        name: ((gate.mean**2 + gate.deviation**2).sqrt() * gate.kept).detach()
        for name, gate in gates.items()
    }


def _facts(gates: Dict[str, Gaussian]) -> Dict[str, float]:
    deviations: List[Tensor] = [gate.deviation.detach() for gate in gates.values()]
    return {
        "closed": sum(int((~gate.kept).sum()) for gate in gates.values()),
        "channels": sum(len(each) for each in deviations),
        "least_deviation": min(float(each.min()) for each in deviations),
    }
